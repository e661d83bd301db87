"""Every broker config that is called effective does what it says: shown here, or by the test that
is named in SHOWN_ELSEWHERE."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from struct import unpack_from
from typing import Any, TypeVar

import pytest

import moldau
from moldau.protocol.config.broker import BROKER
from moldau.protocol.config.definition import ConfigType, Definition
from moldau.protocol.config.effects import EFFECTIVE
from moldau.protocol.config.layers import synonyms
from moldau.protocol.config.topic import BROKER_SYNONYMS
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
)
from moldau.protocol.messages.describe_topic_partitions import (
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    TopicRequest,
)
from moldau.protocol.messages.find_coordinator import (
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from moldau.protocol.messages.join_group import (
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    JoinGroupResponse,
)
from moldau.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from moldau.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
)
from moldau.server.listeners import Listener
from moldau.server.server import bind
from tests.attacks.raw import Raw
from tests.broker.stage import Stage

TESTS = Path(__file__).parents[1]
# Configs of topics: how a topic gets them is shown here, what they do where the topic's are.
OF_TOPICS = {other for name in BROKER_SYNONYMS.values() for other in synonyms(name)}
SHOWN_ELSEWHERE = {
    "advertised.listeners": "server/test_up.py test_each_listener_is_answered_with_its_own_address",
    "auto.create.topics.enable": "broker/test_admin.py test_creation_by_asking_can_be_switched_off",
    "broker.id": "server/test_settings.py "
    "test_two_numbers_for_one_broker_are_refused_as_kafka_refuses_them",
    "broker.rack": "broker/test_admin.py test_rack_of_the_settings_is_told",
    "controller.listener.names": "server/test_settings_listeners.py "
    "test_listeners_of_controllers_are_skipped",
    "controller.quota.window.num": "broker/quotas/test_meter.py "
    "test_window_of_mutations_is_configured",
    "controller.quota.window.size.seconds": "broker/quotas/test_meter.py "
    "test_window_of_mutations_is_configured",
    "default.replication.factor": "cluster/test_topics.py test_defaults_of_the_broker",
    "delete.topic.enable": "cluster/test_topics.py test_deletion_can_be_switched_off",
    "fetch.max.bytes": "broker/test_fetch.py test_fetch_max_bytes_of_the_broker_is_a_limit_too",
    "listener.security.protocol.map": "server/test_up.py "
    "test_each_listener_is_answered_with_its_own_address",
    "listeners": "server/test_up.py test_the_usual_compose_files_just_work",
    "log.dir": "server/test_settings.py test_within_one_source_kafkas_order_of_spellings_counts",
    "log.dirs": "server/test_up.py test_options_win_over_overrides_over_environment_over_the_file",
    "log.flush.offset.checkpoint.interval.ms": "storage/test_manager.py "
    "test_checkpoints_are_written_when_something_changed_and_only_then",
    "log.initial.task.delay.ms": "storage/test_manager.py "
    "test_retention_looks_at_a_log_only_when_the_interval_says_so",
    "log.retention.check.interval.ms": "storage/test_manager.py "
    "test_retention_looks_at_a_log_only_when_the_interval_says_so",
    "internal.metadata.log.segment.bytes": "broker/test_metadata_snapshots.py "
    "test_log_is_cut_at_the_front_and_old_snapshots_go",
    "metadata.log.max.record.bytes.between.snapshots": "broker/test_metadata_snapshots.py "
    "test_snapshot_is_written_by_size_and_read_at_the_next_start",
    "metadata.log.max.snapshot.interval.ms": "broker/test_metadata_snapshots.py "
    "test_snapshot_is_written_by_time_but_not_when_nothing_happens",
    "metadata.log.segment.bytes": "broker/test_metadata_snapshots.py "
    "test_segments_of_the_metadata_log_end_by_size_and_time",
    "metadata.log.segment.ms": "broker/test_metadata_snapshots.py "
    "test_segments_of_the_metadata_log_end_by_size_and_time",
    "metadata.max.retention.bytes": "broker/test_metadata_snapshots.py "
    "test_log_is_cut_at_the_front_and_old_snapshots_go",
    "metadata.max.retention.ms": "broker/test_metadata_snapshots.py test_old_snapshots_go_by_time",
    "max.connection.creation.rate": "broker/quotas/test_connections.py "
    "test_connections_of_a_broker_come_no_faster_than_allowed",
    "max.connections.per.ip": "broker/quotas/test_connections.py "
    "test_address_may_have_fewer_or_more",
    "max.connections.per.ip.overrides": "broker/quotas/test_connections.py "
    "test_address_may_have_fewer_or_more",
    "max.incremental.fetch.session.cache.slots": "broker/test_fetch.py "
    "test_sessions_have_slots_and_the_unused_one_goes",
    "moldau.sync": "durability/test_syncs.py test_moldau_sync_never_asks_for_no_sync",
    "node.id": "server/test_settings.py test_o_beats_environment_beats_file_beats_default",
    "num.partitions": "server/test_up.py "
    "test_options_win_over_overrides_over_environment_over_the_file",
    "producer.id.expiration.ms": "storage/test_producers.py test_silent_producers_expire",
    "quota.window.num": "broker/quotas/test_meter.py test_window_of_clients_is_configured",
    "quota.window.size.seconds": "broker/quotas/test_meter.py test_window_of_clients_is_configured",
    "socket.request.max.bytes": "attacks/test_frames.py "
    "test_who_sends_nonsense_loses_the_connection_and_is_named",
}
_shown_here: set[str] = set()
Test = TypeVar("Test")


def shows(*names: str) -> Callable[[Test], Test]:
    def remember(test: Test) -> Test:
        _shown_here.update(names)
        return test

    return remember


def test_every_effective_config_is_shown_by_a_test() -> None:
    effective = {name for name, row in BROKER.items() if row.effect == EFFECTIVE} - OF_TOPICS
    assert effective == _shown_here | SHOWN_ELSEWHERE.keys()
    assert not _shown_here & SHOWN_ELSEWHERE.keys()
    for name, place in SHOWN_ELSEWHERE.items():
        path, _, test = place.partition(" ")
        assert f"def {test}(" in (TESTS / path).read_text(), f"{name} is said to be in {place}"


# --- configs of topics ----------------------------------------------------------------------------


def another(definition: Definition) -> str:
    """A valid value that is not the default."""
    choices = definition.valid.partition(":")[2].split(",")
    match definition.type:
        case ConfigType.BOOLEAN:
            return "false" if definition.default == "true" else "true"
        case ConfigType.STRING:
            return next(c for c in choices if c not in (definition.default, "uncompressed"))
        case ConfigType.LIST:
            return next(c for c in choices if c != definition.default)
    known = {"compression.gzip.level": "7", "log.cleaner.min.cleanable.ratio": "0.25"}
    value = int(float(definition.default or 7_200_000))
    return known.get(definition.name, str(value - 1 if value > 1 else 2))


@pytest.mark.parametrize("name", sorted(BROKER_SYNONYMS))
def test_a_topic_takes_what_the_broker_was_told(name: str) -> None:
    broker_name = BROKER_SYNONYMS[name]
    value = another(BROKER[broker_name])
    (entry,) = described(configured(broker_name, value), name)
    assert entry == value


@pytest.mark.parametrize(
    ("broker_name", "value", "name", "expected"),
    [
        ("log.retention.hours", "3", "retention.ms", 10_800_000),
        ("log.retention.hours", "-1", "retention.ms", -1),
        ("log.retention.minutes", "3", "retention.ms", 180_000),
        ("log.roll.hours", "3", "segment.ms", 10_800_000),
        ("log.roll.jitter.hours", "3", "segment.jitter.ms", 10_800_000),
        ("log.flush.scheduler.interval.ms", "7", "flush.ms", 7),
    ],
)
def test_coarser_names_count_where_the_finer_is_not_set(
    broker_name: str, value: str, name: str, expected: int
) -> None:
    (entry,) = described(configured(broker_name, value), name)
    assert entry == str(expected)


def configured(name: str, value: str) -> Stage:
    config: dict[str, Any] = {name.replace(".", "_"): value}
    return Stage(**config)


def described(stage: Stage, *names: str, topic: str = "t") -> list[str | None]:
    if topic == "t":
        stage.topic("t")
    resource = DescribeConfigsResource(
        resource_type=2, resource_name=topic, configuration_keys=list(names)
    )
    request = DescribeConfigsRequest(resources=[resource])
    (result,) = stage.must(request, 4, DescribeConfigsResponse).results
    found: dict[str, DescribeConfigsResourceResult] = {c.name: c for c in result.configs}
    return [found[name].value for name in names]


# --- groups ---------------------------------------------------------------------------------------


def with_groups(**config: Any) -> Stage:
    stage = Stage(**config)
    stage.topic("t")
    found = stage.must(FindCoordinatorRequest(coordinator_keys=["g"]), 6, FindCoordinatorResponse)
    assert found.coordinators[0].error_code == 0
    return stage


def join(stage: Stage, session_timeout_ms: int = 10_000) -> int | None:
    """The error of the answer, None when it waits. Version 3 is let in without a member id."""
    request = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=session_timeout_ms,
        rebalance_timeout_ms=10_000,
        member_id="",
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=b"")],
    )
    number = stage.send(request, 3)
    frames = stage.answers()
    stage.tick(0)
    stage.sync()
    frame = (frames | stage.answers()).get(number)
    return None if frame is None else stage.decode(JoinGroupResponse, 3, frame).error_code


@shows("group.min.session.timeout.ms", "group.max.session.timeout.ms")
def test_session_timeouts_have_limits() -> None:
    stage = with_groups(group_min_session_timeout_ms=2_000, group_max_session_timeout_ms=3_000)
    refused = ErrorCode.INVALID_SESSION_TIMEOUT
    assert [join(stage, ms) for ms in (1_999, 3_001)] == [refused, refused]
    assert join(stage, 2_000) == 0


@shows("group.max.size")
def test_a_group_has_a_largest_size() -> None:
    stage = with_groups(group_max_size=1)
    assert join(stage) == 0
    assert join(stage) == ErrorCode.GROUP_MAX_SIZE_REACHED


@shows("group.initial.rebalance.delay.ms")
def test_a_new_group_may_wait_for_more_members() -> None:
    stage = with_groups(group_initial_rebalance_delay_ms=500)
    assert join(stage) is None
    stage.tick(499)
    assert stage.answers() == {}
    stage.tick(1)
    stage.sync()
    assert len(stage.answers()) == 1


@shows("offset.metadata.max.bytes")
def test_the_text_beside_an_offset_has_a_longest_length() -> None:
    stage = with_groups(offset_metadata_max_bytes=3)
    assert [commit(stage, text) for text in ("abc", "abcd")] == [
        0,
        ErrorCode.OFFSET_METADATA_TOO_LARGE,
    ]


def commit(stage: Stage, metadata: str = "") -> int:
    partition = OffsetCommitRequestPartition(committed_offset=7, committed_metadata=metadata)
    topic = OffsetCommitRequestTopic(name="t", partitions=[partition])
    request = OffsetCommitRequest(group_id="g", topics=[topic])
    return stage.must(request, 8, OffsetCommitResponse).topics[0].partitions[0].error_code


def committed(stage: Stage) -> int:
    topic = OffsetFetchRequestTopics(name="t", partition_indexes=[0])
    request = OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id="g", topics=[topic])])
    answer = stage.must(request, 8, OffsetFetchResponse)
    return answer.groups[0].topics[0].partitions[0].committed_offset


@shows("offsets.retention.minutes", "offsets.retention.check.interval.ms")
def test_offsets_expire_when_they_are_looked_for() -> None:
    stage = with_groups(offsets_retention_minutes=1, offsets_retention_check_interval_ms=45_000)
    assert commit(stage) == 0
    stage.tick(59_999)
    assert committed(stage) == 7
    stage.tick(30_001)
    assert committed(stage) == -1


@shows(
    "offsets.topic.num.partitions",
    "offsets.topic.replication.factor",
    "offsets.topic.segment.bytes",
)
def test_the_topic_of_offsets_is_made_as_it_is_told() -> None:
    stage = with_groups(offsets_topic_num_partitions=3, offsets_topic_segment_bytes=1_048_576)
    topic = stage.node.image.topics["__consumer_offsets"]
    assert [len(p.replicas) for p in topic.partitions] == [1, 1, 1]
    assert described(stage, "segment.bytes", topic="__consumer_offsets") == ["1048576"]


@shows("max.request.partition.size.limit")
def test_an_answer_describes_so_many_partitions() -> None:
    stage = Stage(max_request_partition_size_limit=2)
    stage.topic("t", 5)
    request = DescribeTopicPartitionsRequest(topics=[TopicRequest(name="t")])
    answer = stage.must(request, 0, DescribeTopicPartitionsResponse)
    assert len(answer.topics[0].partitions) == 2
    assert answer.next_cursor is not None


# --- connections ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def narrow() -> Iterator[str]:
    """A broker for two, who must not fall silent."""
    with moldau.Broker(config={"max.connections": 2, "connections.max.idle.ms": 400}) as broker:
        yield broker.bootstrap_servers


@shows("max.connections")
def test_one_connection_too_many_is_closed(narrow: str) -> None:
    with Raw(narrow) as one, Raw(narrow) as two:
        one.ping()
        two.ping()
        with Raw(narrow) as three:
            assert three.is_closed_by_peer()
        one.ping()


@shows("connections.max.idle.ms")
def test_a_silent_connection_is_closed(narrow: str) -> None:
    with Raw(narrow) as silent:
        silent.ping()
        assert silent.is_closed_by_peer()


@shows("socket.listen.backlog.size")
@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux tells")
def test_so_many_may_wait_to_be_accepted() -> None:
    (sock,) = bind(Listener("PLAINTEXT", "127.0.0.1", 0, None), 17)
    with closing(sock):
        # Of a listening socket, tcpi_sacked is the length that its queue may have.
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    assert unpack_from("I", info, 28) == (17,)
