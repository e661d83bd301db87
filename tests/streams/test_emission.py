"""When results of windows and rows of tables go out, and where records go that come too late."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import State
from moldau.streams.engine.task import Task
from moldau.streams.errors import DefinitionError
from moldau.streams.stream import Grouped, Stream, Windowed
from moldau.streams.topology import topology
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


def told(t: Any, since: int = 0) -> list[tuple[Any, ...]]:
    """Of each record from there on: the seconds of its window, and how many; None: it was taken
    back."""
    found = []
    for one in t["out"].records()[since:]:
        row = None if one.value is None else json.loads(one.value)
        bounds = row or {name: text.decode() for name, text in one.headers}
        start, end = (bounds[name][17:-1] for name in ("window_start", "window_end"))
        found.append((start[:6], end[:6], row and row["orders"]))
    return found


def test_promise_06_a_session_that_became_part_of_another_is_taken_back() -> None:
    app, stream = program()
    counted = stream.group_by("category").session("4s").agg(orders=moldau.count())
    counted.to("out", emit="updates").to("final")
    with moldau.testing.run(app) as t:
        t["sales"].send(sale(11))
        t["sales"].send(sale(20))
        assert told(t) == [("11", "15", 1), ("20", "24", 1)]
        t["sales"].send(sale(13), sale(12))  # longer, in one go
        assert told(t, 2) == [("11", "15", None), ("11", "17", 3)]
        t["sales"].send(sale(12))  # as long as before
        assert told(t, 4) == [("11", "17", 4)]
        t["sales"].send(sale(16.5))  # two become one
        assert told(t, 5) == [("11", "17", None), ("20", "24", None), ("11", "24", 6)]
        t["sales"].send(sale(45), sale(35, "toys"))
        assert sorted(told(t, 8)) == [("11", "24", 6), ("35", "39", 1), ("45", "49", 1)]
        t["sales"].send(sale(34.5))  # late, as its partition is at 35
        assert told(t, 11) == []
        t.end()
        assert orders(t, "final") == [("00:00", 6), ("00:00", 1), ("00:00", 1)]
        assert {one.key for one in t["out"].records() if one.value is None} == {b"books"}


def test_promise_06_what_was_not_told_of_a_session_is_not_taken_back() -> None:
    app, stream = program()
    counted = stream.group_by("category").session("9s").agg(orders=moldau.count())
    counted.to("out", every="20s")
    with moldau.testing.run(app) as t:
        for second in (11, 15, 19, 31, 27, 23):
            t["sales"].send(sale(second))
        # The watermark passed 20 with the fourth.
        assert told(t) == [("11", "28", 3), ("31", "40", 1)]
        t.end()
        assert told(t, 2) == [
            ("11", "28", None),
            ("31", "40", None),
            ("11", "40", 6),
        ]


def test_promise_06_sliding_windows_are_told_of_as_in_kafka_streams() -> None:
    app, stream = program()
    counted = stream.group_by("category").sliding("4s").agg(orders=moldau.count())
    counted.to("out", emit="updates").to("final")
    with moldau.testing.run(app) as t:
        t["sales"].send(sale(10))
        assert told(t) == [("06", "10.001", 1)]
        t["sales"].send(sale(13))  # a window ends at it, and one begins behind the first
        assert told(t, 1) == [("09", "13.001", 2), ("10.001", "14.002", 1)]
        t["sales"].send(sale(11))
        assert sorted(told(t, 3)) == [
            ("07", "11.001", 2),
            ("09", "13.001", 3),
            ("10.001", "14.002", 2),
            ("11.001", "15.002", 1),
        ]
        t["sales"].send(sale(22))
        since = len(told(t))
        t["sales"].send(sale(9))  # in time only for windows that end at 12 or later
        assert sorted(told(t, since)) == [("09", "13.001", 4), ("09.001", "13.002", 3)]
        t.end()
        last = {(start, end): count for start, end, count in told(t)}
        rows = t["final"].values()
        assert sorted(last.values()) == sorted(one["orders"] for one in rows)
        assert len(last) == len(rows)


@pytest.mark.parametrize("window", ["tumbling", "session", "sliding"])
def test_promise_06_every_so_often_in_event_time_whatever_the_window(window: str) -> None:
    app, stream = program()
    grouped = getattr(stream.group_by("category"), window)("1m")
    grouped.agg(orders=moldau.count()).to("out", every="20s")
    with moldau.testing.run(app) as t:
        for second in (0, 5, 9, 12, 29):
            t["sales"].send(sale(second))
        first = len(told(t))  # the watermark has passed 0
        t["sales"].send(sale(31))
        assert told(t, first)[-1][2] == 6
        behind = len(told(t))
        for _ in range(5):
            t["sales"].send(sale(31))
        assert len(told(t)) == behind


# --- tables -------------------------------------------------------------------------------------


def totals(t: Any, topic: str = "out") -> list[Any]:
    return [None if one is None else (one["category"], one["orders"]) for one in t[topic].values()]


def test_promise_06_rows_of_a_table_go_out_every_so_often_by_the_wall_clock() -> None:
    app, stream = program()
    counted = stream.group_by("category").agg(orders=moldau.count())
    counted.to("out", every="5s").to("each", emit="updates").to("plain")
    with moldau.testing.run(app) as t:
        t["sales"].send(sale(0), sale(1), sale(0, "toys"))
        t["sales"].send(sale(500))
        t.advance("4s")
        assert totals(t) == []
        t.advance("1s")
        assert totals(t) == [("books", 3), ("toys", 1)]
        t.advance("1h")
        t["sales"].send(sale(2))  # late is nothing here
        assert totals(t)[2:] == []
        t.advance("5s")
        assert totals(t)[2:] == [("books", 4)]
        t["sales"].send(sale(3))
        t.end()
        assert totals(t)[3:] == [("books", 5)]
        assert totals(t, "each") == totals(t, "plain")
        assert totals(t, "each") == [
            ("books", 2),
            ("toys", 1),
            ("books", 3),
            ("books", 4),
            ("books", 5),
        ]


def test_promise_06_a_row_that_goes_is_told_of_too() -> None:
    app = moldau.App("emission")
    sales = app.topic("sales", Sale, key="category")
    app.table(sales).to("out", every="5s")
    with moldau.testing.run(app) as t:
        t["sales"].send(sale(0), sale(0, "toys"))
        t["sales"].send(None, key="toys")
        t.advance("1m")
        t["sales"].send(None, key="books")
        assert t["out"].values() == []
        t.advance("5s")
        t.end()
        assert [(one.key, one.value is None) for one in t["out"].records()] == [
            (b"books", False),
            (b"toys", True),
            (b"books", True),
        ]


def test_promise_06_updates_wait_for_the_handlers_beside_them() -> None:
    app, stream = program()
    seen = []

    @app.agent(app.topics["sales"])
    async def see(one: Sale) -> None:
        await asyncio.sleep(3)
        seen.append(one.category)

    grouped = stream.group_by("category")
    grouped.session("4s").agg(orders=moldau.count()).to("out", emit="updates")
    grouped.agg(orders=moldau.count()).to("rows", every="5s")
    with moldau.testing.run(app) as t:
        t["sales"].send(sale(0))
        assert told(t) == []
        t.advance("3s")
        assert (told(t), seen) == ([("00", "04", 1)], ["books"])
        t["sales"].send(sale(2))
        t.advance("4s")
        assert told(t, 1) == [("00", "04", None), ("00", "06", 2)]
        assert totals(t, "rows") == []
        t.advance("5s")
        assert totals(t, "rows") == [("books", 2)]
        t.advance("1m")
        assert (len(told(t)), len(totals(t, "rows"))) == (3, 1)


class Restarted:
    """A program's one task, which is stopped and started again with what its changelog has."""

    def __init__(self, every: str | None, window: str = "") -> None:
        """A table, or windows of a minute."""
        self._window = window
        self._changelog: list[tuple[bytes, bytes | None]] = []
        self._offset = 0
        self.start(every)

    def start(self, every: str | None) -> None:
        app = moldau.App("emission")
        grouped: Any = app.stream(app.topic("sales", Sale, key="category")).group_by("category")
        if self._window:
            grouped = getattr(grouped, self._window)("1m")
        grouped.agg(orders=moldau.count()).to("out", emit="updates", every=every)
        made, state = topology(app.id, app.nodes), State()
        marker = state.restore(self._changelog)
        self._task = Task(made, made.stages[0], 0, {"sales": 1}, state, marker)

    def sell(self, *categories: str) -> None:
        values = [msgspec.json.encode(sale(0, one)) for one in categories]
        offsets = range(self._offset, self._offset + len(values))
        self._offset += len(values)
        keys = [one.encode() for one in categories]
        self._task.feed("sales", Records(offsets, [0] * len(values), keys, values), 0)

    def checkpoint(self) -> None:
        changes = self._task.checkpoint()
        self._changelog += [(one.key or b"", one.value) for one in changes]
        if changes:
            self._task.committed(changes, 0)

    def told(self, now_s: int) -> list[tuple[bytes, int]]:
        """What has gone out then."""
        self._task.clock_at(now_s * 1000)
        outputs, self._task.outputs[:] = list(self._task.outputs), []
        return sorted((one.key or b"", json.loads(one.value or b"")["orders"]) for one in outputs)


def test_promise_06_what_has_not_gone_out_is_there_after_a_restart() -> None:
    one = Restarted("5s")
    one.sell("books", "toys")
    assert one.told(100) == []
    one.checkpoint()
    one.start("5s")
    one.sell("toys")
    assert one.told(104) == one.told(108) == []
    assert one.told(109) == [(b"books", 1), (b"toys", 2)]
    one.checkpoint()
    one.start("5s")
    assert one.told(200) == one.told(300) == []


def test_promise_06_what_has_not_gone_out_does_when_a_table_sends_each_change_again() -> None:
    one = Restarted("5s")
    one.sell("books", "toys")
    one.checkpoint()
    one.start(None)
    assert one.told(100) == [(b"books", 1), (b"toys", 1)]
    one.sell("toys")
    assert one.told(100) == [(b"toys", 2)]


def test_a_clock_that_is_set_back_holds_nothing_back() -> None:
    one = Restarted("5s")
    one.sell("books")
    assert one.told(1000) == one.told(100) == []
    assert one.told(105) == [(b"books", 1)]


def test_promise_06_a_session_is_told_of_whose_worker_was_stopped_before_that() -> None:
    one = Restarted(None, "session")
    one.sell("books")
    assert one.told(0) == []  # the checkpoint is to know of it first
    one.checkpoint()
    one.start(None)
    one.checkpoint()
    assert one.told(0) == [(b"books", 1)]
    one.checkpoint()
    assert one.told(0) == []


# --- what is refused ----------------------------------------------------------------------------


def test_what_has_no_updates_says_so() -> None:
    _, stream = program()
    counted = stream.group_by("category").agg(n=moldau.count())
    for other in (stream, counted.stream()):
        with pytest.raises(
            DefinitionError, match=r"of windows, just behind agg\(\.\.\.\), and for t"
        ):
            other.to("out", every="5s")
