"""Rows of open windows, of which those used lately are in memory: there may be more than fit.

Two generations, as in `cached.py`. Beside them is held where those windows begin of which not all
rows are in memory, and nothing for each row that is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from operator import itemgetter
from typing import Any

from moldau.streams.engine.coding import decode
from moldau.streams.engine.kept_states import Restored
from moldau.streams.engine.loop import Changed, Groups
from moldau.streams.engine.row_size import RowSize
from moldau.streams.engine.state import Table
from moldau.streams.engine.window_names import (
    Place,
    in_order,
    of_key,
    of_place,
    of_start,
    place_in,
    start_in,
)


class OpenWindows:
    """`groups`: what was used since memory was short last. Whoever changes a row fetches it first,
    and puts it into `changed`."""

    def __init__(self, table: Table, restored: Restored) -> None:
        """`restored`: states as they were, of what is kept of them."""
        self.groups: Groups = {}
        self.changed: Changed = []
        self._old: Groups = {}
        self._stored: set[int] = set()  # where windows begin of which rows are in the store alone
        self._size = RowSize()
        self._table = table
        self._restored = restored
        table.encode_key, table.decode_key = of_place, place_in
        table.saver, table.cache = self._save, self
        rows = table.load_if_few()
        if rows is None:
            self._stored.update(self._begins())
        for (start, key), states in rows or ():
            self.groups.setdefault(start, {})[key] = [*restored(states), -1]

    def _begins(self) -> Iterator[int]:
        """Where the windows begin that are in the store."""
        at = b""
        while (found := next(self._table.scan(begin=at), None)) is not None:
            start = start_in(found[0])
            yield start
            at = of_start(start + 1)

    def __iter__(self) -> Iterator[int]:
        """Where they begin."""
        if not self._old and not self._stored:
            return iter(self.groups)
        return iter({*self.groups, *self._old, *self._stored})

    def fetch(self, places: Iterable[Place]) -> None:
        """Those of a batch."""
        if not self._old and not self._stored:
            return
        asked = []
        for place in set(places):
            start, key = place
            group = self.groups.get(start)
            if group is not None and key in group:
                continue
            old = self._old.get(start)
            if old is not None and key in old:
                self.groups.setdefault(start, {})[key] = old.pop(key)
            elif start in self._stored and key is not None:
                asked.append(place)
        for (start, key), states in self._table.get_many(asked).items():
            self.groups.setdefault(start, {})[key] = [*self._restored(states), -1]

    def close(self, start: int) -> Iterator[tuple[Any, list[Any]]]:
        """Takes the window out: (key, states and what is behind them) each, in the order of
        keys."""
        group = {**self._old.pop(start, {}), **self.groups.pop(start, {})}
        if start not in self._stored:
            keys = in_order(group)
            self._table.drop([(start, key) for key in keys])
            return ((key, group[key]) for key in keys)
        self._stored.remove(start)
        return self._merged(start, group)

    def _merged(self, start: int, group: dict[Any, list[Any]]) -> Iterator[tuple[Any, list[Any]]]:
        """What is in memory counts where the store has it too."""
        begin = of_start(start)
        there = ((begin + of_key(key), key, states) for key, states in group.items())
        rows = iter(sorted(there, key=itemgetter(0)))
        row = next(rows, None)
        for name, data in self._table.scan(begin):
            while row is not None and row[0] <= name:
                is_same = row[0] == name
                self._table.drop_names([row[0]])
                yield row[1:]
                row = next(rows, None)
                if is_same:
                    break
            else:
                self._table.drop_names([name])
                yield place_in(name)[1], [*self._restored(decode(data)), -1]
        while row is not None:
            self._table.drop_names([row[0]])
            yield row[1:]
            row = next(rows, None)

    def _save(self) -> list[tuple[Place, list[Any]]]:
        """What has changed since the last checkpoint, and is still open."""
        changed, self.changed = self.changed, []
        groups = self.groups
        return [
            ((start, key), states[:-1])
            for start, key, states in changed
            if groups.get(start, {}).get(key) is states
        ]

    # --- memory -----------------------------------------------------------------------------

    @property
    def used(self) -> int:
        return (_count(self.groups) + _count(self._old)) * self._each()

    @property
    def young(self) -> int:
        return _count(self.groups) * self._each()

    def _each(self) -> int:
        groups = [*self.groups.values(), *self._old.values()]
        return self._size.each(sum(map(len, groups)), chain.from_iterable(map(dict.items, groups)))

    def shrink(self) -> None:
        """What is young becomes old, and what was old goes."""
        self._stored.update(start for start, group in self._old.items() if group)
        self._old, self.groups = self.groups, {}
        for start, key, states in self.changed:
            group = self._old.get(start, {})
            if group.get(key) is states:
                self.groups.setdefault(start, {})[key] = group.pop(key)


def _count(groups: Groups) -> int:
    return sum(map(len, groups.values()))
