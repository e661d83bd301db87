"""What the leader of a classic group gives to its members."""

from __future__ import annotations

from moldau.protocol.codec import decode
from moldau.protocol.messages.consumer_protocol import ConsumerProtocolAssignment


def assigned(raw: bytes) -> list[tuple[str, int]]:
    """Topics and partitions; `raw` is a version, then the assignment, or empty."""
    if not raw:
        return []
    version = min(int.from_bytes(raw[:2], "big"), ConsumerProtocolAssignment.versions[1])
    assignment = decode(ConsumerProtocolAssignment, version, raw, 2)
    return [(t.topic, p) for t in assignment.assigned_partitions for p in t.partitions]
