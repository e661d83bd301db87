"""JoinGroup, versions 0-9: a member wants to be in a group's next generation.

- v1: a rebalance timeout of its own. v4: a member gets its id first (MEMBER_ID_REQUIRED) and
  joins with it then (KIP-394). v5: static members (KIP-345). v7: the protocol's type.
- v8: the reason, which is for logs. v9: a leader may be told to skip the assignment (KIP-814).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.broker.groups.answers import join_refused
from moldau.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request
    from moldau.protocol.messages.join_group import JoinGroupResponse


def handle(node: Node, request: Request) -> JoinGroupResponse | None:
    engine = node.groups.find(request.body.group_id)
    if isinstance(engine, ErrorCode):
        return join_refused(request, engine, request.body.member_id)
    engine.submit(engine.machine.membership.join(request, node.now_ms), node.now_ms)
    return None
