"""Rows as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def tabulated(title: str, rows: Sequence[tuple[Any, Any]]) -> str:
    """The first row is the head."""
    width = max(len(str(key)) for key, _ in rows)
    head, *lines = [f"{key!s:{width}}  {value}" for key, value in rows]
    return "\n".join([title, head, "-" * len(head), *lines])
