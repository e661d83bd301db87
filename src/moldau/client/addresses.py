"""Host names, as the system is asked for them."""

from __future__ import annotations

from typing import Any


def sought(host: str) -> Any:
    """As bytes where it can be: for a text Python first loads its tables of international names,
    which takes a small tool a tenth of its time."""
    return host.encode() if host.isascii() else host
