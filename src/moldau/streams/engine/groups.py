"""The rows of a table in groups: added up, and taken out again when they change."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from moldau.streams.aggregates import in_order
from moldau.streams.batch import Batch
from moldau.streams.engine.coding import kept
from moldau.streams.engine.guard import Guard
from moldau.streams.engine.held import Held, batch_of, since_of
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.results import Results, States
from moldau.streams.engine.rows import Rows
from moldau.streams.engine.state import Table
from moldau.streams.engine.values import ValueFormat
from moldau.streams.join_nodes import Regrouped, TableAggregated


class Regrouping(Step):
    """Each row, as a member of its group. Of changes of one key at one time the last counts, so
    that a group is told of a member at most once for each time."""

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
            before = self._groups.get(key)
            if before is not None and before != now:
                made.append((before[0], (key, None), time))
            if now is not None:
                made.append((now[0], (key, value), time))
            self._groups.put(key, now)
        made.sort(key=_time)
        self._emit(made)

    def _named(self, row: Any) -> list[Any] | None:
        if row is None:
            return None
        group = kept(self._group(row))
        hash(group)  # raises for what can be no key
        return [group]


def _time(one: tuple[Any, Any, int]) -> int:
    return one[2]


class _Member(NamedTuple):
    time: int
    value: Any


class TableAggregating(Step):
    """One result for each group and time at which it changes; None when it has no member left.

    What can be taken out of an aggregate (`remove`) is; without that it is added up anew."""

    def __init__(
        self,
        node: TableAggregated,
        waiting: Held,
        members: Table,
        sums: Table,
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
        self._format = ValueFormat(node.member_type)
        self._tables = (members, sums)
        self._members: dict[Any, dict[Any, _Member]] = {}
        self._sums: dict[Any, list[Any]] = {}
        self._changed: tuple[dict[Any, None], dict[Any, None]] = ({}, {})
        members.saver, sums.saver = self._save_members, self._save_sums
        for (group, member), (time, data) in members.load():
            value = self._format.decode(data)
            self._members.setdefault(group, {})[member] = _Member(time, value)
        self._sums.update(sums.load())

    def process(self, batch: Batch) -> None:
        self._held.add(batch)

    def advance(self, watermark: int) -> None:
        made: list[tuple[Any, Any, int]] = []
        for time, rows in groupby(self._held.release(watermark), key=since_of):
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
            self._change(group, member, value, time)
            touched[group] = None

        self._guard.each(change, batch_of(rows))
        return touched

    def _change(self, group: Any, member: Any, value: Any, time: int) -> None:
        """Nothing changes where a function of the user's fails."""
        before = self._members.get(group, {}).get(member)
        sums = list(self._sums.get(group) or self._added.new())
        if before is not None:
            taken = self._added.taken(before.value, (before.time, -1, 0))
            for number, remove in enumerate(self._removes):
                sums[number] = remove(sums[number], taken[number])
        if value is not None:
            place = (time, -1, 0)
            self._anew.add(self._anew.new(), self._anew.taken(value, place))  # fails here
            self._added.add(sums, self._added.taken(value, place))
        self._put(group, member, None if value is None else _Member(time, value), sums)

    def _put(self, group: Any, member: Any, now: _Member | None, sums: list[Any]) -> None:
        members = self._members.setdefault(group, {})
        before = members.pop(member, None)
        changed_members, changed_sums = self._changed
        if now is not None:
            members[member] = now
            changed_members[group, member] = None
        elif before is not None:
            changed_members.pop((group, member), None)
            self._tables[0].drop([(group, member)])
        if members:
            self._sums[group] = sums
            changed_sums[group] = None
            return
        del self._members[group]
        self._sums.pop(group, None)
        changed_sums.pop(group, None)
        self._tables[1].drop([group])

    def _states_of(self, group: Any) -> list[Any]:
        anew, members = self._anew.new(), self._members[group]
        if anew:
            names = in_order(members)
            values = [members[name].value for name in names]
            times = [members[name].time for name in names]

            def add(number: int) -> None:
                taken = self._anew.taken(values[number], (times[number], -1, 0))
                self._anew.add(anew, taken)

            self._guard.each(add, Batch([group] * len(names), values, times, times, ()))
        states = dict(zip(self._names, [*self._sums[group], *anew], strict=True))
        return [states[name] for name in self._aggregates]

    def again(self, key: Any, data: bytes, time: int) -> None:
        self._pass(self._results.again(key, data, time, time))

    def _save_members(self) -> list[tuple[Any, Any]]:
        changed, saved = dict(self._changed[0]), []
        self._changed[0].clear()
        for group, member in changed:
            time, value = self._members[group][member]
            saved.append(((group, member), [time, self._format.encode(value)]))
        return saved

    def _save_sums(self) -> list[tuple[Any, Any]]:
        changed = list(self._changed[1])
        self._changed[1].clear()
        return [(group, self._sums[group]) for group in changed]
