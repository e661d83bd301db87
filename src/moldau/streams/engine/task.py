"""A task: one partition of a stage. Fed with records and the time, drained of outputs.

Nothing in it waits, and no clock is read: the same inputs give the same outputs, whatever the sizes
of the batches. What it reads: `inputs.py`. The worker (`running/worker.py`) is its body,
`testing.py` another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moldau.streams.clock import AFTER_ALL, TaskClock
from moldau.streams.engine.agents import Agents
from moldau.streams.engine.build import Built, no_wait
from moldau.streams.engine.coalescing import Coalescing
from moldau.streams.engine.coding import encode
from moldau.streams.engine.counts import Counts
from moldau.streams.engine.global_store import GlobalStore
from moldau.streams.engine.guard import Wait
from moldau.streams.engine.here import at
from moldau.streams.engine.inputs import FrameInput, SourceInput
from moldau.streams.engine.lanes import Host
from moldau.streams.engine.operators import Origin
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.reading import Records
from moldau.streams.engine.redriving import RedriveInput
from moldau.streams.engine.state import MARKER, State
from moldau.streams.join_nodes import TableSource
from moldau.streams.misfits import refuse_misfits
from moldau.streams.shapes import shapes
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
        tables: Mapping[str, GlobalStore] | None = None,
        counts: Counts | None = None,
    ) -> None:
        """`partitions`: how many each topic has. `marker`: where the state was restored to. `host`:
        where agents run. `wait`: how to, for some ms, before a step is tried again. `tables`: by
        its topic, what each global table holds now. `counts`: what is counted of all tasks."""
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
            counts or Counts(),
        )
        self._here = self._built.here
        self._repartitionings = self._built.repartitionings
        self._in_order = self._built.in_order
        self._coalescing = [one for one in self._in_order if isinstance(one, Coalescing)]
        self.outputs = self._built.outputs
        self._shapes = shapes(stage)
        self._count = stage.count(partitions)
        self._inputs: dict[str, SourceInput | FrameInput | RedriveInput] = {}
        self._open_inputs()
        if marker is not None:
            self._resume(marker)
            # First of all: those behind may take what it reads for quiet, which is not known yet.
            self.announce()
        self._marker = self._now()

    def _open_inputs(self) -> None:
        operator = self._built.by_node
        for repartition in self.stage.reads:
            self._inputs[repartition.name] = FrameInput(
                repartition,
                operator[repartition.target],
                self._clock,
                self._upstream(repartition),
                [one.redrive for one in self._topology.stages],
            )
        for source in self.stage.sources:
            inputs = self._inputs.get(source.topic.name)
            if inputs is None:
                inputs = SourceInput(source.topic, self.partition, self._clock, self._built)
                self._inputs[source.topic.name] = inputs
            assert isinstance(inputs, SourceInput)
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
        self._own.idle = False
        with at(self._here):
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

    def has_ended(self, topic: str) -> bool:
        """Was that said of a source, before its last checkpoint too?"""
        one = self._inputs[topic]
        return isinstance(one, SourceInput) and one.has_ended

    def tick(self, topic: str, now_ms: int) -> None:
        """The topic's partition is read to its end. When it has been quiet for long, event time
        goes on with the wall clock, from its last record on (promise 5), or it does not hold the
        others back (promise 4)."""
        self._inputs[topic].tick(now_ms)
        self._advance()

    def clock_at(self, now_ms: int) -> None:
        """So late it is by the wall clock: rows of tables go out that do so every so often."""
        for one in self._coalescing:
            one.clock_at(now_ms)

    @property
    def asks_the_clock(self) -> bool:
        return bool(self._coalescing)

    def was_deaf(self, ms: int, topic: str | None = None) -> None:
        """So much of what has passed by the clock was no silence of its sources, or of that one."""
        for name, one in self._inputs.items():
            if isinstance(one, SourceInput) and topic in (None, name):
                one.was_deaf(ms)

    def go_on(self) -> bool:
        """With what there is to do as time goes on, where that is much: a part of it. False: there
        is nothing more."""
        return self._advance()

    def _advance(self) -> bool:
        least = self._clock.least
        while self._clock.watermark < least:
            self._advance_to(self._state.stop(least))
            if self._built.outlet is not None and self._clock.watermark < least:
                return True
        return False

    def _advance_to(self, watermark: int) -> None:
        self._clock.watermark = watermark
        self._own.idle = False
        for made in self._repartitionings:
            made.origin = self._own
        with at(self._here):
            for operator in self._in_order:  # each has all that belongs before the watermark then
                operator.advance(watermark)
        # Not before: of what they send, none is the last, and who takes it must wait for the rest.
        self._own.watermark = watermark

    def leave_by(self, outlet: Callable[[], None]) -> None:
        """`outlet` takes `outputs` away, also while the task works: when one step makes many. Who
        gives one calls `go_on`, and takes checkpoints in between."""
        self._built.outlet = outlet

    @property
    def agents(self) -> list[Agents]:
        return [one for one in self._in_order if isinstance(one, Agents)]

    @property
    def watermark(self) -> int:
        return self._clock.watermark

    @property
    def is_done(self) -> bool:
        """Nothing can come any more (until="end")."""
        return self._clock.watermark >= AFTER_ALL

    # --- checkpoints ------------------------------------------------------------------------

    def announce(self) -> None:
        """Tells the stages behind how far this one is. Where all that it hears of is quiet it does
        not hold them back, unless something waits here that would be late there then."""
        if self._repartitionings and self.stage.is_stateful:
            waits = (one.waits for one in self._in_order)
            self._own.idle = self._clock.is_idle and not any(waits)
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
        records = [*changes, *self._state.beginning(), (MARKER, marker)]
        return [Output(topic, self.partition, key, value, None) for key, value in records]

    def committed(self, changes: Iterable[Output], end: int) -> None:
        """What `checkpoint` gave is true now. `end`: an offset of the changelog, not behind them,
        before which there is nothing that the state does not have. There may be outputs then."""
        self._state.committed(((one.key or b"", one.value) for one in changes), end)

    @property
    def acts_on_commit(self) -> bool:
        """Is more made when a checkpoint is true?"""
        return bool(self._state.on_commit)

    def _now(self) -> bytes:
        return encode(
            {
                "positions": self.positions,
                "inputs": {name: one.save() for name, one in self._inputs.items()},
                "watermark": self._clock.watermark,
                "sent": {one.topic: one.sent for one in self._repartitionings},
                "shapes": self._shapes,
                "partitions": self._count,
                "begun": True,
            }
        )

    def _resume(self, marker: Any) -> None:
        """Raises StreamsError where the program no longer fits (promise 11)."""
        counts = (marker["partitions"], self._count)
        refuse_misfits(self.stage, self.partition, marker["shapes"], counts)
        self.positions = dict(marker["positions"])
        self._clock.watermark = self._own.watermark = marker["watermark"]
        for name, saved in marker["inputs"].items():
            if name in self._inputs:
                self._inputs[name].load(saved)
        for one in self._repartitionings:
            one.sent = marker["sent"].get(one.topic, 0)
