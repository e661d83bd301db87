"""From the states of aggregates to the records that leave them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from moldau.streams import fields
from moldau.streams.aggregates import Aggregate
from moldau.streams.engine.loop import taker

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc(time: int) -> datetime:
    """Of ms since 1970, exactly."""
    return _EPOCH + timedelta(milliseconds=time)


def in_order(keys: Iterable[Any]) -> list[Any]:
    """An order that does not depend on that of the records."""
    keys = list(keys)
    try:
        return sorted(keys)
    except TypeError:  # of several types
        return sorted(keys, key=lambda key: (type(key).__name__, repr(key)))


class Results:
    """Rows: the key under its label, the bounds of the window, each aggregate under its name."""

    def __init__(self, label: str, aggregates: Mapping[str, Aggregate]) -> None:
        self._label = label
        self._aggregates = list(aggregates.items())

    def row(
        self, key: Any, bounds: tuple[int, int] | None, states: Sequence[Any]
    ) -> dict[str, Any]:
        """`bounds` None: of all time."""
        made = {self._label: key}
        if bounds is not None:
            made["window_start"], made["window_end"] = map(utc, bounds)
        for (name, aggregate), state in zip(self._aggregates, states, strict=False):
            made[name] = aggregate.result(state)
        return made


class States:
    """The states of several aggregates taken forward one record at a time, where no compiled loop
    does it."""

    def __init__(self, aggregates: Mapping[str, Aggregate], type_: Any) -> None:
        self._aggregates = list(aggregates.values())
        self._takers = [_taker(one, type_) for one in self._aggregates]

    def new(self) -> list[Any]:
        return [one.init() for one in self._aggregates]

    def taken(self, value: Any, place: tuple[Any, ...]) -> list[Any]:
        """What each aggregate takes of the record at that place (time, partition, offset)."""
        return [take(value, place) for take in self._takers]

    def add(self, states: list[Any], taken: Sequence[Any]) -> None:
        for number, one in enumerate(self._aggregates):
            states[number] = one.add(states[number], taken[number])

    def merge(self, states: list[Any], others: Sequence[Any]) -> None:
        for number, one in enumerate(self._aggregates):
            states[number] = one.merge(states[number], others[number])


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
