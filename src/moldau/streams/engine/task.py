"""A task: one partition of a stage. Fed with records and the time, drained of outputs.

Nothing in it waits, and no clock is read: the same inputs give the same outputs, whatever the sizes
of the batches. The worker (`running/worker.py`) is its body, `testing.py` another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.clock import AFTER_ALL, BEFORE_ALL, TaskClock
from moldau.streams.engine.agents import Agents
from moldau.streams.engine.build import Built, no_wait
from moldau.streams.engine.coding import encode
from moldau.streams.engine.columns import Keys, event_times
from moldau.streams.engine.frames import FrameFormat
from moldau.streams.engine.guard import Wait
from moldau.streams.engine.lanes import Host
from moldau.streams.engine.operators import Operator, Origin
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.placement import Placement
from moldau.streams.engine.reading import Reading, Records
from moldau.streams.engine.redriving import RedriveInput
from moldau.streams.engine.state import MARKER, State
from moldau.streams.errors import Trouble
from moldau.streams.join_nodes import TableSource
from moldau.streams.program import Topic
from moldau.streams.shapes import refuse_misfits, shapes
from moldau.streams.topology import Repartition, Stage, Topology


class Task:
    def __init__(
        self,
        topology: Topology,
        stage: Stage,
        partition: int,
        partitions: Mapping[str, int],
        state: State,
        marker: Any = None,
        host: Host | None = None,
        wait: Wait = no_wait,
        tables: Mapping[str, Mapping[Any, Any]] | None = None,
    ) -> None:
        """`partitions`: how many each topic has. `marker`: where the state was restored to. `host`:
        where agents run. `wait`: how to, for some ms, before a step is tried again. `tables`: by
        its topic, what each global table holds now."""
        self.stage = stage
        self.partition = partition
        self.positions: dict[str, int] = {}
        self._topology = topology
        self._partitions = partitions
        self._state = state
        self._clock = TaskClock()
        self._own = Origin(stage.name, partition)
        partitioners = {
            cut.name: behind.partitioner for behind in topology.stages for cut in behind.reads
        }
        self._built = Built(
            stage,
            partitions,
            state,
            self._own,
            partitioners,
            tables or {},
            topology.app,
            host,
            wait,
        )
        self._repartitionings = self._built.repartitionings
        self._in_order = self._built.in_order
        self.outputs = self._built.outputs
        self._shapes = shapes(stage)
        self._count = stage.count(partitions)
        self._inputs: dict[str, _SourceInput | _FrameInput | RedriveInput] = {}
        self._open_inputs()
        if marker is not None:
            self._resume(marker)
        self._marker = self._now()

    def _open_inputs(self) -> None:
        operator = self._built.by_node
        for repartition in self.stage.reads:
            self._inputs[repartition.name] = _FrameInput(
                repartition,
                operator[repartition.target],
                self._clock,
                self._upstream(repartition),
            )
        for source in self.stage.sources:
            inputs = self._inputs.get(source.topic.name)
            if inputs is None:
                inputs = _SourceInput(source.topic, self.partition, self._clock, self._built)
                self._inputs[source.topic.name] = inputs
            assert isinstance(inputs, _SourceInput)
            of_table = isinstance(source, TableSource)
            (inputs.tables if of_table else inputs.roots).append(operator[source])

        if self.stage.redrive:
            self._inputs[self.stage.redrive] = RedriveInput(
                self.stage.redrive, self.partition, self._clock, self._built
            )

    def _upstream(self, repartition: Repartition) -> list[tuple[str, int]]:
        """Everybody who speaks in that topic: none of them may be ahead unheard."""
        stage = next(one for one in self._topology.stages if repartition in one.writes)
        names = [stage.name] if stage.is_stateful else stage.topics
        count = stage.count(self._partitions)
        return [(name, partition) for name in names for partition in range(count)]

    # --- inputs -----------------------------------------------------------------------------

    def feed(self, topic: str, records: Records, now_ms: int) -> None:
        """Records of the task's partition of that topic, in order."""
        self._inputs[topic].feed(records, now_ms)
        self._built.reading = None
        self.positions[topic] = records.offsets[-1] + 1
        self._advance()

    def passed(self, topic: str, position: int) -> None:
        """There is nothing for it before that offset."""
        self.positions[topic] = position

    def ended(self, topic: str) -> None:
        """There is nothing more to come, for good: everything closes (until="end")."""
        self._inputs[topic].end()
        self._advance()

    def tick(self, topic: str, now_ms: int) -> None:
        """The topic's partition is read to its end. When it has been quiet for long, event time
        goes on with the wall clock, from its last record on (promise 5), or it does not hold the
        others back (promise 4)."""
        self._inputs[topic].tick(now_ms)
        self._advance()

    def _advance(self) -> None:
        watermark = self._clock.advance()
        if watermark is None:
            return
        for made in self._repartitionings:
            made.origin = self._own
        self._own.watermark = watermark
        for operator in self._in_order:  # each has all that belongs before the watermark then
            operator.advance(watermark)

    @property
    def agents(self) -> list[Agents]:
        return [one for one in self._in_order if isinstance(one, Agents)]

    @property
    def is_done(self) -> bool:
        """Nothing can come any more (until="end")."""
        return self._clock.watermark >= AFTER_ALL

    # --- checkpoints ------------------------------------------------------------------------

    def announce(self) -> None:
        """Tells the stages behind how far this one is."""
        for made in self._repartitionings:
            if self.stage.is_stateful:
                made.announce(self._own)
            else:
                for one in self._inputs.values():
                    for origin in one.origins:
                        made.announce(origin)

    def checkpoint(self) -> list[Output]:
        """What the changelog gets: the changes since the last one, and the marker behind them.
        Nothing, when nothing has happened."""
        self.announce()
        changes, marker = self._state.save(), self._now()
        if not changes and marker == self._marker:
            return []
        self._marker = marker
        topic = self._topology.changelog(self.stage)
        records = [*changes, (MARKER, marker)]
        return [Output(topic, self.partition, key, value, None) for key, value in records]

    def _now(self) -> bytes:
        return encode(
            {
                "positions": self.positions,
                "inputs": {name: one.save() for name, one in self._inputs.items()},
                "watermark": self._clock.watermark,
                "sent": {one.topic: one.sent for one in self._repartitionings},
                "shapes": self._shapes,
                "partitions": self._count,
            }
        )

    def _resume(self, marker: Any) -> None:
        """Raises StreamsError where the program no longer fits (promise 11)."""
        counts = (marker["partitions"], self._count)
        refuse_misfits(self.stage, self.partition, marker["shapes"], counts)
        self.positions = dict(marker["positions"])
        for name, saved in marker["inputs"].items():
            if name in self._inputs:
                self._inputs[name].load(saved)
        self._clock.watermark = self._own.watermark = marker["watermark"]
        for one in self._repartitionings:
            one.sent = marker["sent"].get(one.topic, 0)


class _SourceInput:
    """A topic of the user's."""

    def __init__(
        self,
        topic: Topic,
        partition: int,
        task_clock: TaskClock,
        built: Built,
    ) -> None:
        self._topic = topic
        self._task_clock = task_clock
        self._clock = task_clock.source((topic.name, partition), topic.lateness)
        self._origin = Origin(topic.name, partition)
        self._built = built
        self._has_state = built.stage.is_stateful
        self._placement: Placement | None = None
        if topic.name in built.stage.joined_topics:
            self._placement = Placement(topic, partition, built.partitions[topic.name])
        self._decode = topic.format.decode
        self._letters = built.dead_letters(topic.name, topic.policy)
        self._keys = Keys(topic.key_format)
        self._last_ms = 0  # when its last record came, by the wall clock
        self.roots: list[Operator] = []
        self.tables: list[Operator] = []  # these are told of deletions too

    @property
    def origins(self) -> list[Origin]:
        return [self._origin]

    def feed(self, records: Records, now_ms: int) -> None:
        self._last_ms = now_ms
        if self._placement is not None:
            self._placement.check(records.keys)
        self._built.reading = Reading(self._topic.name, self._origin.partition, records)
        try:
            keys, values, times = self._columns(records)
        except Exception:  # one of them cannot be read
            records, (keys, values, times) = self._readable(records)
            if not keys:
                return
        if self._clock.is_idle:  # what the others have closed meanwhile is closed
            self._clock.raise_to(self._task_clock.watermark)
        floors = self._clock.pass_over(times)
        self._origin.watermark = self._clock.watermark
        self._origin.idle = False
        if not self._has_state:  # else the task speaks for itself: it is behind its sources
            for made in self._built.repartitionings:
                made.origin = self._origin
        batch = Batch(keys, values, times, floors, records.offsets, self._origin.partition)
        for root in self.tables:
            root.process(batch)
        if self.tables and self.roots and None in records.values:
            batch = batch.where([value is not None for value in values])
        for root in self.roots:
            root.process(batch)

    def _columns(self, records: Records) -> tuple[list[Any], list[Any], Sequence[int]]:
        keys, read = list(map(self._keys.__getitem__, records.keys)), self._topic.event_time
        if self.tables and None in records.values:
            return keys, *self._with_deletions(records)
        values = list(map(self._decode, records.values))  # type: ignore[arg-type]
        return keys, values, records.timestamps if read is None else event_times(read, values)

    def _with_deletions(self, records: Records) -> tuple[list[Any], Sequence[int]]:
        """A record without a value has the time that Kafka gave it."""
        values = [None if data is None else self._decode(data) for data in records.values]
        read = self._topic.event_time
        if read is None:
            return values, records.timestamps
        there = iter(event_times(read, [value for value in values if value is not None]))
        columns = zip(values, records.timestamps, strict=True)
        return values, [time if value is None else next(there) for value, time in columns]

    def _readable(
        self, records: Records
    ) -> tuple[Records, tuple[list[Any], list[Any], Sequence[int]]]:
        """Without those that cannot be read: they are dead letters at once, as trying again would
        change nothing."""
        good: list[int] = []
        for at, offset in enumerate(records.offsets):
            try:
                self._columns(records.part(at, at + 1))
            except Trouble:
                raise
            except Exception as error:
                assert self._built.reading is not None
                was = self._built.reading.original(offset)
                self._built.outputs += self._letters.original(was, error, 1)
            else:
                good.append(at)
        records = records.where(good)
        return records, self._columns(records)

    def end(self) -> None:
        self._raise_to(AFTER_ALL)

    def tick(self, now_ms: int) -> None:
        self._last_ms = self._last_ms or now_ms  # it was never heard of: from now on
        quiet = now_ms - self._last_ms
        silence, idle = self._topic.close_after_silence, self._topic.idle_after
        if silence is not None and quiet >= silence and self._clock.highest > BEFORE_ALL:
            self._raise_to(self._clock.highest + quiet - self._clock.lateness)
        elif idle is not None and quiet >= idle:
            self._clock.is_idle = self._origin.idle = True

    def _raise_to(self, watermark: int) -> None:
        self._clock.is_idle = self._origin.idle = False
        self._clock.raise_to(watermark)
        self._origin.watermark = self._clock.watermark

    def save(self) -> Any:
        return [self._clock.highest, self._clock.watermark, self._last_ms]

    def load(self, saved: Any) -> None:
        self._clock.highest, self._clock.watermark, self._last_ms = saved
        self._origin.watermark = self._clock.watermark


class _FrameInput:
    """A repartition topic: frames of many source partitions, each with its own watermark."""

    def __init__(
        self,
        repartition: Repartition,
        target: Operator,
        clock: TaskClock,
        upstream: list[tuple[str, int]],
    ) -> None:
        self._decode = FrameFormat(repartition.type).decode
        self._target = target
        self._task_clock = clock
        self._clocks = {one: clock.source(one, 0) for one in upstream}
        self._seen: dict[tuple[str, int], int] = {}
        self.origins: list[Origin] = []

    def feed(self, records: Records, now_ms: int) -> None:
        for data in records.values:
            if data is not None:
                self._frame(data)

    def _frame(self, data: bytes) -> None:
        frame = self._decode(data)
        origin = (frame.source, frame.partition)
        clock = self._clocks[origin]
        if clock.is_idle:  # what the others have closed meanwhile is closed
            clock.raise_to(self._task_clock.watermark)
            floors = [max(floor, clock.watermark) for floor in frame.floors]
            frame = frame._replace(floors=floors)
        seen = self._seen.get(origin, -1)
        if frame.offsets and frame.offsets[-1] > seen:
            batch = frame.batch
            if frame.offsets[0] <= seen:  # sent again after a crash
                batch = batch.where([offset > seen for offset in frame.offsets])
            self._seen[origin] = frame.offsets[-1]
            self._target.process(batch)
        clock.raise_to(frame.watermark)
        clock.is_idle = frame.idle

    def end(self) -> None:
        """It ends when all who speak in it have said so, in their frames."""

    def tick(self, now_ms: int) -> None:
        """Likewise."""

    def save(self) -> Any:
        return [
            [*origin, clock.watermark, clock.is_idle, self._seen.get(origin, -1)]
            for origin, clock in self._clocks.items()
        ]

    def load(self, saved: Any) -> None:
        for name, partition, watermark, idle, seen in saved:
            clock = self._clocks.get((name, partition))
            if clock is not None:
                clock.watermark, clock.is_idle = watermark, idle
                self._seen[name, partition] = seen
