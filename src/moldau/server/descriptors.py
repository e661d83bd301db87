"""How many files the process may have open, and who may have how many of them.

A connection takes one, a segment that is read or written takes one, each of its indexes too.
"""

from __future__ import annotations

import resource

# Of the process itself, and for what is opened for a moment: directories to sync, checkpoints.
RESERVED = 64
MOST_FOR_LOGS = 2000
FEWEST_FOR_LOGS = 16


def raise_limit() -> None:
    """As many as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):  # macOS calls a limit "unlimited" that it does not accept
            return


def for_connections() -> int:
    """Half: at the limit a client is turned away, and not a record that another one sends."""
    return _limit() // 2


def for_logs() -> int:
    """What logs keep open; more are opened and closed again as they are needed."""
    left = _limit() - for_connections() - RESERVED
    return max(FEWEST_FOR_LOGS, min(left, MOST_FOR_LOGS))


def _limit() -> int:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 30 if soft == resource.RLIM_INFINITY else soft
