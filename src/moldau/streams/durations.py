"""Spans of time as people write them: "10s", "1m 30s", timedelta. Inside they are milliseconds."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from moldau.streams.errors import DefinitionError

Duration = str | timedelta
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*")


def milliseconds(value: Duration, what: str) -> int:
    """Raises DefinitionError; `what` names the argument in its text. Numbers are refused, because
    they do not say whether they are seconds."""
    if isinstance(value, timedelta):
        total = Decimal(value // timedelta(microseconds=1)) / 1000
    elif isinstance(value, str) and _PART.sub("", value.strip()) == "" and value.strip():
        parts = (Decimal(number) * _UNITS[unit] for number, unit in _PART.findall(value))
        total = sum(parts, Decimal(0))
    else:
        raise DefinitionError(
            f"{what}={value!r} is no span of time: write it with its unit, as in '500ms', '10s', "
            f"'1m 30s', '2h', '7d', or give a timedelta"
        )
    if total < 0 or total != int(total):
        raise DefinitionError(f"{what}={value!r} must be whole milliseconds, and not negative")
    return int(total)


def text_of(ms: int) -> str:
    """As people write it: 90000 is "1m 30s"."""
    parts = []
    for unit, length in reversed(_UNITS.items()):
        if unit != "w" and ms >= length:
            parts.append(f"{ms // length}{unit}")
            ms %= length
    return " ".join(parts) or "0s"


def zone_of(name: str, verb: str) -> ZoneInfo:
    """Raises DefinitionError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise DefinitionError(
            f"{verb}: there is no time zone {name!r}; write it as in 'Europe/Prague' (where the "
            f"system has no zones: pip install tzdata)"
        ) from None
