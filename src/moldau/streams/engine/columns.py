"""What records hold, as columns: event times that are dates, keys, and what is written of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any

from moldau.streams.engine.keys import typed
from moldau.streams.engine.typed_keys import all_plain
from moldau.streams.errors import BadRecord
from moldau.streams.formats.basic import Format, Key

_FIRST, _LAST = -62_000_000_000_000, 221_845_392_000_000  # of the years 5 and 9000
_MOST_KEYS = 100_000


def in_calendar(times: Sequence[int]) -> Sequence[int]:
    """Those that, with a window behind them, are dates. Raises BadRecord for others: a unit is
    wrong, and all that follows them would be late."""
    if times and (min(times) < _FIRST or max(times) > _LAST):
        wrong = next(one for one in times if not _FIRST <= one <= _LAST)
        raise BadRecord(f"its event time {wrong} ms since 1970 is no date: is it of another unit?")
    return times


def encoded(encode: Callable[[Any], bytes], values: Sequence[Any]) -> list[bytes | None]:
    """None stays None."""
    if NoneType in set(map(type, values)):
        return [None if value is None else encode(value) for value in values]
    return list(map(encode, values))


def encoded_keys(format: Format, keys: Sequence[Any]) -> list[bytes | None]:
    keys = all_plain(keys)
    if isinstance(format, Key) and set(map(type, keys)) == {str}:
        return list(map(str.encode, keys))  # as it does, without a call of ours for each
    return encoded(format.encode, keys)


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
            self[data] = typed(key)
        except TypeError:
            raise BadRecord(
                f"its key {key!r} can be no key: give one that is not changed"
            ) from None
        return self[data]
