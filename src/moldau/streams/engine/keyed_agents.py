"""Agents that keep values by key, in stores that the agents of a stage share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from moldau.streams.engine.agents import Agents
from moldau.streams.engine.dead_letters import DeadLetters
from moldau.streams.engine.keyed_store import KeyedStore
from moldau.streams.engine.lanes import Host
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.reading import Reading
from moldau.streams.program import KeyedAgent


class KeyedAgents(Agents):
    """Windows close when all handlers are done with what they have, never ahead of them."""

    def __init__(
        self,
        node: KeyedAgent,
        stores: Sequence[KeyedStore],
        host: Host,
        reading: Callable[[], Reading | None],
        dead_letters: DeadLetters,
        outputs: list[Output],
    ) -> None:
        by_name = {one.name: one for one in stores}
        super().__init__(node, host, reading, dead_letters, outputs, by_name)
        self._stores = stores
        for one in stores:
            one.users += node.concurrency

    def release(self) -> None:
        super().release()
        for one in self._stores:
            one.settle()

    def close(self) -> None:
        super().close()
        for one in self._stores:
            one.is_live = False
