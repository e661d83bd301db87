"""Consumer groups: who is in them, in which state, and how to be rid of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from moldau.client.admin import Admin, BrokerAddress
from moldau.client.connection import Connection
from moldau.client.errors import KafkaError, Refused, TimedOut, Unsupported
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.consumer_group_describe import (
    Assignment,
    ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse,
)
from moldau.protocol.messages.consumer_group_describe import Member as NewMember
from moldau.protocol.messages.describe_groups import (
    DescribedGroupMember,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)

TopicPartition = tuple[str, int]
_CONSUMER_PROTOCOLS = ("", "consumer")


class Group(NamedTuple):
    id: str
    protocol: str
    state: str
    type: str


class Member(NamedTuple):
    """What only the new protocol (KIP-848) knows is None for a classic member."""

    id: str
    instance_id: str | None
    client_id: str
    host: str
    partitions: list[TopicPartition]
    target: list[TopicPartition] | None
    epoch: int | None
    is_upgraded: bool | None


class GroupDescription(NamedTuple):
    id: str
    state: str
    coordinator: BrokerAddress
    assignor: str
    members: list[Member]
    epoch: int | None
    target_epoch: int | None


def list_consumer_groups(
    admin: Admin,
    states: Iterable[str] = (),
    types: Iterable[str] = (),
    timeout_ms: int | None = None,
) -> list[Group]:
    """The consumer groups of all brokers, by name; those in these states and of these types."""
    groups = list_groups(admin, states, types, timeout_ms)
    return [group for group in groups if group.protocol in _CONSUMER_PROTOCOLS]


def list_groups(
    admin: Admin,
    states: Iterable[str] = (),
    types: Iterable[str] = (),
    timeout_ms: int | None = None,
) -> list[Group]:
    """The groups of all kinds."""
    from moldau.protocol.messages.list_groups import ListGroupsRequest, ListGroupsResponse

    request = ListGroupsRequest(states_filter=list(states), types_filter=list(types))

    def attempt(connection: Connection) -> list[Group]:
        answer = admin.ask(connection, request, ListGroupsResponse)
        if answer.error_code:
            raise Refused(answer.error_code)
        return [
            Group(g.group_id, g.protocol_type, g.group_state, g.group_type) for g in answer.groups
        ]

    groups: list[Group] = []
    for broker in _all_brokers(admin, timeout_ms):
        groups += admin.call("listGroups", partial(admin.broker, broker.id), attempt, timeout_ms)
    return sorted(groups)


def _all_brokers(admin: Admin, timeout_ms: int | None) -> list[BrokerAddress]:
    try:
        return admin.brokers("findAllBrokers", timeout_ms)
    except TimedOut as error:
        # Java wraps this one; its text is the wrapper's.
        raise KafkaError("Failed to find brokers to send ListGroups", error.advice) from error


def describe_group(admin: Admin, group: str, timeout_ms: int | None = None) -> GroupDescription:
    """Raises Refused: the group is not there, is of another kind, or may not be seen."""
    found: list[BrokerAddress] = []

    def find() -> Connection:
        found[:] = [admin.coordinator_of(group)]
        return admin.broker(found[0].id)

    def attempt(connection: Connection) -> GroupDescription:
        why = None
        if connection.supports(ConsumerGroupDescribeRequest):
            try:
                return _describe_new(admin, connection, group, found[0])
            except Refused as error:
                if error.code not in (ErrorCode.GROUP_ID_NOT_FOUND, ErrorCode.UNSUPPORTED_VERSION):
                    raise
                why = error.message
        return _describe_classic(admin, connection, group, found[0], why)

    return admin.call("describeConsumerGroups(api=FIND_COORDINATOR)", find, attempt, timeout_ms)


def delete_groups(
    admin: Admin, groups: Sequence[str], timeout_ms: int | None = None
) -> dict[str, KafkaError | None]:
    """What became of each: None is success."""
    from moldau.protocol.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse

    def delete(group: str) -> KafkaError | None:
        def attempt(connection: Connection) -> None:
            request = DeleteGroupsRequest(groups_names=[group])
            for result in admin.ask(connection, request, DeleteGroupsResponse).results:
                if result.error_code:
                    raise Refused(result.error_code)

        try:
            admin.call(
                "deleteConsumerGroups(api=FIND_COORDINATOR)",
                lambda: admin.coordinator(group),
                attempt,
                timeout_ms,
            )
        except KafkaError as error:
            return error
        return None

    return {group: delete(group) for group in groups}


def _describe_new(
    admin: Admin, connection: Connection, group: str, coordinator: BrokerAddress
) -> GroupDescription:
    request = ConsumerGroupDescribeRequest(group_ids=[group])
    try:
        answer = admin.ask(connection, request, ConsumerGroupDescribeResponse)
    except Unsupported as error:
        raise Refused(ErrorCode.UNSUPPORTED_VERSION, error.message) from None
    found = answer.groups[0]
    if found.error_code:
        raise Refused(found.error_code, found.error_message)
    return GroupDescription(
        group,
        found.group_state,
        coordinator,
        found.assignor_name,
        [_new_member(member) for member in found.members],
        found.group_epoch,
        found.assignment_epoch,
    )


def _new_member(member: NewMember) -> Member:
    return Member(
        member.member_id,
        member.instance_id,
        member.client_id,
        member.client_host,
        _partitions(member.assignment),
        _partitions(member.target_assignment),
        member.member_epoch,
        None if member.member_type == -1 else member.member_type == 1,
    )


def _partitions(assignment: Assignment) -> list[TopicPartition]:
    return [(t.topic_name, p) for t in assignment.topic_partitions for p in t.partitions]


def _describe_classic(
    admin: Admin, connection: Connection, group: str, coordinator: BrokerAddress, why: str | None
) -> GroupDescription:
    answer = admin.ask(connection, DescribeGroupsRequest(groups=[group]), DescribeGroupsResponse)
    found = answer.groups[0]
    if found.error_code:
        missing = found.error_code == ErrorCode.GROUP_ID_NOT_FOUND
        raise Refused(found.error_code, why if missing and why else found.error_message)
    if found.protocol_type not in _CONSUMER_PROTOCOLS:
        raise KafkaError(
            f"GroupId {group} is not a consumer group ({found.protocol_type}).",
            java_class="java.lang.IllegalArgumentException",
        )
    return GroupDescription(
        group,
        found.group_state,
        coordinator,
        found.protocol_data,
        [_classic_member(member) for member in found.members],
        None,
        None,
    )


def _classic_member(member: DescribedGroupMember) -> Member:
    from moldau.protocol.assignments import assigned

    return Member(
        member.member_id,
        member.group_instance_id,
        member.client_id,
        member.client_host,
        assigned(member.member_assignment),
        None,
        None,
        None,
    )
