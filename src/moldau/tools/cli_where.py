"""Places in a log, as people write them: `earliest`, `latest`, `42`, `-5`, `+5`, `@-1h`,
`@2026-11-24`, `@1700000000000`.

A time is turned into the first offset whose record is not older, as Kafka does; behind the last
record that is the end.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError
from moldau.client.offsets import EARLIEST, LATEST, list_offsets
from moldau.tools.cli_frame import Failure
from moldau.tools.java_time import BadTime, parse_duration

TopicPartition = tuple[str, int]
Offsets = dict[TopicPartition, int]
HELP = (
    "earliest, latest, an offset, -N (N before the end), +N (N behind the beginning), @TIME "
    "(@2026-11-24T10:30, @1700000000000), or @-AGO (@-90s, @-2h, @-7d, @-1d12h)"
)
NAMES = {"earliest": "earliest", "start": "earliest", "latest": "latest", "end": "latest"}
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_AGO = re.compile(r"(?:\d+(?:ms|s|m|h|d|w))+", re.ASCII)
_NUMBER = re.compile(r"[-+]?\d+", re.ASCII)
_BIG = 2**63 - 1


class Where(NamedTuple):
    """`kind` is earliest, latest, offset, begin (that many behind it), end (that many before it),
    or time (ms since 1970)."""

    kind: str
    number: int = 0


def parse_where(text: str, now_ms: Callable[[], int]) -> Where:
    """Raises Failure."""
    if text in NAMES:
        return Where(NAMES[text])
    if text.startswith("@"):
        return Where("time", parse_time(text, now_ms))
    if _NUMBER.fullmatch(text) and abs(int(text)) <= _BIG:
        kind = {"-": "end", "+": "begin"}.get(text[0], "offset")
        return Where(kind, abs(int(text)))
    try:  # without the @ too, where it can be nothing else
        return Where("time", parse_date(text))
    except ValueError:
        raise Failure(f"{text!r} is no place in a log: say {HELP}.") from None


def parse_time(text: str, now_ms: Callable[[], int]) -> int:
    """A time in ms since 1970: a date, ms, or so long ago. Raises Failure.

    A `@` may stand before it: `--at -2h` would be two options to argparse, `--at @-2h` is not.
    """
    text = text.removeprefix("@")
    try:
        if text.startswith("-"):
            return now_ms() - parse_length(text[1:])
        return int(text) if text.isdecimal() else parse_date(text)
    except ValueError:
        raise Failure(
            f"{text!r} is no time: write it as 2026-11-24T10:30, 1700000000000 or @-2h."
        ) from None


def parse_date(text: str) -> int:
    """A date, in UTC unless it says otherwise: ms since 1970. Raises ValueError."""
    from datetime import UTC, datetime

    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def parse_length(text: str) -> int:
    """`90s`, `1d12h` or Java's `P1DT12H` in ms. Raises ValueError."""
    if text[:1] in ("P", "p"):
        try:
            return parse_duration(text)
        except BadTime as error:
            raise ValueError(str(error)) from None
    if not _AGO.fullmatch(text):
        raise ValueError(f"{text!r} is no length of time")
    return sum(int(count) * _UNITS_MS[unit] for count, unit in re.findall(r"(\d+)([a-z]+)", text))


def resolve(connection: Admin, places: Iterable[TopicPartition], where: Where) -> Offsets:
    """The offset of that place in each partition, never outside of the log. Raises KafkaError."""
    places = list(places)
    if where.kind == "earliest":
        return list_offsets(connection, places, EARLIEST)
    ends = list_offsets(connection, places, LATEST)
    if where.kind == "latest":
        return ends
    if where.kind == "time":
        found = list_offsets(connection, places, where.number)
        return {p: offset if offset >= 0 else ends[p] for p, offset in found.items()}
    begins = list_offsets(connection, places, EARLIEST)
    sign = -1 if where.kind == "end" else 1
    base = {"begin": begins, "end": ends}.get(where.kind, dict.fromkeys(places, 0))
    wanted = {place: base[place] + sign * where.number for place in places}
    return _clamped(wanted, begins, ends)


def within(connection: Admin, wanted: Mapping[TopicPartition, int]) -> Offsets:
    """The offsets, those outside of a log moved to its ends. Raises KafkaError."""
    begins = list_offsets(connection, wanted, EARLIEST)
    ends = list_offsets(connection, wanted, LATEST)
    return _clamped(wanted, begins, ends)


def span(begin: int | KafkaError, end: int | KafkaError) -> dict[str, object]:
    """Where a log begins and ends, as columns; they are empty when one of both is not known."""
    if isinstance(begin, KafkaError) or isinstance(end, KafkaError):
        return dict.fromkeys(("begin", "end", "records"))
    return {"begin": begin, "end": end, "records": end - begin}


def _clamped(wanted: Mapping[TopicPartition, int], begins: Offsets, ends: Offsets) -> Offsets:
    return {p: max(begins[p], min(offset, ends[p])) for p, offset in wanted.items()}


def now_ms() -> int:
    return time.time_ns() // 1_000_000
