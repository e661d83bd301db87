"""When the logs of a large topic are opened; what is asked for meanwhile is there."""

from __future__ import annotations

import pytest

from moldau.broker.opening import LATER_MS, OPENED_AT_ONCE, OPENED_WHEN_ASKED, REOPEN_MS
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicsResponse
from moldau.protocol.messages.describe_log_dirs import (
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
)
from moldau.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from moldau.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
)
from moldau.protocol.messages.produce import ProduceResponse
from tests.broker.stage import Stage, batch
from tests.broker.test_produce import only, produce

MANY = 300
LAST = MANY - 1


@pytest.fixture
def stage() -> Stage:
    return Stage()


def opened(stage: Stage) -> int:
    return len(stage.node.partitions)


def open_all(stage: Stage) -> None:
    stage.tick(LATER_MS)
    for _ in range(MANY // 25):
        stage.tick(0)


def write(stage: Stage, index: int) -> ErrorCode:
    response = stage.ask(produce("many", b"", batch(b"x"), index=index), 9, ProduceResponse)
    return ErrorCode(only(response).error_code)


def latest(stage: Stage, *indexes: int) -> list[ErrorCode]:
    partitions = [ListOffsetsPartition(partition_index=index, timestamp=-1) for index in indexes]
    request = ListOffsetsRequest(topics=[ListOffsetsTopic(name="many", partitions=partitions)])
    (topic,) = stage.must(request, 5, ListOffsetsResponse).topics
    return [ErrorCode(partition.error_code) for partition in topic.partitions]


def test_the_creation_waits_for_few_logs_and_the_rest_follows(stage: Stage) -> None:
    stage.topic("many", MANY)
    assert opened(stage) == OPENED_AT_ONCE
    request = MetadataRequest(topics=[MetadataRequestTopic(name="many")])
    (topic,) = stage.must(request, 12, MetadataResponse).topics
    assert [partition.leader_id for partition in topic.partitions] == [1] * MANY
    open_all(stage)
    assert opened(stage) == MANY
    assert (stage.node.next_deadline() or 0) != stage.now_ms, "it sleeps again"


def test_what_is_asked_for_is_opened_at_once(stage: Stage) -> None:
    stage.topic("many", MANY)
    assert write(stage, LAST) == ErrorCode.NONE
    assert latest(stage, LAST) == [ErrorCode.NONE]
    assert opened(stage) == OPENED_AT_ONCE + 1
    open_all(stage)
    assert opened(stage) == MANY
    assert stage.node.partitions["many", LAST].high_watermark == 1, "it was not opened anew"


def test_who_asks_for_more_than_a_round_opens_is_told_to_ask_again(stage: Stage) -> None:
    stage.topic("many", MANY)
    wanted = range(100, 100 + 2 * OPENED_WHEN_ASKED)
    codes = latest(stage, *wanted)
    assert codes == [ErrorCode.NONE] * OPENED_WHEN_ASKED + (
        [ErrorCode.NOT_LEADER_OR_FOLLOWER] * OPENED_WHEN_ASKED
    )
    assert latest(stage, *wanted) == [ErrorCode.NONE] * len(wanted)
    assert latest(stage, -1, MANY) == [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION] * 2


def test_a_folder_is_described_as_if_all_were_open(stage: Stage) -> None:
    stage.topic("many", MANY)
    answer = stage.must(DescribeLogDirsRequest(topics=None), 1, DescribeLogDirsResponse)
    (topic,) = answer.results[0].topics
    assert [partition.partition_index for partition in topic.partitions] == list(range(MANY))
    assert opened(stage) == OPENED_AT_ONCE


def test_after_a_crash_all_are_open_before_anybody_is_served(stage: Stage) -> None:
    stage.topic("many", MANY)
    assert opened(Stage(stage.disk.crash(stage.dice))) == MANY


def test_a_topic_that_is_deleted_meanwhile_opens_nothing(stage: Stage) -> None:
    stage.topic("many", MANY)
    stage.must(DeleteTopicsRequest(topic_names=["many"]), 5, DeleteTopicsResponse)
    assert write(stage, LAST) == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    topic_id = stage.topic("many", 2)
    open_all(stage)
    assert [p.topic_id for p in stage.node.partitions.values()] == [topic_id] * 2


def test_a_disk_that_refuses_is_asked_again(stage: Stage) -> None:
    stage.topic("many", MANY)
    stage.disk.fails = lambda operation, path: operation == "create" and "/many-" in path
    assert write(stage, LAST) == ErrorCode.NOT_LEADER_OR_FOLLOWER
    stage.tick(LATER_MS)
    said = [line for line in stage.said if "can't be opened" in line]
    assert len(said) == 1, stage.said
    stage.disk.fails = lambda _operation, _path: False
    assert write(stage, LAST) == ErrorCode.NONE
    stage.tick(REOPEN_MS)
    open_all(stage)
    assert opened(stage) == MANY
