"""A task at the pace of its agents.

Agents take time, and other steps of the stage must not run ahead of them: what a checkpoint says of
positions and state is one moment. So the task takes a few records at a time (a chunk), and nothing
of a chunk leaves before all its handlers are done. A checkpoint is of the last such moment: it does
not wait for a slow handler.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from moldau.streams.engine.lanes import Host
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.reading import Records
from moldau.streams.engine.task import Task

AIM_S = 0.05  # how long a chunk should take
MOST = 5000
PER_LANE = 8


class PacedTask:
    """As a task; `work` is called until it says that there is nothing more to do."""

    def __init__(self, inner: Task, host: Host) -> None:
        self.stage = inner.stage
        self.partition = inner.partition
        self.positions = dict(inner.positions)
        self.outputs: list[Output] = []
        self._inner = inner
        self._host = host
        self._agents = inner.agents
        self._least = max(one.lanes for one in self._agents)
        self._least *= PER_LANE if self._least > 1 else 1
        self._size = self._least
        self._inbox: deque[tuple[str, Records, int]] = deque()
        self._then: dict[tuple[str, str], Callable[[], None]] = {}  # when all of that is done
        self._is_busy = False
        self._began = 0.0
        self._prepared: dict[bytes | None, Output] = {}
        self._is_prepared = True

    # --- inputs -----------------------------------------------------------------------------

    def feed(self, topic: str, records: Records, now_ms: int) -> None:
        for what in [one for one in self._then if one[0] == topic]:
            del self._then[what]
        self._inbox.append((topic, records, now_ms))

    def passed(self, topic: str, position: int) -> None:
        self._then[topic, "passed"] = partial(self._inner.passed, topic, position)

    def ended(self, topic: str) -> None:
        self._then[topic, "ended"] = partial(self._inner.ended, topic)

    def has_ended(self, topic: str) -> bool:
        return self._inner.has_ended(topic)

    def tick(self, topic: str, now_ms: int) -> None:
        self._then[topic, "tick"] = partial(self._inner.tick, topic, now_ms)

    def clock_at(self, now_ms: int) -> None:
        if self._inner.asks_the_clock:
            self._then["", "clock"] = partial(self._inner.clock_at, now_ms)

    def was_deaf(self, ms: int, topic: str | None = None) -> None:
        self._inner.was_deaf(ms, topic)

    # --- work -------------------------------------------------------------------------------

    @property
    def is_busy(self) -> bool:
        """Is there something to do? What it reads is paused meanwhile."""
        return self._is_busy or bool(self._inbox)

    @property
    def waits(self) -> bool:
        """Has a handler not come to an end?"""
        return not all(one.is_idle for one in self._agents)

    @property
    def watermark(self) -> int:
        return self._inner.watermark

    @property
    def is_done(self) -> bool:
        return not self.is_busy and not self._then and self._inner.is_done

    def work(self) -> bool:
        """Goes on, as far as it can now. False: there is nothing to go on with, or handlers wait.
        Raises what has stopped a handler."""
        if self._is_busy:
            for one in self._agents:
                one.check()
            if self.waits:
                return False
            self._completed()
        if self._inbox:
            self._begin()
        elif self._then:
            self._prepare()
            self._is_busy, self._began = True, self._host.clock()
            then, self._then = self._then, {}
            for action in then.values():
                action()
        else:
            return False
        if not self.waits:  # no handler has to do with it
            self._completed()
        return True

    def _begin(self) -> None:
        self._prepare()
        self._is_prepared = False
        topic, records, now_ms = self._inbox.popleft()
        if len(records.offsets) > self._size:
            self._inbox.appendleft((topic, records.part(self._size, MOST * 1000), now_ms))
            records = records.part(0, self._size)
        self._is_busy, self._began = True, self._host.clock()
        self._inner.feed(topic, records, now_ms)

    def _completed(self) -> None:
        for one in self._agents:
            one.release()
        self._is_busy = False
        self._drain()
        self.positions = dict(self._inner.positions)
        took = self._host.clock() - self._began
        size = (
            self._size * 2 if took < AIM_S / 2 else self._size // 2 if took > AIM_S else self._size
        )
        self._size = min(max(size, self._least), MOST)

    def _drain(self) -> None:
        self.outputs += self._inner.outputs
        self._inner.outputs.clear()

    # --- checkpoints ------------------------------------------------------------------------

    def announce(self) -> None:
        if not self._is_busy:
            self._inner.announce()
            self._drain()

    def checkpoint(self) -> list[Output]:
        if not self._is_busy:
            self._prepare()
        prepared, self._prepared = self._prepared, {}
        return list(prepared.values())

    def committed(self, changes: Iterable[Output], end: int) -> None:
        self._inner.committed(changes, end)

    @property
    def acts_on_commit(self) -> bool:
        return self._inner.acts_on_commit

    def _prepare(self) -> None:
        """What the changelog gets, of this moment; of a key only its latest, the marker last."""
        for change in self._inner.checkpoint():
            self._prepared.pop(change.key, None)
            self._prepared[change.key] = change
        self._drain()

    def take_no_more(self) -> None:
        """What it has not begun is read again, by whom has the partition next."""
        self._inbox.clear()
        self._then.clear()

    def close(self) -> None:
        """What its handlers have not done is others' to do."""
        for one in self._agents:
            one.close()
