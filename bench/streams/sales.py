"""The records of the bench: sales of 96 bytes of JSON, made from their numbers, and what comes of
them. All are in time: none is as much as LATENESS_MS behind one before it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import UTC, datetime

CATEGORIES = [f"cat-{number:02}" for number in range(20)]
WINDOW_MS = 60_000
LATENESS_MS = 10_000
PER_WINDOW = 25_000  # records
BEGIN_MS = 1_772_323_200_000  # 2026-03-01
SIZE = 96
_EARLIER_MS = 2_000  # at most so much than the one before it

Key = tuple[int, str]  # where a window begins, in ms, and the category


def category(number: int) -> str:
    return CATEGORIES[(number * 2_654_435_761 >> 9) % len(CATEGORIES)]


def cents(number: int) -> int:
    return 10_000 + number * 7919 % 90_000


def time_ms(number: int) -> int:
    """Never in a minute that the steady ones do not reach: the last is soon over."""
    return BEGIN_MS + number * WINDOW_MS // PER_WINDOW - number * 104_729 % _EARLIER_MS


def factor(of: str) -> int:
    """What the table of the join holds for a category."""
    return CATEGORIES.index(of) + 1


def values(count: int) -> Iterator[bytes]:
    """As JSON, in order."""
    for number in range(count):
        amount, time = cents(number), time_ms(number)
        yield (
            f'{{"id":"{number:010}","category":"{category(number)}",'
            f'"amount":"{amount // 100}.{amount % 100:02}",'
            f'"timestamp":"{_second(time // 1000)}.{time % 1000:03}Z"}}'
        ).encode()


@functools.lru_cache(maxsize=1000)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@functools.cache
def windows(count: int) -> dict[Key, tuple[int, int]]:
    """Of the first `count`: cents and orders of each window and category."""
    found: dict[Key, tuple[int, int]] = {}
    for number in range(count):
        time = time_ms(number)
        key = (time - time % WINDOW_MS, category(number))
        total, orders = found.get(key, (0, 0))
        found[key] = (total + cents(number), orders + 1)
    return found


def closes_by_itself(window_start: int, count: int) -> bool:
    """Have later records passed its end by the lateness, in every category? The others close only
    where silence closes them."""
    last = time_ms(count - 1) - 2 * _EARLIER_MS
    return window_start + WINDOW_MS + LATENESS_MS <= last


@functools.cache
def total_cents(count: int, *, with_factor: bool) -> int:
    return sum(
        cents(number) * (factor(category(number)) if with_factor else 1) for number in range(count)
    )
