"""What a task reads: topics of the user's, and repartition topics of other stages.

Each source partition has a watermark (`clock.py`); an input feeds its records to the operators that
begin with them, and says how far their time has come.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from moldau.streams.batch import Batch, source_of
from moldau.streams.clock import AFTER_ALL, BEFORE_ALL, TaskClock
from moldau.streams.engine.build import Built
from moldau.streams.engine.columns import Keys, in_calendar
from moldau.streams.engine.frames import FrameFormat
from moldau.streams.engine.keyed_by import KeyedBy
from moldau.streams.engine.operators import Operator, Origin
from moldau.streams.engine.placement import Placement
from moldau.streams.engine.reading import Reading, Records
from moldau.streams.errors import BadRecord, Trouble
from moldau.streams.program import Topic
from moldau.streams.topology import Repartition


class SourceInput:
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
        self._source = source_of(built.stage.place_of(topic.name), partition)
        self._has_state = built.stage.is_stateful
        self._placement: Placement | None = None
        if topic.name in built.stage.joined_topics:
            self._placement = Placement(
                topic, partition, built.partitions[topic.name], joins=built.stage.has_joins
            )
        self._decode = topic.format.decode
        self._count = built.counts.topic(built.stage.name, topic.name)
        self._letters = built.dead_letters(topic.name, topic.policy, count=self._count)
        self._keys = Keys(topic.key_format)
        self._keyed = None if topic.key is None else KeyedBy(topic)
        self._last_ms = 0  # when its last record came, by the wall clock
        self.roots: list[Operator] = []
        self.tables: list[Operator] = []  # these are told of deletions too

    @property
    def origins(self) -> list[Origin]:
        return [self._origin]

    def feed(self, records: Records, now_ms: int) -> None:
        self._last_ms = now_ms
        self._count.records += len(records.offsets)
        if self._placement is not None:
            self._placement.check(records.keys)
        self._built.reading = Reading(self._topic.name, self._origin.partition, records)
        columns = self._columns_or_none(records)
        if columns is None:
            records, columns = self._readable(records)
            if not records.offsets:
                return
        keys, values, times = columns
        if self._clock.is_idle:  # what the others have closed meanwhile is closed
            self._clock.raise_to(self._task_clock.watermark)
        floors = self._clock.pass_over(times)
        self._origin.watermark = self._clock.watermark
        self._origin.idle = False
        if not self._has_state:  # else the task speaks for itself: it is behind its sources
            for made in self._built.repartitionings:
                made.origin = self._origin
        batch = Batch(keys, values, times, floors, records.offsets, self._source)
        for root in self.tables:
            root.process(batch)
        if self.tables and self.roots and None in records.values:
            batch = batch.where([value is not None for value in values])
        for root in self.roots:
            root.process(batch)
        for made in self._built.repartitionings:
            made.flush()

    def _columns_or_none(
        self, records: Records
    ) -> tuple[list[Any], list[Any], Sequence[int]] | None:
        """None: one of them cannot be read. What it raised is over here, and not told with what
        the next raises."""
        try:
            return self._columns(records)
        except Exception:
            return None

    def _columns(self, records: Records) -> tuple[list[Any], list[Any], Sequence[int]]:
        keys, when = list(map(self._keys.__getitem__, records.keys)), self._topic.event_time
        if self.tables and None in records.values:
            values, times = self._with_deletions(keys, records)
            return keys, values, in_calendar(times)
        values = list(map(self._decode, records.values))  # type: ignore[arg-type]
        if self._keyed is not None:
            self._keyed.check(keys, records.keys, values)
        times = list(records.timestamps) if when is None else when.of(values)
        return keys, values, in_calendar(times)

    def _with_deletions(
        self, keys: Sequence[Any], records: Records
    ) -> tuple[list[Any], Sequence[int]]:
        """A record without a value has the time that Kafka gave it."""
        values = [None if data is None else self._decode(data) for data in records.values]
        if self._keyed is not None:
            self._keyed.check(keys, records.keys, values)
        when = self._topic.event_time
        if when is None:
            return values, list(records.timestamps)
        read = iter(when.of([value for value in values if value is not None]))
        columns = zip(values, records.timestamps, strict=True)
        return values, [time if value is None else next(read) for value, time in columns]

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
                told = error
                if records.values[at] == b"" and not isinstance(error, BadRecord):
                    told = BadRecord("its value is empty: no bytes; what deletes has none at all")
                self._built.outputs += self._letters.original(was, told, 1)
            else:
                good.append(at)
        records = records.where(good)
        return records, self._columns(records)

    def end(self) -> None:
        self._clock.is_idle = self._origin.idle = False
        self._raise_to(AFTER_ALL)

    @property
    def has_ended(self) -> bool:
        return self._clock.watermark >= AFTER_ALL

    def tick(self, now_ms: int) -> None:
        if self.has_ended:
            return  # and is not idle
        self._last_ms = self._last_ms or now_ms  # it was never heard of: from now on
        quiet = now_ms - self._last_ms
        silence, idle = self._topic.close_after_silence, self._topic.idle_after
        if idle is not None and quiet >= idle:
            self._clock.is_idle = self._origin.idle = True
        if silence is not None and quiet >= silence and self._clock.highest > BEFORE_ALL:
            self._raise_to(self._clock.highest + quiet - self._clock.lateness)

    def was_deaf(self, ms: int) -> None:
        if self._last_ms:
            self._last_ms += ms

    def _raise_to(self, watermark: int) -> None:
        self._clock.raise_to(watermark)
        self._origin.watermark = self._clock.watermark

    def save(self) -> Any:
        return [self._clock.highest, self._clock.watermark, self._last_ms]

    def load(self, saved: Any) -> None:
        """How far the task is, is known. It was idle, maybe: what the others closed is closed."""
        self._clock.highest, self._clock.watermark, self._last_ms = saved
        self._raise_to(self._task_clock.watermark)


class FrameInput:
    """A repartition topic: frames of many source partitions, each with its own watermark."""

    def __init__(
        self,
        repartition: Repartition,
        target: Operator,
        clock: TaskClock,
        upstream: list[tuple[str, int]],
        aside: Collection[str],
    ) -> None:
        """`upstream`: who speaks in it; `aside`: which of them say nothing of time."""
        self._decode = FrameFormat(repartition.type).decode
        self._target = target
        self._task_clock = clock
        # The same source may speak in another topic too, which is read as far as that has come.
        self._clocks = {
            one: clock.source((repartition.name, one), 0, one[0] in aside) for one in upstream
        }
        places = sorted({name for name, _ in upstream}, key=lambda name: (name in aside, name))
        self._sources = {one: source_of(places.index(one[0]), one[1]) for one in upstream}
        self._seen: dict[tuple[str, int], int] = {}
        # By who was idle and is not: what the others had closed by then is closed for all that
        # comes of it, and whoever sends it knows nothing of that.
        self._closed: dict[tuple[str, int], int] = {}
        self.origins: list[Origin] = []

    def feed(self, records: Records, now_ms: int) -> None:
        for data in records.values:
            if data is not None:
                self._frame(data)

    def _frame(self, data: bytes) -> None:
        frame = self._decode(data)
        origin = (frame.source, frame.partition)
        clock = self._clocks[origin]
        if clock.is_idle:
            clock.raise_to(self._task_clock.watermark)
            self._closed[origin] = clock.watermark
        closed = self._closed.get(origin)
        if closed is not None and min(frame.floors, default=closed) < closed:
            frame = frame._replace(floors=[max(floor, closed) for floor in frame.floors])
        seen = self._seen.get(origin, -1)
        if frame.offsets and frame.offsets[-1] > seen:
            batch = frame.batch(self._sources[origin])
            if frame.offsets[0] <= seen:  # sent again after a crash
                batch = batch.where([offset > seen for offset in frame.offsets])
            self._seen[origin] = frame.offsets[-1]
            self._target.process(batch)
        clock.is_idle = frame.idle  # first: what it rises by then is silence
        clock.raise_to(frame.watermark)

    def end(self) -> None:
        """It ends when all who speak in it have said so, in their frames."""

    def tick(self, now_ms: int) -> None:
        """Likewise."""

    def save(self) -> Any:
        return [
            [
                *origin,
                clock.watermark,
                clock.is_idle,
                self._seen.get(origin, -1),
                self._closed.get(origin, BEFORE_ALL),
            ]
            for origin, clock in self._clocks.items()
        ]

    def load(self, saved: Any) -> None:
        for name, partition, watermark, idle, seen, *closed in saved:
            clock = self._clocks.get((name, partition))
            if clock is not None:
                clock.watermark, clock.is_idle = watermark, idle
                self._seen[name, partition] = seen
                # None: it is of a version before this.
                self._closed[name, partition] = closed[0] if closed else BEFORE_ALL
