"""DescribeGroups, versions 0-6: state, members and assignments of groups.

- v3: authorised operations. v4: instance ids of static members. v6: a group that is not there is
  an error (KIP-1043); before, it is a dead one.
- Protocol and metadata of members are told while the group is stable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.broker.groups.group import Group, State
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.describe_groups import (
    DescribedGroup,
    DescribedGroupMember,
    DescribeGroupsResponse,
)

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request

NOT_FOUND = 6
OPERATIONS = 3
# Without an authorizer everybody may read (3), delete (6), describe (8), describe configs (10) and
# alter configs (11) of a group: bits of AclOperation.
ALL_GROUP_OPERATIONS = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11


def handle(node: Node, request: Request) -> None:
    described = []
    engines = []
    for group_id in request.body.groups:
        engine = node.groups.find(group_id)
        if isinstance(engine, ErrorCode):
            described.append(DescribedGroup(group_id=group_id, error_code=engine))
            continue
        engines.append(engine)
        group = engine.machine.groups.get(group_id)
        if group is None:
            described.append(_missing(group_id, request.version))
        else:
            described.append(_describe(group))
    if request.version >= OPERATIONS and request.body.include_authorized_operations:
        for one in described:
            if one.error_code == ErrorCode.NONE:
                one.authorized_operations = ALL_GROUP_OPERATIONS
    response = DescribeGroupsResponse(groups=described)
    node.respond_when_synced(request, response, node.groups.written(engines))


def _missing(group_id: str, version: int) -> DescribedGroup:
    described = DescribedGroup(group_id=group_id, group_state=State.DEAD.value)
    if version >= NOT_FOUND:
        described.error_code = ErrorCode.GROUP_ID_NOT_FOUND
        described.error_message = f"Group {group_id} not found."
    return described


def _describe(group: Group) -> DescribedGroup:
    stable = group.state is State.STABLE
    return DescribedGroup(
        group_id=group.id,
        group_state=group.state.value,
        protocol_type=group.protocol_type or "",
        protocol_data=group.protocol or "" if stable else "",
        members=[
            DescribedGroupMember(
                member_id=m.id,
                group_instance_id=m.instance_id,
                client_id=m.client_id,
                client_host=m.client_host,
                member_metadata=m.metadata(group.protocol) if stable else b"",
                member_assignment=m.assignment,
            )
            for m in group.members.values()
        ],
    )
