"""Figures as live views show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

SPARKS = "▁▂▃▄▅▆▇█"


def clock(epoch_ms: int, *, seconds: bool = False) -> str:
    """Event time for a person, in UTC."""
    shown = datetime.fromtimestamp(epoch_ms // 1_000, UTC)
    return f"{shown:%Y-%m-%d %H:%M:%S}" if seconds else f"{shown:%Y-%m-%d %H:%M}"


def spark(values: Sequence[float], width: int) -> str:
    shown = list(values)[-width:]
    top = max([*shown, 1.0])
    return "".join(SPARKS[int(value / top * (len(SPARKS) - 1))] for value in shown)


def bar(part: float, width: int) -> str:
    """`part`: of 1."""
    full = round(min(max(part, 0.0), 1.0) * width)
    return "━" * full + "╌" * (width - full)


def span(seconds: float) -> str:
    """For a person: 0.12 s, 4.2 s, 3 min, 5 h, 12 d."""
    if abs(seconds) < 1:
        return f"{seconds:.2f} s"
    for limit, unit, size in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if abs(seconds) < limit:
            return f"{seconds / size:.1f} {unit}" if unit == "s" else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def size(count: int) -> str:
    """Of bytes: 999 B, 12 KB, 3.4 MB."""
    value, unit = float(count), "B"
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
