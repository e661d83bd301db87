"""Times and durations as Java reads them on a command line."""

from __future__ import annotations

import re
from datetime import UTC

_MOMENT = re.compile(r"(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)(Z|[+-]\d\d(?::?\d\d)?)", re.ASCII)
_DURATION = re.compile(
    r"([-+]?)P(?:([-+]?\d+)D)?"
    r"(T(?:([-+]?\d+)H)?(?:([-+]?\d+)M)?(?:([-+]?\d+)(?:[.,](\d{0,9}))?S)?)?",
    re.ASCII | re.IGNORECASE,
)


class BadTime(ValueError):
    """The text is no time; the message and the exception are Java's."""

    def __init__(self, message: str, java_class: str) -> None:
        super().__init__(message)
        self.java_class = java_class


def parse_moment(text: str) -> int:
    """`2026-11-24T10:00:00.000`, in UTC unless an offset follows: ms since 1970. Raises BadTime.

    Apache Kafka: Utils.getDateTime. Milliseconds must be there; what follows is not read.
    """
    from datetime import datetime, timedelta

    date, _, clock = text.partition("T")
    if not (date and clock):
        raise BadTime(
            "Error parsing timestamp. It does not contain a 'T' according to ISO8601 format",
            "java.text.ParseException",
        )
    if not any(sign in clock.split("T")[0] for sign in "+-Z"):
        text += "Z"
    found = _MOMENT.match(text)
    try:
        if found is None:
            raise ValueError
        *numbers, zone = found.groups()
        year, month, day, hour, minute, second, ms = map(int, numbers)
        moment = datetime(year, month, day, hour, minute, second, ms * 1000, UTC)
    except ValueError:
        raise BadTime(f'Unparseable date: "{text}"', "java.text.ParseException") from None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(milliseconds=1) - _offset_ms(zone)


def _offset_ms(zone: str) -> int:
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return (-minutes if zone[0] == "-" else minutes) * 60_000


def parse_duration(text: str) -> int:
    """`P1DT2H3M4.5S` in milliseconds. Raises BadTime. Java: Duration.parse."""
    found = _DURATION.fullmatch(text)
    if found is not None:
        sign, days, time, hours, minutes, seconds, fraction = found.groups()
        if (days or hours or minutes or seconds) and (time or "").upper() != "T":
            whole = ((int(days or 0) * 24 + int(hours or 0)) * 60 + int(minutes or 0)) * 60
            parts = int((fraction or "").ljust(9, "0")) // 1_000_000
            if (seconds or "").startswith("-"):
                parts = -parts
            total = (whole + int(seconds or 0)) * 1000 + parts
            return -total if sign == "-" else total
    raise BadTime("Text cannot be parsed to a Duration", "java.time.format.DateTimeParseException")
