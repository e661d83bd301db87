"""From the states of aggregates to the records that leave them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from moldau.streams import fields
from moldau.streams.aggregates import Aggregate
from moldau.streams.batch import Batch
from moldau.streams.engine.coding import decode
from moldau.streams.engine.kept_states import restored_parts, restored_states
from moldau.streams.engine.loop import safest_first, taker
from moldau.streams.engine.typed_keys import plain

if TYPE_CHECKING:
    from moldau.streams.engine.guard import Guard

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc(time: int) -> datetime:
    """Of ms since 1970, exactly."""
    return _EPOCH + timedelta(milliseconds=time)


Bounds = tuple[int, int] | None
"""Of a window, in ms since 1970; None: of all time."""


class Made:
    """What leaves a step: made, by a function of the user's in part, of what the step has kept.
    Where that fails, what was kept is the dead letter, and what leaves can be made of it again."""

    def __init__(
        self, guard: Guard, function: Callable[[Any], Any], decode: Callable[[bytes], Any]
    ) -> None:
        """`guard`: one whose letters are of such parts; `decode` reads them. `function` takes the
        parts of one record."""
        self._guard = guard
        self._function = function
        self._decode = decode

    def batch(self, parts: Batch) -> Batch:
        """Raises StreamsError to stop."""
        batch, values = self._guard.map(self._function, parts)
        return batch.with_values(values)

    def again(self, key: Any, data: bytes, time: int, floor: int) -> Batch:
        """Of what a dead letter holds. Raises StreamsError to stop."""
        return self.batch(Batch([key], [self._decode(data)], [time], [floor], ()))


def row(
    label: str,
    aggregates: Iterable[tuple[str, Aggregate]],
    key: Any,
    bounds: Bounds,
    states: Sequence[Any],
) -> dict[str, Any]:
    """What aggregates have come to."""
    made = {label: plain(key)}
    if bounds is not None:
        made["window_start"], made["window_end"] = map(utc, bounds)
    for (name, aggregate), state in zip(aggregates, states, strict=False):
        made[name] = aggregate.result(state)
    return made


class Results(Made):
    """Rows: the key under its label, the bounds of the window, each aggregate under its name. They
    are made of (key, bounds, states)."""

    def __init__(
        self, label: str, aggregates: Mapping[str, Aggregate], guard: Guard, type_: Any
    ) -> None:
        """`type_`: of the records that they are of."""
        super().__init__(guard, self._row, self._parts)
        self._restored = restored_states(aggregates.values(), type_)
        self._label = label
        self._aggregates = list(aggregates.items())

    def _parts(self, data: bytes) -> tuple[Any, Bounds, Sequence[Any]]:
        key, bounds, states = decode(data)
        return key, bounds, self._restored(states)

    def of(self, key: Any, states: Sequence[Any]) -> dict[str, Any]:
        """Of all time, outside of the batches."""
        return self._row((key, None, states))

    def _row(self, parts: tuple[Any, Bounds, Sequence[Any]]) -> dict[str, Any]:
        return row(self._label, self._aggregates, *parts)


class States:
    """The states of several aggregates taken forward one record at a time, where no compiled loop
    does it."""

    def __init__(self, aggregates: Mapping[str, Aggregate], type_: Any) -> None:
        self._aggregates = list(aggregates.values())
        self._adding = safest_first(self._aggregates)
        self._checks = [(n, one.check) for n, one in self._adding if one.check is not None]
        self._takers = [_taker(one, type_) for one in self._aggregates]
        self.restored = restored_states(self._aggregates, type_)
        self.restored_parts = restored_parts(self._aggregates, type_)

    def new(self) -> list[Any]:
        return [one.init() for one in self._aggregates]

    def taken(self, value: Any, place: tuple[Any, ...]) -> list[Any]:
        """What each aggregate takes of the record at that place (time, partition, offset)."""
        return [take(value, place) for take in self._takers]

    def add(self, states: list[Any], taken: Sequence[Any]) -> None:
        """To all of them, or to none when one fails."""
        for number, check in self._checks:
            check(states[number], taken[number])
        added = [(number, one.add(states[number], taken[number])) for number, one in self._adding]
        for number, state in added:
            states[number] = state

    def sum(self, several: Sequence[Sequence[Any]]) -> list[Any]:
        """Of states, one; of none, new ones."""
        if not several:
            return self.new()
        first, *others = several
        states = list(first)
        for other in others:
            for number, one in enumerate(self._aggregates):
                states[number] = one.merge(states[number], other[number])
        return states


def _taker(aggregate: Aggregate, type_: Any) -> Callable[[Any, tuple[Any, ...]], Any]:
    if aggregate.field is None:
        return lambda value, place: None
    take = taker(aggregate, type_)
    if not aggregate.has_place:
        return lambda value, place: take(value)
    if aggregate.by is None:
        return lambda value, place: (place, take(value))
    by = fields.getter(type_, aggregate.by, "by")
    return lambda value, place: ((place[0], by(value), *place[1:]), take(value))
