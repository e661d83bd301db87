"""The rows of a table in groups: added up, and taken out again when they change."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.engine.cached import Cached
from moldau.streams.engine.coding import encode
from moldau.streams.engine.guard import Guard
from moldau.streams.engine.held import Held, batch_of, since_of
from moldau.streams.engine.keys import typed, typed_in
from moldau.streams.engine.members import Member, Members
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.results import Results, States
from moldau.streams.engine.rows import Rows
from moldau.streams.engine.state import State, Table
from moldau.streams.join_nodes import Regrouped, TableAggregated


class Regrouping(Step):
    """Each row, as a member of its group: (the name of its key, row or None). Of changes of one key
    at one time the last counts, so that a group is told of a member at most once for each time."""

    def __init__(
        self, node: Regrouped, groups: Table, following: Sequence[Operator], guard: Guard
    ) -> None:
        super().__init__(following)
        self._guard = guard
        self._group = node.group
        self._groups = Rows(groups, Any)  # by key: [its group]

    def process(self, batch: Batch) -> None:
        places = list(zip(batch.keys, batch.times, strict=True))
        last = {place: number for number, place in enumerate(places)}
        batch, groups = self._guard.map(
            self._named, batch.where([last[place] == n for n, place in enumerate(places)])
        )
        made: list[tuple[Any, Any, int]] = []
        columns = zip(batch.keys, batch.values, batch.times, groups, strict=True)
        for key, value, time, now in columns:
            before, member = self._groups.get(key), encode(key)
            if before is not None:
                before = list(map(typed, before))
            if before is not None and before != now:
                made.append((before[0], (member, None), time))
            if now is not None:
                made.append((now[0], (member, value), time))
            self._groups.put(key, now)
        made.sort(key=_time)
        self._emit(made)

    def _named(self, row: Any) -> list[Any] | None:
        if row is None:
            return None
        return [typed(self._group(row))]


def _time(one: tuple[Any, Any, int]) -> int:
    return one[2]


class TableAggregating(Step):
    """One result for each group and time at which it changes; None when it has no member left.

    What can be taken out of an aggregate (`remove`) is; without that it is added up anew."""

    def __init__(
        self,
        node: TableAggregated,
        waiting: Held,
        state: State,
        following: Sequence[Operator],
        guard: Guard,
        results: Results,
    ) -> None:
        super().__init__(following)
        self._held = waiting
        removable = {n: one for n, one in node.aggregates.items() if one.remove is not None}
        others = {n: one for n, one in node.aggregates.items() if one.remove is None}
        self._removes = [one.remove for one in removable.values() if one.remove is not None]
        self._added = States(removable, node.member_type)
        self._anew = States(others, node.member_type)
        self._names = [*removable, *others]
        self._guard = guard
        self._results = results
        self._aggregates = list(node.aggregates)
        members = state.table(f"{node.name}-members")
        self._members = Members(state, members, node.member_type, lists=bool(others))
        self._sums = Cached(state.table(node.name), decode=self._added.restored)

    def process(self, batch: Batch) -> None:
        self._held.add(batch)

    @property
    def waits(self) -> bool:
        return self._held.has_some

    def advance(self, watermark: int) -> None:
        made: list[tuple[Any, Any, int]] = []
        released = self._held.release(watermark)
        self._members.fetch((row[4], typed_in(row[5][0])) for row in released if row[4] is not None)
        self._sums.fetch(row[4] for row in released)
        for time, rows in groupby(released, key=since_of):
            touched = self._touched([row for row in rows if row[4] is not None])
            there = [group for group in touched if group in self._members]
            parts = [(group, None, self._states_of(group)) for group in there]
            times = [time] * len(there)
            batch = self._results.batch(Batch(there, parts, times, times, ()))
            made += [(group, None, time) for group in touched if group not in self._members]
            made += zip(batch.keys, batch.values, batch.times, strict=True)
        self._emit(made)

    def _touched(self, rows: list[Any]) -> dict[Any, None]:
        """The groups that change by these rows of one time."""
        touched: dict[Any, None] = {}

        def change(number: int) -> None:
            time, _, _, _, group, (member, value), _, _ = rows[number]
            self._change(group, typed_in(member), value, time)
            touched[group] = None

        self._guard.each(change, batch_of(rows))
        return touched

    def _change(self, group: Any, member: Any, value: Any, time: int) -> None:
        """Nothing changes where a function of the user's fails."""
        before = self._members.get((group, member))
        sums = list(self._sums[group] or self._added.new())
        if before is not None:
            taken = self._added.taken(before.value, (before.time, -1, 0))
            for number, remove in enumerate(self._removes):
                sums[number] = remove(sums[number], taken[number])
        if value is not None:
            place = (time, -1, 0)
            self._anew.add(self._anew.new(), self._anew.taken(value, place))  # fails here
            self._added.add(sums, self._added.taken(value, place))
        now = None if value is None else Member(time, value)
        self._members.put((group, member), before, now)
        self._sums.put(group, sums if group in self._members else None)

    def _states_of(self, group: Any) -> list[Any]:
        anew = self._anew.new()
        if anew:
            members = self._members.of(group)
            values, times = [one.value for one in members], [one.time for one in members]

            def add(number: int) -> None:
                taken = self._anew.taken(values[number], (times[number], -1, 0))
                self._anew.add(anew, taken)

            self._guard.each(add, Batch([group] * len(members), values, times, times, ()))
        states = dict(zip(self._names, [*self._sums[group], *anew], strict=True))
        return [states[name] for name in self._aggregates]

    def again(self, key: Any, data: bytes, time: int) -> None:
        self._pass(self._results.again(key, data, time, time))
