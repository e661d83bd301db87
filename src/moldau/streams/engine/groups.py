"""The rows of a table in groups: added up, and taken out again when they change."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from moldau.streams.batch import Batch
from moldau.streams.engine.held import Held, since_of
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.results import Results, States, in_order
from moldau.streams.engine.rows import Rows
from moldau.streams.engine.state import Table
from moldau.streams.engine.values import ValueFormat
from moldau.streams.join_nodes import Regrouped, TableAggregated


class Regrouping(Step):
    """Each row, as a member of its group. Of changes of one key at one time the last counts, so
    that a group is told of a member at most once for each time."""

    def __init__(self, node: Regrouped, groups: Table, following: Sequence[Operator]) -> None:
        super().__init__(following)
        self._group = node.group
        self._groups = Rows(groups, Any)  # by key: [its group]

    def process(self, batch: Batch) -> None:
        last = {place: n for n, place in enumerate(zip(batch.keys, batch.times, strict=True))}
        made: list[tuple[Any, Any, int]] = []
        for number in last.values():
            key, value, time = batch.keys[number], batch.values[number], batch.times[number]
            before = self._groups.get(key)
            now = None if value is None else [self._group(value)]
            if before is not None and before != now:
                made.append((before[0], (key, None), time))
            if now is not None:
                made.append((now[0], (key, value), time))
            self._groups.put(key, now)
        made.sort(key=_time)
        self._emit(made)


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
    ) -> None:
        super().__init__(following)
        self._held = waiting
        removable = {n: one for n, one in node.aggregates.items() if one.remove is not None}
        others = {n: one for n, one in node.aggregates.items() if one.remove is None}
        self._removes = [one.remove for one in removable.values() if one.remove is not None]
        self._added = States(removable, node.member_type)
        self._anew = States(others, node.member_type)
        self._names = [*removable, *others]
        self._results = Results(node.label, node.aggregates)
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
        made = []
        for time, rows in groupby(self._held.release(watermark), key=since_of):
            touched: dict[Any, None] = {}
            for row in rows:
                group, (member, value) = row[4], row[5]
                if group is not None:
                    self._change(group, member, value, time)
                    touched[group] = None
            made += [(group, self._row(group), time) for group in touched]
        self._emit(made)

    def _change(self, group: Any, member: Any, value: Any, time: int) -> None:
        members = self._members.setdefault(group, {})
        sums = self._sums.get(group)
        if sums is None:
            sums = self._sums[group] = self._added.new()
        before = members.pop(member, None)
        if before is not None:
            taken = self._added.taken(before.value, (before.time, -1, 0))
            for number, remove in enumerate(self._removes):
                sums[number] = remove(sums[number], taken[number])
        changed_members, changed_sums = self._changed
        changed_sums[group] = None
        if value is not None:
            members[member] = _Member(time, value)
            self._added.add(sums, self._added.taken(value, (time, -1, 0)))
            changed_members[group, member] = None
        elif before is not None:
            changed_members.pop((group, member), None)
            self._tables[0].drop([(group, member)])
        if not members:
            del self._members[group], self._sums[group], changed_sums[group]
            self._tables[1].drop([group])

    def _row(self, group: Any) -> dict[str, Any] | None:
        members = self._members.get(group)
        if members is None:
            return None
        anew = self._anew.new()
        if anew:
            for member in in_order(members):
                time, value = members[member]
                self._anew.add(anew, self._anew.taken(value, (time, -1, 0)))
        states = dict(zip(self._names, [*self._sums[group], *anew], strict=True))
        return self._results.row(group, None, [states[name] for name in self._aggregates])

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
