"""Members of groups: each by itself, so that a group may be more than fits into memory, and beside
them what is asked of a group as a whole. That is made anew at each start, of their names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from moldau.streams.aggregates import in_order
from moldau.streams.engine.cached import Cached
from moldau.streams.engine.coding import decode, encode
from moldau.streams.engine.keys import parts_in, typed
from moldau.streams.engine.spilled import Spilled, fit
from moldau.streams.engine.state import State, Table
from moldau.streams.engine.values import ValueFormat

LOADED = 1000  # members, behind which memory is looked at

Place = tuple[Any, Any]
"""A group and one of its members."""


class Listed:
    """Which members each group has."""

    def __init__(self, state: State, name: str, places: Iterable[Place]) -> None:
        """`name`: no other's of this state. `places`: those that there are."""
        self._groups = Spilled(state, name, self._of_row, self._row_in)
        self.fetch = self._groups.fetch
        state.spilled.append(self._groups)
        for number, (group, member) in enumerate(places):
            self.fetch([group])
            self.add(group, member)
            if number % LOADED == 0:
                fit([self._groups])

    def _of_row(self, row: Iterable[Any]) -> bytes:
        return encode(list(row))

    def _row_in(self, _group: Any, data: bytes) -> Any:
        return dict.fromkeys(map(typed, decode(data)))

    def add(self, group: Any, member: Any) -> None:
        """One that is not there."""
        self._groups.setdefault(group, {})[member] = None
        self._groups.total += 1

    def remove(self, group: Any, member: Any) -> None:
        """One that is there."""
        members = self._groups[group]
        del members[member]
        self._groups.total -= 1
        if not members:
            del self._groups[group]

    def __contains__(self, group: Any) -> bool:
        return group in self._groups

    def of(self, group: Any) -> list[Any]:
        """In order."""
        return in_order(self._groups.get(group, ()))


class Counted(Listed):
    """How many members each group has."""

    def _row_in(self, _group: Any, data: bytes) -> Any:
        return decode(data)

    def add(self, group: Any, member: Any) -> None:
        number = self._groups.get(group)
        if number is None:
            self._groups[group] = [1]
            self._groups.total += 1
        else:
            number[0] += 1

    def remove(self, group: Any, member: Any) -> None:
        number = self._groups[group]
        number[0] -= 1
        if not number[0]:
            del self._groups[group]
            self._groups.total -= 1


class Member(NamedTuple):
    time: int
    value: Any


class Members:
    """Who asks for some, or changes them, fetches them first."""

    def __init__(self, state: State, table: Table, type_: Any, *, lists: bool) -> None:
        """`lists`: is it asked which a group has?"""
        self._format = ValueFormat(type_)
        table.decode_key = parts_in
        self._rows = Cached(table, self._plain, self._member)
        self.get = self._rows.__getitem__
        kind = Listed if lists else Counted
        self._groups = kind(state, f"{table.name}-groups", self._rows.all_keys())

    def _plain(self, member: Member) -> list[Any]:
        return [member.time, self._format.encode(member.value)]

    def _member(self, saved: list[Any]) -> Member:
        time, data = saved
        return Member(time, self._format.decode(data))

    def fetch(self, places: Iterable[Place]) -> None:
        places = list(places)
        self._rows.fetch(places)
        self._groups.fetch(group for group, _ in places)

    def put(self, place: Place, before: Member | None, now: Member | None) -> None:
        """None: it is none. `before`: what is there."""
        if now is not None or before is not None:
            self._rows.put(place, now)
        if now is None and before is not None:
            self._groups.remove(*place)
        elif now is not None and before is None:
            self._groups.add(*place)

    def __contains__(self, group: Any) -> bool:
        """Has it any?"""
        return group in self._groups

    def of(self, group: Any) -> list[Member]:
        """In the order of their names."""
        names, rows = self._groups.of(group), self._rows
        rows.fetch((group, name) for name in names)
        return [rows[group, name] for name in names]
