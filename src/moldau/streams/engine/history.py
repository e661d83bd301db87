"""What a table held at a time: the versions of each key, as far back as somebody may ask."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from moldau.streams.batch import Batch
from moldau.streams.engine.held import Held
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.state import Table
from moldau.streams.engine.values import ValueFormat
from moldau.streams.join_nodes import Tabled


class _Version(NamedTuple):
    """`since`: from when on it counts. `order`: its event time and place in the source; of two
    the greater is the newer one. `value` None: deleted."""

    since: int
    order: tuple[int, ...]
    value: Any


class History:
    """Versions come in the order of event time."""

    def __init__(self, table: Table, type_: Any, history: int) -> None:
        self._table = table
        self._history = history
        self._format = ValueFormat(type_)
        self._by_key: dict[Any, list[_Version]] = {}
        self._changed: dict[tuple[Any, int], _Version] = {}
        # What makes an older version superfluous, or is so itself, by its time.
        self._purges: deque[tuple[int, Any]] = deque()
        table.saver = self._save
        self._load()

    def _load(self) -> None:
        loaded = sorted(self._table.load(), key=lambda one: one[0][1])
        for (key, since), (order, data) in loaded:
            value = None if data is None else self._format.decode(data)
            self._append(key, _Version(since, tuple(order), value))

    def at(self, key: Any, time: int) -> Any:
        """The value then; None: there was none."""
        versions = self._by_key.get(key)
        if versions is None:
            return None
        last = versions[-1]
        if last[0] <= time:
            return last[2]
        place = bisect_right(versions, time, key=_since)
        return versions[place - 1][2] if place else None

    def put(self, key: Any, since: int, order: tuple[int, ...], value: Any) -> bool:
        """False: something newer is there already."""
        versions = self._by_key.get(key)
        if versions is not None:
            last = versions[-1]
            forgotten = last.value is None and last.since + self._history < since
            if order < last.order and not forgotten:
                return False
        version = _Version(since, order, value)
        self._append(key, version)
        self._changed[key, since] = version
        return True

    def _append(self, key: Any, version: _Version) -> None:
        versions = self._by_key.get(key)
        if versions is None:
            self._by_key[key] = [version]
            if version.value is None:
                self._purges.append((version.since, key))
            return
        if versions[-1].since == version.since:
            versions[-1] = version
        else:
            versions.append(version)
        self._purges.append((version.since, key))

    def purge(self, watermark: int) -> None:
        """Nobody asks any more for what was more than `history` before the watermark."""
        limit = watermark - self._history - 1
        while self._purges and self._purges[0][0] <= limit:
            _, key = self._purges.popleft()
            versions = self._by_key.get(key)
            if versions is not None:
                self._purge(key, versions, limit)

    def _purge(self, key: Any, versions: list[_Version], limit: int) -> None:
        place = bisect_right(versions, limit, key=_since)
        if place and versions[place - 1].value is not None:
            place -= 1  # it still counts
        for old in versions[:place]:
            self._changed.pop((key, old.since), None)
            self._table.drop([(key, old.since)])
        del versions[:place]
        if not versions:
            del self._by_key[key]

    def _save(self) -> list[tuple[Any, Any]]:
        changed, self._changed = self._changed, {}
        encode = self._format.encode
        return [
            (name, [one.order, None if one.value is None else encode(one.value)])
            for name, one in changed.items()
        ]


def _since(version: _Version) -> int:
    return version[0]


class Tabling(Step):
    """A table: takes changes as they arrive, hands them on in the order of event time. A change
    without a key counts for nothing; one without a value deletes."""

    def __init__(
        self,
        node: Tabled,
        waiting: Table,
        versions: Table,
        watermark: int,
        following: Sequence[Operator],
    ) -> None:
        super().__init__(following)
        self._held = Held(waiting, node.type, watermark)
        self.history = History(versions, node.type, node.history)
        self._watermark = watermark

    def process(self, batch: Batch) -> None:
        self._held.add(batch)

    def advance(self, watermark: int) -> None:
        self.history.purge(self._watermark)
        self._watermark = watermark
        put = self.history.put
        changes = [
            (key, value, since)
            for since, partition, offset, number, key, value, time, _ in self._held.release(
                watermark
            )
            if key is not None and put(key, since, (time, partition, offset, number), value)
        ]
        self._emit(changes)
