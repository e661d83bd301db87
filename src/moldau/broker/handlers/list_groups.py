"""ListGroups, versions 0-5: all groups that this broker coordinates.

- v4: by state, whatever its case (KIP-518). v5: by type (KIP-848); all are classic here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.list_groups import ListedGroup, ListGroupsResponse

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request

CLASSIC = "classic"


def handle(node: Node, request: Request) -> ListGroupsResponse | None:
    engines = node.groups.all()
    if isinstance(engines, ErrorCode):
        return ListGroupsResponse(error_code=engines)
    states = {state.strip().lower() for state in request.body.states_filter}
    types = {kind.strip().lower() for kind in request.body.types_filter}
    groups = []
    if not types or CLASSIC in types:
        groups = [
            ListedGroup(
                group_id=group.id,
                protocol_type=group.protocol_type or "",
                group_state=group.state.value,
                group_type=CLASSIC,
            )
            for engine in engines
            for group in engine.machine.groups.values()
            if not states or group.state.value.lower() in states
        ]
    response = ListGroupsResponse(groups=groups)
    node.respond_when_synced(request, response, node.groups.written(engines))
    return None
