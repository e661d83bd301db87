"""The marker that ends a checkpoint says at which offset of its changelog it is to lie.

At least once, nothing but the order of a changelog stands between a worker and others that have
taken its tasks over while it stood still. Each marker is meant for the place right behind all that
its worker has read and written there. Where somebody else has written meanwhile, it comes to lie
farther on and is void: for its worker, which begins again with what is there, and for who reads it
(docs/decisions/0013-void-markers.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import Message

from moldau.streams.engine.outputs import Header, Output
from moldau.streams.engine.state import MARKER

OFFSET = "offset"
# What a void marker is read as. No table has it, so it is taken back as all is that was cut off,
# with a checkpoint of its own: compaction may have left that marker alone of all.
VOID = b"\0void"


def is_marker(change: Output) -> bool:
    return change.key == MARKER


def placed(changes: list[Output], position: int) -> list[Output]:
    """Of one changelog, the marker last; it ends at `position`, or others write to it."""
    if not changes:
        return []
    *before, marker = changes
    offset = str(position + len(before)).encode()
    return [*before, marker._replace(headers=[(OFFSET, offset)])]


def meant_for(headers: Sequence[Header] | None) -> int | None:
    """Where a marker is to lie. Those that are in transactions, or of earlier versions, do not say
    that."""
    offset = dict(headers or ()).get(OFFSET)
    return None if offset is None else int(offset)


def taken(message: Message) -> tuple[int, bytes, bytes | None]:
    """A record of a changelog: its offset, key and value."""
    offset, key = message.offset() or 0, message.key() or b""
    if key == MARKER and meant_for(message.headers()) not in (None, offset):
        return offset, VOID, None
    return offset, key, message.value()
