"""The verbs that keep nothing, and deduplicate: what comes out, and which names are checked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.streams.errors import DefinitionError
from moldau.streams.stream import Stream
from tests.drawn import share
from tests.streams.sales import Sale, sale


def program() -> tuple[moldau.App, Stream]:
    app = moldau.App("verbs")
    topic = app.topic("sales", Sale, event_time="timestamp", lateness="10s")
    return app, app.stream(topic)


def results(app: moldau.App, *sales: Sale, topic: str = "out", partitions: int = 1) -> list[Any]:
    with moldau.testing.run(app, partitions=partitions) as t:
        t["sales"].send(*sales)
        t.end()
        found: list[Any] = t[topic].values()
        return found


def test_select_takes_names_other_names_and_functions() -> None:
    app, stream = program()
    stream.select("category", price="amount", twice=lambda s: s.amount * 2).to("out")
    assert results(app, sale(0)) == [{"category": "books", "price": "1.10", "twice": "2.20"}]


def test_with_fields_keeps_the_others() -> None:
    app, stream = program()
    stream.select("category", "amount").with_fields(amount=lambda s: s["amount"] + 1).to("out")
    assert results(app, sale(0)) == [{"category": "books", "amount": "2.10"}]


def test_with_fields_of_values_whose_fields_nobody_declared() -> None:
    app, stream = program()
    stream.map(lambda s: {"a": 1}).with_fields(b="a").to("out")
    assert results(app, sale(0)) == [{"a": 1, "b": 1}]


def test_a_record_takes_the_first_branch_that_is_true_of_it() -> None:
    app, stream = program()
    dear, books, rest = stream.branch(lambda s: s.amount > 5, lambda s: s.category == "books")
    dear.to("dear")
    books.to("books")
    rest.to("rest")
    with moldau.testing.run(app) as t:
        t["sales"].send(sale(0, amount="9"), sale(1), sale(2, "toys"), sale(3, "toys", "9"))
        assert [one["category"] for one in t["dear"].values()] == ["books", "toys"]
        assert [one["amount"] for one in t["books"].values()] == ["1.10"]
        assert [one["category"] for one in t["rest"].values()] == ["toys"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda s: s.select("categry"), "no field 'categry'; did you mean 'category'"),
        (lambda s: s.with_fields(x="amont"), "did you mean 'amount'"),
        (lambda s: s.select("category", "amount").group_by("amout"), "did you mean 'amount'"),
        (lambda s: s.with_fields(price="amount").select("prise"), "did you mean 'price'"),
        (
            lambda s: s.group_by("category").agg(total=moldau.sum("amount")).select("totl"),
            "did you mean 'total'",
        ),
        (
            lambda s: (
                s.group_by("category").tumbling("1m").agg(n=moldau.count()).key_by("windowend")
            ),
            "did you mean 'window_end'",
        ),
        (lambda s: s.deduplicate("categori", within="1m"), "did you mean 'category'"),
        (lambda s: s.map(_named).select("nam"), "did you mean 'name'"),
    ],
)
def test_names_are_checked_behind_every_verb(wrong: Any, said: str) -> None:
    _, stream = program()
    with pytest.raises(DefinitionError, match=said):
        wrong(stream)


class Named(Sale):
    name: str


def _named(one: Sale) -> Named:
    return Named(one.category, one.amount, one.timestamp, "x")


def test_results_keep_their_types_over_a_repartition() -> None:
    """A Decimal is a Decimal on the other side, so it can be added up."""
    app, stream = program()
    per_minute = stream.group_by("category").tumbling("1m").agg(total=moldau.sum("amount"))
    per_minute.group_by("window_start").tumbling("1m").agg(total=moldau.sum("total")).to("out")
    rows = results(app, sale(0), sale(1, "toys"), partitions=2)
    assert [one["total"] for one in rows] == ["2.20"]


# --- deduplicate --------------------------------------------------------------------------------


def test_promise_11_deduplicate_forgets_after_its_time() -> None:
    app, stream = program()
    stream.deduplicate("category", within="1m").to("out")
    rows = results(app, sale(0, amount="1"), sale(60, amount="2"), sale(61, amount="3"))
    assert [one["amount"] for one in rows] == ["1", "3"]


@settings(deadline=None, max_examples=share(60))
@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab")), max_size=12),
    st.integers(1, 3),
    st.data(),
)
def test_promise_07_deduplicate_goes_by_event_time(
    records: list[tuple[int, str]], partitions: int, data: st.DataObject
) -> None:
    """Whatever the order of arrival within the lateness."""
    app, stream = program()
    stream.deduplicate("category", within="3s", by="amount").to("out")
    sales = [sale(second, category, str(n)) for n, (second, category) in enumerate(records)]
    expected: dict[str, list[Sale]] = {}
    for one in sorted(sales, key=lambda s: (s.timestamp, s.amount)):
        kept = expected.setdefault(one.category, [])
        if not kept or (one.timestamp - kept[-1].timestamp).total_seconds() > 3:
            kept.append(one)
    wanted = {one.amount for kept in expected.values() for one in kept}
    with moldau.testing.run(app, partitions=partitions) as t:
        for one in data.draw(st.permutations(sales)):
            t["sales"].send(one, partition=data.draw(st.integers(0, partitions - 1)))
        t.end()
        found = [Decimal(one["amount"]) for one in t["out"].values()]
    assert len(found) == len(set(found))
    assert set(found) == wanted


@pytest.mark.parametrize("is_first", [True, False])
def test_what_is_merged_keeps_its_fields_behind_a_repartition(is_first: bool) -> None:
    app, stream = program()
    priced, named = stream.select("category", price="amount"), stream.select(name="category")
    both = priced.merge(named) if is_first else named.merge(priced)
    both.group_by(len).tumbling("1m").agg(rows=moldau.collect(dict)).to("out")
    rows = [one["rows"] for one in results(app, sale(0), partitions=2)]
    assert sorted(rows, key=str) == [[{"category": "books", "price": "1.10"}], [{"name": "books"}]]
