"""Keys that Python takes for equal, or for unequal to themselves."""

from __future__ import annotations

import math
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EAST = NOON.astimezone(timezone(timedelta(hours=2)))
AWKWARD: list[Any] = [
    *(1, True, 1.0, Decimal("1.0"), Decimal("1.00"), "1", "1.0", Level.LOW),
    *(0, False, 0.0, -0.0, Decimal("-0"), math.nan, -math.nan, math.inf - math.inf, Decimal("NaN")),
    *(NOON, EAST, NOON.replace(tzinfo=None), time(1, tzinfo=UTC), time(1)),
    *(Colour.RED, "red", b"red", float(1 << 60), 1 << 60),
    *((1, "a"), (True, "a"), (1.0, "a"), ((1,), "a"), ((1.0,), "a"), (math.nan,), (-math.nan,)),
    *(frozenset({1}), frozenset({1.0})),
]
