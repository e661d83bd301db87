"""When results of windows go out, and where records go that come too late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import moldau
from moldau.streams.errors import DefinitionError
from moldau.streams.stream import Grouped, Stream, Windowed
from tests.streams.sales import Sale, sale


def program() -> tuple[moldau.App, Stream]:
    app = moldau.App("emission")
    sales = app.topic("sales", Sale, event_time="timestamp", lateness="10s", key="category")
    return app, app.stream(sales)


def orders(t: Any, topic: str = "out") -> list[tuple[str, int]]:
    """Of each result: the minute that its window begins in, and how many."""
    return [(one["window_start"][11:16], one["orders"]) for one in t[topic].values()]


def test_promise_06_updates_end_with_the_final_result() -> None:
    app, stream = program()
    counted = stream.group_by("category").tumbling("1m").agg(orders=moldau.count())
    counted.to("out", emit="updates").to("final")
    with moldau.testing.run(app) as t:
        t["sales"].send(sale(0))
        t["sales"].send(sale(1))
        t["sales"].send(sale(61))
        assert orders(t) == [("00:00", 1), ("00:00", 2), ("00:01", 1)]
        t["sales"].send(sale(75))
        assert orders(t)[3:] == [("00:01", 2), ("00:00", 2)]
        t.end()
        assert orders(t)[-1] == ("00:01", 2)
        assert orders(t, "final") == [("00:00", 2), ("00:01", 2)]


def test_promise_06_every_so_often_in_event_time() -> None:
    app, stream = program()
    counted = stream.group_by("category").tumbling("1m").agg(orders=moldau.count())
    counted.to("out", every="20s")
    with moldau.testing.run(app) as t:
        for second in (0, 5, 9, 12, 29, 31, 45, 52):
            t["sales"].send(sale(second))
        # The watermark is 10 s behind: it passed 0, 20 and 40.
        assert orders(t) == [("00:00", 4), ("00:00", 6), ("00:00", 8)]
        t.end()
        assert orders(t)[3:] == [("00:00", 8)]


@pytest.mark.parametrize(
    ("window", "late"),
    [
        (lambda s: s.tumbling("1m"), [5, 59]),
        (lambda s: s.hopping("1m", "30s"), [5, 59]),
        (lambda s: s.session("20s"), [5, 59, 89]),
        (lambda s: s.sliding("20s"), [5, 59]),
    ],
)
def test_promise_02_late_records_go_where_they_are_told(
    window: Callable[[Grouped], Windowed], late: list[int]
) -> None:
    app, stream = program()
    window(stream.group_by("category")).agg(orders=moldau.count(), late="late").to("out")
    with moldau.testing.run(app) as t:
        t["sales"].send(sale(100), sale(5), sale(59), sale(89), sale(90))
        t.end()
        assert [
            one.timestamp.minute * 60 + one.timestamp.second for one in t["late"].values()
        ] == late


def test_what_cannot_tell_of_updates_says_so() -> None:
    _, stream = program()
    for other in (stream, stream.group_by("category").session("1m").agg(n=moldau.count())):
        with pytest.raises(DefinitionError, match="tumbling, hopping and calendar"):
            other.to("out", every="5s")
