"""Aggregates by key and window: one result each, when the task's watermark passes the window's end.

The loop over the records is compiled from the aggregates (`_loop`): what is declared becomes one
function without a call for a count, a minimum or the reading of a field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from moldau.streams import fields
from moldau.streams.aggregates import Aggregate, add_exactly
from moldau.streams.batch import Batch
from moldau.streams.clock import BEFORE_ALL
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.state import Table
from moldau.streams.program import Aggregated
from moldau.streams.windows import Hopping, Tumbling

Groups = dict[int, dict[Any, list[Any]]]
"""By the window's start, then by key: a state for each aggregate, and behind them the number of the
checkpoint in which they last changed."""


class WindowedAggregates(Step):
    def __init__(
        self, node: Aggregated, type_: Any, table: Table, following: Sequence[Operator]
    ) -> None:
        super().__init__(following)
        assert node.window is not None
        self._window = node.window
        self._label = node.label
        self._aggregates = list(node.aggregates.items())
        self._table = table
        self._open: Groups = {}
        self._changed: list[tuple[int, Any, list[Any]]] = []
        self._watermark = BEFORE_ALL
        self._update = _loop(node.aggregates, type_, self._window.size)
        self.late = 0
        table.saver = self._save
        for (start, key), states in table.load():
            self._open.setdefault(start, {})[key] = [*states, -1]

    def process(self, batch: Batch) -> None:
        window = self._window
        if isinstance(window, Tumbling):
            self._add(batch, window.starts(batch.times))
            return
        assert isinstance(window, Hopping)
        spread = [list(window.starts_of(time)) for time in batch.times]
        for turn in range(max(map(len, spread))):
            chosen = [len(starts) > turn for starts in spread]
            starts = [starts[turn] for starts in spread if len(starts) > turn]
            self._add(batch if all(chosen) else batch.where(chosen), starts)

    def _add(self, batch: Batch, starts: list[int]) -> None:
        self.late += self._update(
            self._open,
            self._changed,
            self._table.checkpoint,
            batch.keys,
            starts,
            batch.floors,
            batch.values,
        )

    def advance(self, watermark: int) -> None:
        end = self._window.end
        for start in sorted(start for start in self._open if end(start) <= watermark):
            self._close(start)
        self._watermark = watermark

    def _close(self, start: int) -> None:
        """Their order does not depend on that of the records: by the end of the window, by key."""
        group = self._open.pop(start)
        keys = _in_order(group)
        end = self._window.end(start)
        bounds = {"window_start": _utc(start), "window_end": _utc(end)}
        values = [{self._label: key, **bounds, **self._results(group[key])} for key in keys]
        self._table.drop((start, key) for key in keys)
        count = len(keys)
        self._pass(Batch(keys, values, [end - 1] * count, [self._watermark] * count, ()))

    def _results(self, states: list[Any]) -> dict[str, Any]:
        return {
            name: aggregate.result(state)
            for (name, aggregate), state in zip(self._aggregates, states, strict=False)
        }

    def _save(self) -> list[tuple[Any, Any]]:
        """What has changed since the last checkpoint, and is still open."""
        changed, self._changed = self._changed, []
        return [
            ((start, key), states[:-1])
            for start, key, states in changed
            if self._open.get(start, {}).get(key) is states
        ]


def _utc(time: int) -> datetime:
    return datetime.fromtimestamp(time / 1000, UTC)


def _in_order(keys: dict[Any, Any]) -> list[Any]:
    try:
        return sorted(keys)
    except TypeError:  # of several types
        return sorted(keys, key=repr)


Update = Callable[
    [
        Groups,
        list[tuple[int, Any, list[Any]]],
        int,
        Sequence[Any],
        Sequence[int],
        Sequence[int],
        Sequence[Any],
    ],
    int,
]


def _loop(aggregates: dict[str, Aggregate] | Any, type_: Any, size: int) -> Update:
    """Compiles the loop. Its text is made of our own words and numbers only: what people name
    comes in as objects."""
    names: dict[str, Any] = {"add_exactly": add_exactly}
    lines: list[str] = []
    for i, aggregate in enumerate(aggregates.values()):
        names[f"init{i}"], names[f"add{i}"] = aggregate.init, aggregate.add
        taken = "None"
        if aggregate.field is not None:
            names[f"get{i}"] = fields.getter(type_, aggregate.field, "agg")
            taken = f"get{i}(value)"
        if aggregate.step is None:
            lines.append(f"states[{i}] = add{i}(states[{i}], {taken})")
            continue
        if aggregate.field is not None:
            lines.append(f"x = {taken}")
        lines += [f"s = states[{i}]", f"states[{i}] = {aggregate.step}"]
    count = len(lines)
    initial = ", ".join(f"init{i}()" for i in range(len(aggregates)))
    last = len(aggregates)
    body = "\n        ".join(lines)
    text = f"""
def update(groups, changed, checkpoint, keys, starts, floors, values):
    late = 0
    for key, start, floor, value in zip(keys, starts, floors, values):
        if start + {size} <= floor:
            late += 1
            continue
        if key is None:
            continue
        group = groups.get(start)
        if group is None:
            group = groups[start] = {{}}
        states = group.get(key)
        if states is None:
            states = group[key] = [{initial}, -1]
        {body}
        if states[{last}] != checkpoint:
            states[{last}] = checkpoint
            changed.append((start, key, states))
    return late
"""
    assert count
    exec(compile(text, f"<loop of {', '.join(aggregates)}>", "exec"), names)
    update: Update = names["update"]
    return update
