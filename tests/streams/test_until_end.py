"""The end of the input, across a repartition, whoever was quiet before it or behind it."""

from __future__ import annotations

from typing import Any

import msgspec

import moldau
from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import State
from moldau.streams.engine.task import Task
from moldau.streams.topology import topology

QUIET_MS = 60_000
REPARTITION = "shop-agg-1-repartition"
COUNTS = {"in": 2, REPARTITION: 1}


class Stages:
    """Two tasks that read, and one behind them that counts in windows of a second."""

    def __init__(self) -> None:
        app = moldau.App("shop")
        rows = app.stream(app.topic("in", dict, event_time="at", unit="ms"))
        rows.group_by(lambda row: "all").tumbling("1s").agg(n=moldau.count()).to("out")
        self._made = topology(app.id, app.nodes)
        reading, self._stage = self._made.stages
        self.readers = [Task(self._made, reading, one, COUNTS, State()) for one in range(2)]
        self._redrive = reading.redrive
        self.frames: list[bytes] = []
        self.counting = self._begun(State(), None)

    def _begun(self, state: State, marker: Any) -> Task:
        return Task(self._made, self._stage, 0, COUNTS, state, marker)

    def again(self) -> None:
        """The program is stopped, and started again."""
        state = State()
        kept = [(one.key or b"", one.value) for one in self.counting.checkpoint()]
        self.counting = self._begun(state, state.restore(kept))

    def read(self, reader: int, second: int) -> None:
        value = msgspec.json.encode({"at": second * 1000})
        offset = self.readers[reader].positions.get("in", 0)
        self.readers[reader].feed("in", Records([offset], [0], [None], [value]), 0)
        self._send(reader)

    def is_quiet(self, reader: int) -> None:
        for now_ms in (1, QUIET_MS):
            self.readers[reader].tick("in", now_ms)
        self._send(reader)

    def ends(self, reader: int) -> None:
        self.readers[reader].ended(self._redrive)
        self.readers[reader].ended("in")
        self._send(reader)

    def _send(self, reader: int) -> None:
        task = self.readers[reader]
        task.announce()
        self.frames += [one.value for one in task.outputs if one.value is not None]
        task.outputs.clear()

    def count(self) -> list[int]:
        """All that was sent at once; what is counted then."""
        offsets = range(len(self.frames))
        made = Records(offsets, [0] * len(offsets), [None] * len(offsets), self.frames)
        self.counting.feed(REPARTITION, made, 0)
        self.frames = []
        results = [msgspec.json.decode(one.value or b"")["n"] for one in self.counting.outputs]
        self.counting.outputs.clear()
        return results


def test_who_is_quiet_behind_its_end_has_ended() -> None:
    """A program with until="end" never ended when a task had yet to read what all had said, and
    that was longer ago than `idle_after`."""
    stages = Stages()
    for reader in range(2):
        stages.read(reader, second=1)
        stages.ends(reader)
        stages.is_quiet(reader)
    assert stages.count() == [2]
    assert stages.counting.is_done


def test_who_was_quiet_before_may_have_more_than_those_who_have_ended() -> None:
    """Quiet in an earlier run, it was not waited for, and what it read now was late."""
    stages = Stages()
    stages.read(0, second=1)
    stages.read(1, second=1)
    stages.is_quiet(1)
    assert stages.count() == []
    stages.again()
    stages.ends(0)
    assert stages.count() == []
    stages.read(1, second=1)
    stages.ends(1)
    assert stages.count() == [3]
    assert stages.counting.is_done


def test_a_test_s_end_closes_what_is_behind_a_repartition() -> None:
    app = moldau.App("shop")
    rows = app.stream(app.topic("in", dict, event_time="at", unit="ms"))
    rows.group_by(lambda row: "all").tumbling("1s").agg(n=moldau.count()).to("out")
    with moldau.testing.run(app, partitions=2) as t:
        t["in"].send({"at": 0}, partition=0)
        t.advance("1m")
        t.end()
        assert [row["n"] for row in t["out"].values()] == [1]
