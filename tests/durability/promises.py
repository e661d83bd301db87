"""The requests whose answer is a promise that survives a loss of power."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from moldau.protocol.messages.alter_configs import (
    AlterableConfig,
    AlterConfigsRequest,
    AlterConfigsResource,
    AlterConfigsResponse,
)
from moldau.protocol.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
)
from moldau.protocol.messages.create_topics import CreateTopicsResponse
from moldau.protocol.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
from moldau.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicsResponse
from moldau.protocol.messages.find_coordinator import (
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from moldau.protocol.messages.init_producer_id import (
    InitProducerIdRequest,
    InitProducerIdResponse,
)
from moldau.protocol.messages.join_group import (
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    JoinGroupResponse,
)
from moldau.protocol.messages.leave_group import (
    LeaveGroupRequest,
    LeaveGroupResponse,
    MemberIdentity,
)
from moldau.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from moldau.protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
)
from moldau.protocol.messages.produce import ProduceRequest, ProduceResponse
from moldau.protocol.schema import Message
from tests.attacks.raw import Raw, batch, create_request, errors_of, produce_request

TOPIC_RESOURCE = 2


class Question(NamedTuple):
    request: Message
    answer: type[Message]
    version: int


def produce(topic: str, acks: int) -> ProduceRequest:
    return produce_request(topic, batch(b"v"), acks=acks)


def commit(group: str = "group") -> Question:
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=1)
    topic = OffsetCommitRequestTopic(name="old", partitions=[partition])
    return Question(OffsetCommitRequest(group_id=group, topics=[topic]), OffsetCommitResponse, 5)


def forget() -> Question:
    partition = OffsetDeleteRequestPartition(partition_index=0)
    topic = OffsetDeleteRequestTopic(name="old", partitions=[partition])
    return Question(
        OffsetDeleteRequest(group_id="forgetful", topics=[topic]), OffsetDeleteResponse, 0
    )


def alter() -> Question:
    config = AlterableConfig(name="retention.ms", value="5000000")
    resource = AlterConfigsResource(
        resource_type=TOPIC_RESOURCE, resource_name="old", configs=[config]
    )
    return Question(AlterConfigsRequest(resources=[resource]), AlterConfigsResponse, 0)


def grow() -> Question:
    topic = CreatePartitionsTopic(name="old", count=2, assignments=None)
    request = CreatePartitionsRequest(topics=[topic], timeout_ms=9000)
    return Question(request, CreatePartitionsResponse, 0)


def remove_topic() -> Question:
    request = DeleteTopicsRequest(topic_names=["doomed"], timeout_ms=9000)
    return Question(request, DeleteTopicsResponse, 3)


def join(client: Raw) -> None:
    """A group with one static member, so that its name is enough to send it away."""
    request = JoinGroupRequest(
        group_id="members",
        session_timeout_ms=60_000,
        rebalance_timeout_ms=60_000,
        member_id="",
        group_instance_id="static",
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=b"")],
    )
    while errors_of(client.ask(request, JoinGroupResponse, 5)) != {0}:
        pass  # the group is being loaded


def leave() -> Question:
    """The group's metadata is written anew."""
    member = MemberIdentity(member_id="", group_instance_id="static")
    request = LeaveGroupRequest(group_id="members", members=[member])
    return Question(request, LeaveGroupResponse, 3)


def new_producer() -> Question:
    request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=9000)
    return Question(request, InitProducerIdResponse, 1)


# Each finds what `prepare` has made.
DURABLE: dict[str, Callable[[], Question]] = {
    "acks=all": lambda: Question(produce("old", -1), ProduceResponse, 9),
    "CreateTopics": lambda: Question(create_request("new"), CreateTopicsResponse, 5),
    "DeleteTopics": remove_topic,
    "CreatePartitions": grow,
    "AlterConfigs": alter,
    "InitProducerId": new_producer,
    "OffsetCommit": commit,
    "OffsetDelete": forget,
    "LeaveGroup": leave,
    "DeleteGroups": lambda: Question(
        DeleteGroupsRequest(groups_names=["doomed"]), DeleteGroupsResponse, 1
    ),
}


def prepare(address: str) -> None:
    with Raw(address) as client:
        client.create("old")
        client.create("doomed")
        client.produce("old", batch(b"first"))
        for group in ("group", "doomed", "forgetful"):
            find = FindCoordinatorRequest(key=group)
            while errors_of(client.ask(find, FindCoordinatorResponse, 2)) != {0}:
                pass  # __consumer_offsets is being made
            while errors_of(client.ask(*commit(group))) != {0}:
                pass  # the group is being loaded
        join(client)
