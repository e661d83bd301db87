"""SyncGroup, versions 0-5: a member asks for its assignment; the leader brings all of them.

- Answered when the leader's assignment is on disk, and never with an empty one because that
  takes long.
- v3: static members (KIP-345). v5: the protocol's type and name, which must be there (KIP-559).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.sync_group import SyncGroupResponse

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> SyncGroupResponse | None:
    engine = node.groups.find(request.body.group_id)
    if isinstance(engine, ErrorCode):
        return SyncGroupResponse(error_code=engine)
    engine.submit(engine.machine.membership.sync(request, node.now_ms), node.now_ms)
    return None
