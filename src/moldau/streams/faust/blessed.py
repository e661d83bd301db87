"""Records by the names that go out with them, so that their classes are found again."""

from __future__ import annotations

from typing import Any

META = "__faust"
REGISTRY: dict[str, Any] = {}


def from_blessed(plain: Any) -> Any:
    """A Record again, of what one was made into, where its class is known."""
    if isinstance(plain, dict) and isinstance(meta := plain.get(META), dict):
        kind = REGISTRY.get(meta.get("ns", ""))
        return plain if kind is None else kind.from_data(plain)
    return plain
