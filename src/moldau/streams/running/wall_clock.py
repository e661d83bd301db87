"""What time it is, for all that runs."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Since 1970."""
    return time.time_ns() // 1_000_000
