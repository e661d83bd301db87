"""What a table held at a time: the versions of each key, as far back as somebody may ask."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import count, islice
from typing import Any, NamedTuple

from moldau.streams.batch import Batch
from moldau.streams.engine.held import Held
from moldau.streams.engine.keys import parts_in
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.spilled import Spilled, Unsaved, fit
from moldau.streams.engine.state import State
from moldau.streams.engine.values import ColumnsFormat, ValueFormat

LOADED = 1000  # versions, behind which memory is looked at
PURGED = 10_000  # keys at once, where not all are in memory


class _Version(NamedTuple):
    """`since`: from when on it counts. `order`: its event time and place in the source; of two
    the greater is the newer one. `value` None: deleted."""

    since: int
    order: tuple[int, ...]
    value: Any


class History:
    """Versions come in the order of event time. Who asks for some, or puts one, fetches their keys
    first. In memory is always which keys have versions that will go, and when the next does."""

    def __init__(self, state: State, name: str, type_: Any, history: int) -> None:
        """`name`: of its table in the state."""
        table = state.table(name)
        self._table = table
        self._history = history
        self._format = ValueFormat(type_)
        self._row = ColumnsFormat(type_, list[int], list[tuple[int, ...]])
        self._by_key = Spilled(state, f"{name}-versions", self._of_row, self._row_in)
        self.fetch = self._by_key.fetch
        self._unsaved = Unsaved()
        self._next: dict[Any, int] = {}  # of keys: when a version may be one too many
        self._numbers = count()  # of keys, which may not be ordered
        self._purges: list[tuple[int, int, Any]] = []  # a heap
        table.decode_key = parts_in
        table.saver, table.cache = self._save, self._unsaved
        state.spilled.append(self._by_key)
        self._load()

    def _load(self) -> None:
        for number, ((key, since), (order, data)) in enumerate(self._table.load()):
            value = None if data is None else self._format.decode(data)
            self.fetch([key])
            versions = self._by_key.setdefault(key, [])
            insort(versions, _Version(since, tuple(order), value), key=_since)
            self._by_key.total += 1
            self._look(key, versions)
            if number % LOADED == 0:
                fit([self._by_key])

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
        version = _Version(since, order, value)
        if versions is None:
            versions = self._by_key[key] = [version]
            self._by_key.total += 1
        else:
            last = versions[-1]
            forgotten = last.value is None and last.since + self._history < since
            if order < last.order and not forgotten:
                return False
            if last.since == since:
                versions[-1] = version
            else:
                versions.append(version)
                self._by_key.total += 1
        if value is None or len(versions) > 1:
            self._look(key, versions)
        self._unsaved[key, since] = version
        return True

    # --- what goes --------------------------------------------------------------------------

    def _look(self, key: Any, versions: list[_Version]) -> None:
        """At the key again, when the next version is one too many: then the first counts no more,
        or tells of what is deleted."""
        if key in self._next:
            return
        if versions[0].value is None:
            since = versions[0].since
        elif len(versions) > 1:
            since = versions[1].since
        else:
            return
        self._next[key] = since
        heappush(self._purges, (since, next(self._numbers), key))

    def purge(self, watermark: int) -> None:
        """Nobody asks any more for what was more than `history` before the watermark."""
        limit = watermark - self._history - 1
        due = self._due(limit)
        keys = list(due if self._by_key.is_whole else islice(due, PURGED))
        self.fetch(keys)
        for key in keys:
            versions = self._by_key.get(key)
            if versions is not None:
                self._purge(key, versions, limit)

    def _due(self, limit: int) -> Iterator[Any]:
        while self._purges and self._purges[0][0] <= limit:
            key = heappop(self._purges)[2]
            del self._next[key]
            yield key

    def _purge(self, key: Any, versions: list[_Version], limit: int) -> None:
        place = bisect_right(versions, limit, key=_since)
        if place and versions[place - 1].value is not None:
            place -= 1  # it still counts
        for old in versions[:place]:
            self._unsaved.pop((key, old.since), None)
            self._table.drop([(key, old.since)])
        del versions[:place]
        self._by_key.total -= place
        if versions:
            self._look(key, versions)
        else:
            del self._by_key[key]

    # --- as bytes ---------------------------------------------------------------------------

    def _save(self) -> list[tuple[Any, Any]]:
        encode = self._format.encode
        return [
            (name, [one.order, None if one.value is None else encode(one.value)])
            for name, one in self._unsaved.all()
        ]

    def _of_row(self, versions: Iterable[_Version]) -> bytes:
        since, orders, values = map(list, zip(*versions, strict=True))
        return self._row.encode((), values, since, orders)

    def _row_in(self, _key: Any, data: bytes) -> list[_Version]:
        _, values, since, orders = self._row.decode(data)
        return list(map(_Version, since, orders, values))


def _since(version: _Version) -> int:
    return version[0]


class Tabling(Step):
    """A table: takes changes as they arrive, hands them on in the order of event time. A change
    without a key counts for nothing; one without a value deletes."""

    def __init__(
        self,
        waiting: Held,
        history: History,
        watermark: int,
        following: Sequence[Operator],
    ) -> None:
        super().__init__(following)
        self._held = waiting
        self._history = history
        self._watermark = watermark

    def process(self, batch: Batch) -> None:
        self._held.add(batch)

    @property
    def waits(self) -> bool:
        return self._held.has_some

    def advance(self, watermark: int) -> None:
        self._history.purge(self._watermark)
        self._watermark = watermark
        released = self._held.release(watermark)
        self._history.fetch(row[4] for row in released)
        put = self._history.put
        changes = [
            (key, value, since)
            for since, partition, offset, number, key, value, time, _ in released
            if key is not None and put(key, since, (time, partition, offset, number), value)
        ]
        self._emit(changes)
