"""LeaveGroup, versions 0-5: members leave, or are removed.

- v3: several members, static ones also by their instance id alone (KIP-345); each has its error.
- v5: the reason, which is for logs (KIP-800).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.leave_group import LeaveGroupResponse

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> LeaveGroupResponse | None:
    engine = node.groups.find(request.body.group_id)
    if isinstance(engine, ErrorCode):
        return LeaveGroupResponse(error_code=engine)
    engine.submit(engine.machine.membership.leave(request, node.now_ms), node.now_ms)
    return None
