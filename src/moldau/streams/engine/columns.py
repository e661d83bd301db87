"""From what a topic's records hold to columns: event times and keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from operator import floordiv, sub
from typing import Any

from moldau.streams.errors import BadRecord
from moldau.streams.fields import Getter
from moldau.streams.formats.basic import Format

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_000_000_000_000, 221_845_392_000_000  # of the years 5 and 9000
_MS = timedelta(milliseconds=1)
_MOST_KEYS = 100_000


def in_calendar(times: Sequence[int]) -> Sequence[int]:
    """Those that, with a window behind them, are dates. Raises BadRecord for others: a unit is
    wrong, and all that follows them would be late."""
    if times and (min(times) < _FIRST or max(times) > _LAST):
        wrong = next(one for one in times if not _FIRST <= one <= _LAST)
        raise BadRecord(f"its event time {wrong} ms since 1970 is no date: is it of another unit?")
    return times


def event_times(read: Getter, values: Sequence[Any]) -> list[int]:
    """In ms since 1970, rounded down: what is finer must not put a record into the next window.
    Naive times are UTC. Raises BadRecord."""
    found = list(map(read, values))
    try:
        return list(map(floordiv, map(sub, found, repeat(_EPOCH)), repeat(_MS)))
    except TypeError:  # not all of them are times with a zone
        if set(map(type, found)) == {int}:
            return found
        return list(map(_event_time, found))


def _event_time(value: Any) -> int:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=UTC)
        since: timedelta = value - _EPOCH
        return since // _MS
    if isinstance(value, int) and not isinstance(value, bool):
        number: int = value
        return number
    raise BadRecord(f"its event time {value!r} is neither a time nor a number of milliseconds")


class Keys(dict[bytes | None, Any]):
    """Decoded keys by their bytes: most come again and again."""

    def __init__(self, format: Format) -> None:
        super().__init__({None: None})
        self._decode = format.decode

    def __missing__(self, data: bytes | None) -> Any:
        assert data is not None
        if len(self) > _MOST_KEYS:
            self.clear()
            self[None] = None
        key = self._decode(data)
        try:
            hash(key)
        except TypeError:
            raise BadRecord(
                f"its key {key!r} can be no key: give one that is not changed"
            ) from None
        self[data] = key
        return key
