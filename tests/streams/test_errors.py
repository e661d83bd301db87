"""What becomes of records that fail: at a verb, at reading, at writing; and how they come back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.redriving import back, told_by
from moldau.streams.errors import StreamsError
from tests.streams.sales import Sale, row, sale

is_mended = False


@pytest.fixture(autouse=True)
def _broken() -> None:
    global is_mended
    is_mended = False


def mend() -> None:
    global is_mended
    is_mended = True


def refuses_two(one: Any) -> Any:
    """What fails at an amount of 2, until it is mended."""
    amount = one["amount"] if isinstance(one, dict) else one.amount
    if amount == 2 and not is_mended:
        raise ValueError("no two")
    return one


def program(**settings: Any) -> tuple[moldau.App, Any, Any]:
    app = moldau.App("errors", **settings)
    sales = app.topic("sales", Sale, event_time="timestamp", lateness="10s")
    return app, sales, app.stream(sales)


def told(t: Any, topic: str = "errors-dlq") -> list[dict[str, str]]:
    return [told_by(one.headers) for one in t[topic].records()]


STEPS: dict[str, Any] = {
    "map": lambda s: s.map(refuses_two),
    "filter": lambda s: s.filter(refuses_two),
    "peek": lambda s: s.peek(refuses_two),
    "flat_map": lambda s: s.flat_map(lambda one: [refuses_two(one)]),
    "key_by": lambda s: s.key_by(lambda one: str(refuses_two(one))),
    "branch": lambda s: s.branch(refuses_two)[0],
    "select": lambda s: s.select(amount=lambda one: refuses_two(one).amount),
}


BY_NAME: dict[str, Any] = {
    "select": lambda s: s.select("category", "amount"),
    "select one": lambda s: s.select("category"),
    "key_by": lambda s: s.key_by("category"),
}


@pytest.mark.parametrize("verb", BY_NAME)
def test_fields_of_what_has_no_known_type_are_told_with_the_remedy(verb: str) -> None:
    app, _, stream = program(on_error=moldau.retry(1))
    BY_NAME[verb](stream.map(lambda one: one)).to("out")
    with moldau.testing.run(app) as t:
        t["sales"].send(sale(0))
        (letter,) = told(t)
    assert letter["message"].startswith(
        "'Sale' object is not subscriptable: the type of what comes"
    )
    assert "(-> Sale), or give that step type=Sale" in letter["message"]


def test_what_the_program_itself_subscripts_is_its_own_error() -> None:
    app, _, stream = program(on_error=moldau.retry(1))
    stream.map(lambda one: one["category"]).to("out")
    with moldau.testing.run(app) as t:
        t["sales"].send(sale(0))
        (letter,) = told(t)
    assert letter["message"] == "'Sale' object is not subscriptable"


@pytest.mark.parametrize("verb", STEPS)
def test_promise_17_a_record_that_fails_at_a_verb_costs_itself_alone(verb: str) -> None:
    app, sales, stream = program()
    STEPS[verb](stream).map(lambda one: one).to("out")
    with moldau.testing.run(app) as t:
        t[sales].send(*(sale(n, amount=str(n)) for n in (1, 2, 3, 2, 4)))
        assert [one["amount"] for one in t["out"].values()] == ["1", "3", "4"]
        assert [one["step"] for one in told(t)] == [f"{verb}-1"] * 2
        assert [one["tries"] for one in told(t)] == ["3", "3"]
        mend()
        assert t.redrive() == 2
        assert [one["amount"] for one in t["out"].values()] == ["1", "3", "4", "2", "2"]
        assert t.redrive() == 0


def test_promise_17_what_cannot_be_read_is_a_dead_letter_at_once() -> None:
    app, sales, stream = program()
    stream.to("out")
    with moldau.testing.run(app) as t:
        t[sales].send_raw(msgspec.json.encode(sale(1)), b"{}", b"not json", None)
        t[sales].send(sale(2))
        assert len(t["out"].values()) == 2
        assert [one.value for one in t["errors-dlq"].records()] == [b"{}", b"not json", None]
        assert [(one["step"], one["tries"]) for one in told(t)] == [("sales", "1")] * 3
        assert t.redrive() == 3  # nothing has been mended
        assert [one["redrives"] for one in told(t)] == ["0", "0", "0", "1", "1", "1"]
        assert [one["offset"] for one in told(t)][3:] == ["1", "2", "3"]


def test_the_trace_of_a_letter_tells_its_own_error_alone() -> None:
    app, sales, stream = program()
    stream.map(refuses_two).to("out")
    with moldau.testing.run(app) as t:
        t[sales].send_raw(b"{}", b"not json")
        t[sales].send(sale(1, amount="2"))
        traces = [one["trace"] for one in told(t)]
        assert ["category" in one for one in traces] == [True, False, False]
        assert [one.count("Traceback") for one in traces] == [1, 1, 1]
        assert 'raise ValueError("no two")' in t.report()  # it stands at the end


def test_what_cannot_be_written_is_a_dead_letter_of_the_step_that_sends() -> None:
    app, sales, stream = program()
    stream.map(lambda one: {"x": 1} if one.amount == 1 else {"x": object()}).to("out")
    with moldau.testing.run(app) as t:
        t[sales].send(*(sale(n, amount=str(n)) for n in (1, 2, 1)))
        assert t["out"].values() == [{"x": 1}, {"x": 1}]
        assert [one["step"] for one in told(t)] == ["to-1"]


def test_promise_17_each_step_and_topic_may_have_its_own_way() -> None:
    app, sales, stream = program(on_error="stop")
    stream.map(refuses_two, on_error=moldau.retry(5, topic="map-letters")).to("out")
    stream.filter(refuses_two, on_error="skip").to("others")
    with moldau.testing.run(app) as t:
        t[sales].send(sale(1, amount="2"), sale(1, amount="1"))
        assert [one["tries"] for one in told(t, "map-letters")] == ["5"]
        assert len(t["others"].values()) == 1
        with pytest.raises(
            StreamsError, match=r"sales: ValidationError: .*, of sales-0 at offset 2"
        ):
            t[sales].send_raw(b"{}")


def test_promise_17_redrive_goes_to_the_step_that_failed_and_to_no_other() -> None:
    app, sales, stream = program()
    seen: list[str] = []
    both = stream.flat_map(lambda one: [one, sale(0, "other")], type=Sale)
    both.map(refuses_two).to("mapped")
    both.to("all")

    @app.agent(sales)
    def ship(order: Sale) -> None:
        now = moldau.current()
        seen.append(f"{order.amount} {now.id}")
        refuses_two(order)

    with moldau.testing.run(app) as t:
        t[sales].send(sale(1, amount="1"), sale(2, amount="2"))
        assert len(t["mapped"].values()) == 3
        mend()
        del seen[:]
        assert t.redrive() == 2
        assert [one["amount"] for one in t["mapped"].values()][3:] == ["2"]
        assert len(t["all"].values()) == 4
        assert len(t[sales].values()) == 2  # nothing came into the source
    assert seen == ["2 sales-0-1"]  # and it knows which record it was


def joined(both: Any, app: moldau.App, how: Any) -> Any:
    groups = app.global_table(app.topic("groups", dict, key="name"))
    return both.join(groups, lambda one, _: refuses_two(one), on="category", how=how)


PARTS: dict[str, Any] = {
    "left join": lambda both, app: joined(both, app, "left"),
    "inner join": lambda both, app: joined(both, app, "inner"),
    "branch": lambda both, _: both.branch(lambda one: one.category == "other", refuses_two)[1],
}


@pytest.mark.parametrize("step", PARTS)
def test_promise_17_of_what_was_made_of_a_record_the_part_that_failed_comes_back(step: str) -> None:
    app, sales, stream = program()
    both = stream.flat_map(lambda one: [sale(0, "other"), one], type=Sale)
    PARTS[step](both, app).map(lambda one: one).to("out")
    with moldau.testing.run(app) as t:
        if "join" in step:
            t["groups"].send({"name": "books"})
        t[sales].send(*(sale(n, amount=str(n)) for n in (1, 2, 3)))
        assert [one["part"] for one in told(t)] == ["1"]
        mend()
        before = len(t["out"].values())
        assert t.redrive() == 1
        assert [one["amount"] for one in t["out"].values()[before:]] == ["2"]


def test_a_redriven_record_counts_where_its_window_is_open_and_is_late_where_it_is_not() -> None:
    app, sales, stream = program()
    windows = stream.map(refuses_two, type=Sale).group_by("category").tumbling("1m")
    windows.agg(revenue=moldau.sum("amount"), orders=moldau.count()).to("out")
    with moldau.testing.run(app, partitions=2) as t:
        t[sales].send(sale(1, amount="2"), sale(80, amount="2"), sale(81, amount="1"), partition=0)
        t[sales].send(sale(81, "toys", "1"), partition=1)
        assert t["out"].values() == []
        mend()
        t.redrive()
        t.end()
        assert t["out"].values() == [row(1, "books", "3", 2), row(1, "toys", "1", 1)]


def test_letters_of_every_topic_are_redriven() -> None:
    app, sales, stream = program(on_error="stop")
    stream.map(refuses_two, on_error=moldau.retry(1, topic="map-letters")).to("mapped")
    stream.filter(refuses_two, on_error=moldau.retry(1, topic="filter-letters")).to("filtered")
    with moldau.testing.run(app) as t:
        t[sales].send(sale(1, amount="2"))
        mend()
        assert t.redrive("map-letters") == 1
        assert t.redrive() == 1
        assert len(t["mapped"].values()) == len(t["filtered"].values()) == 1


def test_a_result_of_many_records_comes_back_as_it_was() -> None:
    app, sales, stream = program()
    totals = stream.group_by("category").tumbling("1m").agg(amount=moldau.sum("amount"))
    totals.map(refuses_two).to("out")
    with moldau.testing.run(app, partitions=2) as t:
        t[sales].send(sale(1, amount="1"), sale(2, amount="1"), sale(3, "toys"), partition=0)
        t.end()
        assert [one["form"] for one in told(t)] == ["value"]
        assert len(t["out"].values()) == 1
        mend()
        t.redrive()
        books = t["out"].values()[-1]
        assert (books["category"], books["amount"]) == ("books", "2")
        assert books["window_start"] == "2026-01-01T00:00:00Z"
        assert t["out"].records()[-1].timestamp == 1_767_225_659_999


def test_a_record_that_was_a_letter_of_another_program_keeps_its_headers() -> None:
    """A program may read dead letters, and fail at one."""
    app, sales, stream = program()
    stream.map(refuses_two).to("out")
    with moldau.testing.run(app) as t:
        t[sales].send(sale(1, amount="2"))
        (letter,) = t["errors-dlq"].records()
    headers = [*(letter.headers or ()), ("moldau-dlq-left-out", b"0 bytes")]
    reader = moldau.App("reader", on_error=moldau.retry(1))
    seen = []

    @reader.agent(reader.topic("errors-dlq", Sale))
    def look(order: Sale) -> None:
        seen.append(moldau.current().headers)
        refuses_two(order)

    with moldau.testing.run(reader) as t:
        t.deliver(letter_of("errors-dlq", letter.value, headers))
        t.settle()
        for _ in range(2):
            assert t.redrive() == 1
        letters = t["reader-dlq"].records()
        assert [one.value for one in letters] == [letter.value] * 3
        assert [(one.headers or [])[: len(headers)] for one in letters] == [headers] * 3
        assert [told_by(one.headers or [])["redrives"] for one in letters] == ["0", "1", "2"]
    assert seen == [headers] * 3


def letter_of(topic: str, value: bytes | None, headers: Any) -> Output:
    return Output(topic, 0, b"key", value, 0, headers)


@pytest.mark.parametrize("form", ["record", "output"])
def test_a_letter_without_its_value_is_never_sent_as_if_it_had_none(form: str) -> None:
    """The broker has refused that: sent back, it would delete its key from a table."""
    app = moldau.App("shop")
    app.stream(app.topic("in", bytes, format="raw")).to(app.topic("out", bytes, format="raw"))
    told = {"topic": {"record": "in", "output": "out"}[form], "form": form, "app": "shop"}
    told |= dict.fromkeys(("task", "partition", "part", "offset", "redrives"), "0")
    told |= {"stage": "source-1", "step": "to-1", "left-out": "7 bytes"}
    headers = [(f"moldau-dlq-{name}", text.encode()) for name, text in told.items()]
    with moldau.testing.run(app) as t:
        t.deliver(letter_of("shop-dlq", None, headers))
        for _ in range(2):
            assert t.redrive() == 1
        assert t["out"].records() == []
        again = [told_by(one.headers or []) for one in t["shop-dlq"].records()[1:]]
    assert [one["message"] for one in again] == [
        "its value was left out (7 bytes), and is in its source"
    ] * 2
    assert [one["redrives"] for one in again] == ["1", "2"]


def strict_or_not(n: Any) -> Any:
    """A topic that is read as a stream and as a table."""
    app = moldau.App("shop")
    rows = app.topic("rows", msgspec.defstruct("Row", [("k", n), ("n", n)]), key="k")
    app.stream(rows).to("stream")
    app.table(rows, name="of-rows").to("table")
    return app


def test_what_could_not_be_read_comes_back_into_the_table_too() -> None:
    with moldau.testing.run(strict_or_not(int)) as t:
        t["rows"].send_raw(b'{"k":"a","n":1}', key=b"a")
        t["rows"].send_raw(None, key=b"b")
        letters = t["shop-dlq"].records()
    with moldau.testing.run(strict_or_not(int | str)) as t:
        t["rows"].send_raw(b'{"k":"b","n":1}', key=b"b")
        t.advance("1s")
        for letter in letters:
            key, value, headers = letter.key, letter.value, letter.headers
            t.deliver(Output("shop-dlq", 0, key, value, t.now_ms, headers))
        assert t.redrive() == 2
        t.end()
        table = {one.key: one.value is None for one in t["table"].records()}
        assert table == {b"a": False, b"b": True}
        assert [one.key for one in t["stream"].records()] == [b"b", b"a"]


def test_a_record_that_is_no_dead_letter_is_not_redriven() -> None:
    app, sales, stream = program()
    stream.to("out")
    with moldau.testing.run(app) as t:
        t[sales].send(sale(1))
        with pytest.raises(StreamsError, match="no dead letter"):
            t.redrive("out")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"part": None}, "headers moldau-dlq-… are missing"),
        ({"offset": b"x"}, "offset is no number"),
        ({"offset": b"9" * 5000}, "offset is no number"),
    ],
)
def test_a_letter_that_would_stop_its_task_is_not_sent_back(
    change: dict[str, bytes | None], said: str
) -> None:
    told: dict[str, bytes | None] = {"app": b"shop", "stage": b"source-1", "step": b"map-1"}
    told |= dict.fromkeys(("task", "partition", "part", "redrives"), b"0")
    told |= {"topic": b"orders", "form": b"record", "offset": b"-1"}
    letter = [(f"moldau-dlq-{name}", value) for name, value in told.items()]
    assert back(None, b"1", 0, list(letter)).topic == "shop-source-1-redrive"
    told |= change
    letter = [(f"moldau-dlq-{name}", value) for name, value in told.items() if value is not None]
    with pytest.raises(StreamsError, match=said):
        back(None, b"1", 0, letter)
