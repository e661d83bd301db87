"""Heartbeat, versions 0-4: a member is alive, and hears whether it must join again.

- v3: static members (KIP-345).
- While the group is loaded it is answered without an error, as in Apache Kafka.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.heartbeat import HeartbeatResponse

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> HeartbeatResponse | None:
    engine = node.groups.find(request.body.group_id)
    if engine is ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
        return HeartbeatResponse()
    if isinstance(engine, ErrorCode):
        return HeartbeatResponse(error_code=engine)
    engine.submit(engine.machine.membership.heartbeat(request, node.now_ms), node.now_ms)
    return None
