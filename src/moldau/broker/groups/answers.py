"""Answers of the membership APIs, with the defaults that Apache Kafka fills in per version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.broker.groups.group import NO_LEADER
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.join_group import JoinGroupResponse, JoinGroupResponseMember
from moldau.protocol.messages.leave_group import LeaveGroupResponse, MemberIdentity, MemberResponse
from moldau.protocol.messages.sync_group import SyncGroupResponse

if TYPE_CHECKING:
    from moldau.broker.groups.group import Group, Member
    from moldau.broker.request import Request

_NULL_PROTOCOL_NAME = 7  # first JoinGroup version in which the protocol's name can be null
_MEMBERS = 3  # first LeaveGroup version with a list of members

_COORDINATOR_ERRORS = {
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_ENOUGH_REPLICAS: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.REQUEST_TIMED_OUT: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_LEADER_OR_FOLLOWER: ErrorCode.NOT_COORDINATOR,
    ErrorCode.KAFKA_STORAGE_ERROR: ErrorCode.NOT_COORDINATOR,
    ErrorCode.MESSAGE_TOO_LARGE: ErrorCode.UNKNOWN_SERVER_ERROR,
    ErrorCode.RECORD_LIST_TOO_LARGE: ErrorCode.UNKNOWN_SERVER_ERROR,
}


def coordinator_error(code: ErrorCode) -> ErrorCode:
    """What a client is told when the log refused the records (CoordinatorOperationExceptionHelper):
    an error after which it looks for the coordinator and tries again."""
    return _COORDINATOR_ERRORS.get(code, code)


def join_refused(request: Request, code: ErrorCode, member_id: str) -> JoinGroupResponse:
    return JoinGroupResponse(
        error_code=code,
        protocol_name=None if request.version >= _NULL_PROTOCOL_NAME else "",
        leader=NO_LEADER,
        member_id=member_id,
    )


def joined(
    group: Group,
    member: Member,
    members: list[JoinGroupResponseMember],
    *,
    leader: str | None = None,
    skip_assignment: bool = False,
) -> JoinGroupResponse:
    """Accepted into this generation. `leader`: when it is to be told another than there is."""
    return JoinGroupResponse(
        generation_id=group.generation,
        protocol_type=group.protocol_type,
        protocol_name=group.protocol or "",
        leader=leader or group.leader or NO_LEADER,
        skip_assignment=skip_assignment,
        member_id=member.id,
        members=members,
    )


def members_for_leader(group: Group) -> list[JoinGroupResponseMember]:
    return [
        JoinGroupResponseMember(
            member_id=m.id, group_instance_id=m.instance_id, metadata=m.metadata(group.protocol)
        )
        for m in group.members.values()
    ]


def synced(group: Group, assignment: bytes) -> SyncGroupResponse:
    return SyncGroupResponse(
        protocol_type=group.protocol_type, protocol_name=group.protocol, assignment=assignment
    )


def leaving(request: Request) -> list[MemberIdentity]:
    """Who leaves; before version 3 it is one member, for itself."""
    if request.version >= _MEMBERS:
        members: list[MemberIdentity] = request.body.members
        return members
    return [MemberIdentity(member_id=request.body.member_id)]


def left(request: Request, members: list[MemberResponse]) -> LeaveGroupResponse:
    if request.version >= _MEMBERS:
        return LeaveGroupResponse(members=members)
    return LeaveGroupResponse(error_code=members[0].error_code)
