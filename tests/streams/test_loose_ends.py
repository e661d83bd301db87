"""What a program makes and nobody reads is told at start, with the place where it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.loose_ends import loose_ends
from moldau.streams.stream import Stream
from moldau.streams.topology import topology
from moldau.streams.upkeep.describing import as_text
from moldau.streams.watching import serving


class Sale(msgspec.Struct):
    category: str
    amount: int


def _declared(verbs: Callable[[Stream], Any]) -> moldau.App:
    app = moldau.App("shop")
    verbs(app.stream(app.topic("sales", Sale)))
    return app


def _told(app: moldau.App, *, is_asked: bool = False) -> list[str]:
    return loose_ends(topology(app.id, app.nodes), is_asked=is_asked)


def _joined(sales: Stream) -> Any:
    return sales.join(sales, on="category", within="1m")


UNREAD: dict[str, tuple[Callable[[Stream], Any], str]] = {
    "map": (lambda s: s.map(lambda sale: sale.amount), "what map-1 makes"),
    "for what it does": (lambda s: s.map(print), ".peek"),
    "filter": (lambda s: s.map(str).filter(len), "what filter-1 makes"),
    "merge": (lambda s: s.merge(s.filter(bool)), "what merge-1 makes"),
    "all of a branch": (lambda s: s.branch(bool), "what branch-1 makes"),
    "group_by": (lambda s: s.group_by("category"), "add what is done by key, as .agg(...)"),
    "key_by": (lambda s: s.key_by("category"), "what key_by-1 makes"),
    "join": (_joined, "what join-1 makes"),
    "deduplicate": (lambda s: s.deduplicate("category", within="1m"), "what deduplicate-2 makes"),
    "a table": (
        lambda s: s.group_by("category").agg(n=moldau.count()),
        "what agg-1 makes",
    ),
    "a table of a table": (
        lambda s: s.group_by("category").agg(n=moldau.count()).filter(bool),
        "what filter-1 makes",
    ),
    "windows that cannot be asked for": (
        lambda s: s.group_by("category").sliding("1m").agg(name="n", n=moldau.count()),
        "what n makes",
    ),
    "results, where the late ones are": (
        lambda s: s.group_by("category").session("1m").agg(late="late", n=moldau.count()),
        "what agg-1 makes",
    ),
}


@pytest.mark.parametrize("what", UNREAD)
def test_what_nobody_reads_is_told_with_its_place(what: str) -> None:
    verbs, expected = UNREAD[what]
    app = _declared(verbs)
    (told,) = _told(app)
    line = verbs.__code__.co_firstlineno
    assert expected in told
    assert any(f"(test_loose_ends.py:{line + more})" in told for more in range(3))
    assert as_text(topology(app.id, app.nodes)).endswith(f"\n\n{told}")


def test_each_end_is_told_by_itself() -> None:
    first, second = _told(_declared(lambda s: (s.map(str), s.filter(bool), s.to("copy"))))
    assert "map-1" in first
    assert "filter-1" in second


def _looked_into(sales: Stream) -> None:
    totals = sales.group_by("category").agg(n=moldau.count())
    sales.key_by("category").peek(lambda sale: totals.get(sale.category))


def _shown(sale: Sale) -> None:
    print(sale)


READ: dict[str, Callable[[Stream], Any]] = {
    "sent": lambda s: s.map(str).to("out"),
    "seen": lambda s: s.map(str).peek(print),
    "made of nothing": lambda s: s.map(_shown),
    "what a branch leaves over": lambda s: s.branch(bool)[0].to("out"),
    "asked for by its name": lambda s: s.group_by("category").agg(name="n", n=moldau.count()),
    "its open windows, by their name": lambda s: (
        s.group_by("category").tumbling("1m").agg(name="n", n=moldau.count())
    ),
    "looked into": _looked_into,
    "not used": lambda s: s,
}


@pytest.mark.parametrize("what", READ)
def test_nothing_is_told_of_what_somebody_reads(what: str) -> None:
    app = _declared(READ[what])
    assert _told(app) == []
    assert "nobody reads" not in as_text(topology(app.id, app.nodes))


def test_a_table_that_is_asked_for_over_http_needs_no_name() -> None:
    app = _declared(lambda s: s.group_by("category").agg(n=moldau.count()))
    assert len(_told(app)) == 1
    assert _told(app, is_asked=True) == []


@pytest.mark.parametrize("slot", [0, 1])
def test_one_worker_of_a_machine_tells_it(
    slot: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serving, "Worker", lambda *_, **__: None)
    with serving.serving(_declared(lambda s: s.filter(bool)), slot, None, lambda _: None):
        told = capsys.readouterr().out
    assert told.startswith("shop: nobody reads what filter-1 makes" if slot == 0 else "")
    assert bool(told) == (slot == 0)


def test_tables_and_agents_are_ends() -> None:
    app = moldau.App("shop")
    sales = app.topic("sales", Sale, key="category")
    table, others = app.table(sales), app.global_table(app.topic("others", Sale, key="category"))
    counts = app.state("counts", int)

    @app.agent(sales, states=[counts])
    def count(sale: Sale) -> None:
        counts[sale.category] = counts.get(sale.category, 0) + len(others.get("a", "")) + 1

    @app.agent(app.topic("orders", Sale))
    def look(sale: Sale) -> None:
        table.get(sale.category)

    app.timer("1s")(lambda: None)
    assert _told(app) == []
