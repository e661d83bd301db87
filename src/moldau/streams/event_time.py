"""When a record was: from what a field of it holds to ms since 1970."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import repeat
from math import floor, isfinite
from operator import attrgetter, floordiv, itemgetter, sub
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from moldau.streams import fields, messages, types
from moldau.streams.durations import zone_of
from moldau.streams.errors import BadRecord, DefinitionError

Unit = Literal["s", "ms", "us", "ns"]
# So many ms are so many of the unit.
_RATIOS: dict[Unit, tuple[int, int]] = {
    "s": (1000, 1),
    "ms": (1, 1),
    "us": (1, 1000),
    "ns": (1, 1_000_000),
}
_UNITS = "unit='s', 'ms', 'us' or 'ns'"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_NUMBERS = (int, float, Decimal)


@dataclass(frozen=True)
class EventTime:
    """`read` gives a time, its text, or a number of `unit` since 1970 (None: no number is one).
    Times without a zone are of `zone`: one that the clock shows twice is the first of both, and
    one that it skips is as much later as the clock is put on (PEP 495: `fold` says otherwise)."""

    read: fields.Getter
    unit: Unit | None = None
    zone: tzinfo = UTC

    def of(self, values: Sequence[Any]) -> list[int]:
        """In ms since 1970, rounded down: what is finer must not put a record into the next
        window. Raises BadRecord."""
        try:
            found = list(map(self.read, values))
        except (KeyError, AttributeError) as error:
            if not isinstance(
                self.read, (itemgetter, attrgetter)
            ):  # it is a function of the user's
                raise
            raise BadRecord(f"the field of its event time is not there: {error}") from error
        try:
            return list(map(floordiv, map(sub, found, repeat(_EPOCH)), repeat(_MS)))
        except TypeError:  # not all of them are times with a zone
            if self.unit is not None and set(map(type, found)) == {int}:
                ms, units = _RATIOS[self.unit]
                return found if ms == units else [one * ms // units for one in found]
            return list(map(self._one, found))

    def _one(self, value: Any) -> int:
        time = _time(value) if isinstance(value, str) else value
        if isinstance(time, datetime):
            if time.tzinfo is None:
                time = time.replace(tzinfo=self.zone)
            since: timedelta = time - _EPOCH
            return since // _MS
        if messages.is_timestamp(time):
            return messages.milliseconds(time)
        if not isinstance(value, _NUMBERS) or isinstance(value, bool) or not _is_finite(value):
            raise BadRecord(f"its event time {value!r} is neither a time nor a number")
        if self.unit is None:
            raise BadRecord(
                f"its event time {value!r} is a number, and its topic does not say of what: "
                f"write {_UNITS} beside event_time="
            )
        ms, units = _RATIOS[self.unit]
        # Of a float what its digits say: 1700000000.003 is a little less than that.
        exact = Decimal(repr(value)) if isinstance(value, float) else value
        return floor(exact * ms) // units


def event_time(
    type_: Any, field: fields.Field | None, unit: Unit | None, tz: str | None, topic: str
) -> EventTime | None:
    """Of a topic whose values are of that type. Raises DefinitionError."""
    where = f"topic {topic!r}, event_time"
    if unit is not None and unit not in _RATIOS:
        raise DefinitionError(f"topic {topic!r}: unit={unit!r} is none of 's', 'ms', 'us', 'ns'")
    if field is None:
        if unit is not None or tz is not None:
            raise DefinitionError(
                f"topic {topic!r}: unit= and tz= say what event_time= holds: name that field too"
            )
        return None
    read = fields.getter(type_, field, where)
    kinds = _kinds(types.field_type(type_, field))
    called = fields.label(field, "what it returns")
    are_numbers = {_is_number(one) for one in kinds}
    if unit is None and True in are_numbers:
        raise DefinitionError(f"{where}: {called} is a number; say of what: {_UNITS}")
    if unit is not None and kinds == {datetime}:
        raise DefinitionError(
            f"{where}: {called} is a time, and unit={unit!r} is for numbers: leave it out"
        )
    if tz is not None and are_numbers == {True}:
        raise DefinitionError(
            f"{where}: {called} is a number since 1970 in UTC, and tz= is for times without a "
            f"zone: leave it out"
        )
    return EventTime(read, unit, UTC if tz is None else zone_of(tz, f"topic {topic!r}, tz"))


def _time(text: str) -> datetime:
    """As a field that is declared as a datetime is read. Raises BadRecord."""
    import msgspec

    try:
        return msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        raise BadRecord(
            f"its event time {text!r} is no time: it is written as in '2026-01-01T12:00:00Z'"
        ) from None


def _kinds(type_: Any) -> set[Any]:
    """What a value of that type may be, but for None."""
    type_ = types.unwrapped(type_)
    if get_origin(type_) in (Union, UnionType):
        return set().union(*map(_kinds, get_args(type_)))
    return set() if type_ is NoneType else {type_}


def _is_number(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, _NUMBERS) and type_ is not bool


def _is_finite(number: Any) -> bool:
    return isinstance(number, int) or isfinite(number)
