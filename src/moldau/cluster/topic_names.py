"""Names of topics: what they may be, and which are Kafka's own (common/internals/Topic.java)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

CONSUMER_OFFSETS: Final = "__consumer_offsets"
TRANSACTION_STATE: Final = "__transaction_state"
SHARE_GROUP_STATE: Final = "__share_group_state"
CLUSTER_METADATA: Final = "__cluster_metadata"

INTERNAL: Final = frozenset({CONSUMER_OFFSETS, TRANSACTION_STATE, SHARE_GROUP_STATE})
_MAX_LENGTH: Final = 249
_LEGAL: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def why_invalid(name: str) -> str | None:
    """Kafka's sentence on a name that it refuses, or None."""
    if not name:
        reason = "the empty string is not allowed"
    elif name in (".", ".."):
        reason = f"'{name}' is not allowed"
    elif len(name) > _MAX_LENGTH:
        reason = f"the length of '{name}' is longer than the max allowed length {_MAX_LENGTH}"
    elif not _LEGAL.issuperset(name):
        reason = (
            f"'{name}' contains one or more characters other than "
            "ASCII alphanumerics, '.', '_' and '-'"
        )
    else:
        return None
    return f"Topic name is invalid: {reason}"


def find_collision(name: str, existing: Iterable[str]) -> str | None:
    """A topic whose name differs only in '.' and '_': both would be one in Kafka's metrics."""
    unified = name.replace(".", "_")
    if "_" not in unified:
        return None
    length = len(name)
    for other in existing:
        if len(other) == length and other.replace(".", "_") == unified:
            return other
    return None
