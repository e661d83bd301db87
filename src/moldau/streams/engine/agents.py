"""The step in which an agent's handlers run: records go to lanes, a key always to the same one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.engine import tabular
from moldau.streams.engine.dead_letters import DeadLetters
from moldau.streams.engine.keyed_state import Store
from moldau.streams.engine.lanes import BatchLane, CallLane, Host, Lane, StreamLane
from moldau.streams.engine.operators import Step
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.reading import Reading
from moldau.streams.engine.scope import Taken
from moldau.streams.program import Agent

_LANES: dict[str, Callable[..., Lane]] = {
    "sync": CallLane,
    "async": CallLane,
    "stream": StreamLane,
}


class Agents(Step):
    """What its handlers send is among the outputs when all of them are done with what they have,
    in the order of the records."""

    def __init__(
        self,
        node: Agent,
        host: Host,
        reading: Callable[[], Reading | None],
        dead_letters: DeadLetters,
        outputs: list[Output],
        stores: Mapping[str, Store],
    ) -> None:
        super().__init__(())
        self._reading = reading
        self._outputs = outputs
        lane: Callable[..., Lane] = _LANES.get(node.form, BatchLane)
        more: dict[str, Any] = {}
        if node.form not in _LANES:
            made = tabular.maker(node.form, node.parents[0].type)
            more = {"most": node.batch_size, "made": made}
        self._lanes = [
            lane(node.name, node.function, node.policy, host, dead_letters.of, **more)
            for _ in range(node.concurrency)
        ]
        for one in self._lanes:
            one.may_use(stores)
        self._by_key: dict[Any, Lane] = {}

    def process(self, batch: Batch) -> None:
        taken = Taken(batch, self._reading())
        items = zip(batch.values, repeat(taken), range(len(batch)), strict=False)
        if len(self._lanes) == 1:
            self._lanes[0].pending.extend(items)
        else:
            for key, item in zip(batch.keys, items, strict=True):
                self._lane(key).pending.append(item)
        for lane in self._lanes:
            if lane.pending:
                lane.wake()

    def _lane(self, key: Any) -> Lane:
        """Of a key always the same, until all of them are done; a new key takes the emptiest."""
        lane = None if key is None else self._by_key.get(key)
        if lane is None:
            lane = min(self._lanes, key=_load)
            if key is not None:
                self._by_key[key] = lane
        return lane

    @property
    def lanes(self) -> int:
        return len(self._lanes)

    @property
    def is_idle(self) -> bool:
        return all(lane.is_idle for lane in self._lanes)

    def check(self) -> None:
        """Raises what has stopped a handler."""
        for lane in self._lanes:
            if lane.error is not None:
                raise lane.error

    def release(self) -> None:
        """All handlers are done: what they send is sent."""
        released = [one for lane in self._lanes for one in lane.released]
        if len(self._lanes) > 1:
            released.sort(key=_place)
        for _, _, held in released:
            self._outputs.extend(held)
        for lane in self._lanes:
            lane.released.clear()
        self._by_key.clear()

    def close(self) -> None:
        for lane in self._lanes:
            lane.close()


def _load(lane: Lane) -> int:
    return len(lane.pending)


def _place(released: tuple[Taken, int, Sequence[Output]]) -> tuple[int, int]:
    taken, index, _ = released
    offsets = taken.batch.offsets
    return (offsets[index] if len(offsets) else -1), index
