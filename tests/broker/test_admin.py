"""What admins ask, of a broker that runs: what is there after a restart, what comes to be by being
asked for, and who gets which producer id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from moldau.client.connection import Connection
from moldau.cluster.records import encode_record
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
)
from moldau.protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from moldau.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicsResponse
from moldau.protocol.messages.describe_cluster import (
    DescribeClusterRequest,
    DescribeClusterResponse,
)
from moldau.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResponse,
)
from moldau.protocol.messages.init_producer_id import (
    InitProducerIdRequest,
    InitProducerIdResponse,
)
from moldau.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseTopic,
)
from moldau.protocol.messages.metadata_log import FeatureLevelRecord
from moldau.protocol.records import Record, batches, build
from moldau.protocol.schema import Message
from moldau.server.embedded import Broker, BrokerError

M = TypeVar("M", bound=Message)


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker(config={"num.partitions": 2}) as running:
        yield running


@contextmanager
def connected(broker: Broker) -> Iterator[Connection]:
    host, _, port = broker.bootstrap_servers.rpartition(":")
    with closing(Connection(host, int(port), "admin", 30)) as connection:
        yield connection


def ask(broker: Broker, request: Message, answer: type[M], version: int = 99) -> M:
    """In the newest version that both know, up to `version`, by a connection of its own."""
    with connected(broker) as connection:
        return connection.ask(request, answer, newest=version)


def ask_metadata(
    broker: Broker, *names: str | None, create: bool = True, version: int = 13
) -> MetadataResponse:
    request = MetadataRequest(
        topics=[MetadataRequestTopic(name=name) for name in names] if names else None,
        allow_auto_topic_creation=create,
    )
    return ask(broker, request, MetadataResponse, version=version)


def topics_of(broker: Broker) -> dict[str | None, MetadataResponseTopic]:
    return {topic.name: topic for topic in ask_metadata(broker).topics}


def create(broker: Broker, name: str, partitions: int = 1, **configs: str) -> int:
    topic = CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=1,
        configs=[
            CreatableTopicConfig(name=key.replace("_", "."), value=value)
            for key, value in configs.items()
        ],
    )
    request = CreateTopicsRequest(topics=[topic])
    return ask(broker, request, CreateTopicsResponse).topics[0].error_code


def config_of(broker: Broker, topic: str, name: str) -> tuple[str | None, int]:
    resource = DescribeConfigsResource(
        resource_type=2, resource_name=topic, configuration_keys=[name]
    )
    request = DescribeConfigsRequest(resources=[resource])
    found = ask(broker, request, DescribeConfigsResponse).results[0].configs[0]
    return found.value, found.config_source


def producer(broker: Broker, name: str | None = None) -> InitProducerIdResponse:
    request = InitProducerIdRequest(transactional_id=name, transaction_timeout_ms=1000)
    return ask(broker, request, InitProducerIdResponse, version=5)


# --- what lasts ----------------------------------------------------------------------------------


def test_topics_and_configs_are_there_after_a_restart(tmp_path: Path) -> None:
    with Broker(data=tmp_path) as first:
        assert create(first, "kept", 2, retention_ms="5000") == 0
        assert create(first, "gone") == 0
        ask(first, DeleteTopicsRequest(topic_names=["gone"]), DeleteTopicsResponse, version=5)
        more = CreatePartitionsTopic(name="kept", count=3, assignments=None)
        ask(first, CreatePartitionsRequest(topics=[more]), CreatePartitionsResponse)
        before = topics_of(first)
        cluster = ask(first, DescribeClusterRequest(), DescribeClusterResponse).cluster_id
    with Broker(data=tmp_path) as second:
        assert topics_of(second) == before
        assert list(before) == ["kept"]
        assert len(before["kept"].partitions) == 3
        assert config_of(second, "kept", "retention.ms") == ("5000", 1)
        found = ask(second, DescribeClusterRequest(), DescribeClusterResponse)
        assert found.cluster_id == cluster


def test_folder_of_a_newer_kafka_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with Broker(data=tmp_path):
        pass
    log = tmp_path / "__cluster_metadata-0" / "00000000000000000000.log"
    newer = FeatureLevelRecord(name="metadata.version", feature_level=99)
    batch = build(
        [Record(0, 0, None, encode_record(newer))],
        base_offset=sum(header.count for header, _ in batches(log.read_bytes())),
        leader_epoch=1,
    )
    with log.open("ab") as file:
        file.write(batch)
    (tmp_path / ".kafka_cleanshutdown").unlink()
    with pytest.raises(BrokerError) as refused, Broker(data=tmp_path):
        pass
    assert "Its metadata.version is 99, and the newest" in str(refused.value)
    assert "Traceback" not in str(refused.value)


def test_rack_of_the_settings_is_told() -> None:
    with Broker(config={"broker.rack": "r7"}) as broker:
        answer = ask(broker, DescribeClusterRequest(), DescribeClusterResponse)
        assert [b.rack for b in answer.brokers] == ["r7"]


def test_topic_that_is_created_again_is_another_one(broker: Broker) -> None:
    assert create(broker, "again", retention_ms="5000") == 0
    first = topics_of(broker)["again"].topic_id
    request = DeleteTopicsRequest(topic_names=["again"])
    ask(broker, request, DeleteTopicsResponse, version=5)
    assert create(broker, "again") == 0
    assert topics_of(broker)["again"].topic_id != first
    assert config_of(broker, "again", "retention.ms") == ("604800000", 5)


# --- what comes to be by being asked for ---------------------------------------------------------


def test_topic_that_is_asked_for_is_answered_as_it_then_is(broker: Broker) -> None:
    topic = ask_metadata(broker, "wanted").topics[0]
    assert (topic.error_code, len(topic.partitions)) == (0, 2)
    assert [p.leader_id for p in topic.partitions] == [1, 1]
    assert topics_of(broker)["wanted"] == topic


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("never", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        ("a b", ErrorCode.INVALID_TOPIC_EXCEPTION),
    ],
)
def test_topic_is_not_created_for_who_does_not_want_that(
    broker: Broker, name: str, code: ErrorCode
) -> None:
    assert ask_metadata(broker, name, create=False).topics[0].error_code == code
    assert name not in topics_of(broker)


@pytest.mark.parametrize("name", ["a b", "__transaction_state", "__cluster_metadata"])
def test_not_everything_that_is_asked_for_is_created(broker: Broker, name: str) -> None:
    assert ask_metadata(broker, name).topics[0].error_code in (
        ErrorCode.INVALID_TOPIC_EXCEPTION,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    )
    assert name not in topics_of(broker)


def test_topic_of_offsets_is_created_in_its_own_shape(broker: Broker) -> None:
    topic = ask_metadata(broker, "__consumer_offsets").topics[0]
    assert (topic.is_internal, len(topic.partitions)) == (True, 50)
    assert config_of(broker, "__consumer_offsets", "cleanup.policy") == ("compact", 1)


def test_versions_without_a_wish_create_too(broker: Broker) -> None:
    assert ask_metadata(broker, "old-client", version=3).topics[0].error_code == 0


def test_creation_by_asking_can_be_switched_off() -> None:
    with Broker(config={"auto.create.topics.enable": "false"}) as strict:
        code = ask_metadata(strict, "wanted").topics[0].error_code
        assert code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        assert not topics_of(strict)


def test_empty_list_means_all_in_version_0_and_none_later(broker: Broker) -> None:
    create(broker, "listed")
    nothing = MetadataRequest(topics=[])
    everything = ask(broker, nothing, MetadataResponse, version=0).topics
    assert "listed" in [topic.name for topic in everything]
    assert ask(broker, nothing, MetadataResponse, version=1).topics == []


# --- producer ids --------------------------------------------------------------------------------


def test_no_producer_id_is_given_twice(tmp_path: Path) -> None:
    seen = []
    with Broker(data=tmp_path) as first:
        seen += [producer(first).producer_id for _ in range(3)]
    with Broker(data=tmp_path) as second:
        seen += [producer(second).producer_id for _ in range(3)]
    assert seen == [0, 1, 2, 1000, 1001, 1002]


def test_block_of_ids_that_is_used_up_is_followed_by_the_next(tmp_path: Path) -> None:
    with Broker(data=tmp_path) as running, connected(running) as connection:
        request = InitProducerIdRequest(transactional_id=None)
        for expected in range(1002):
            answer = connection.ask(request, InitProducerIdResponse, newest=5)
            assert (answer.error_code, answer.producer_id, answer.producer_epoch) == (
                0,
                expected,
                0,
            )


def test_transactional_id_is_refused_for_good(broker: Broker) -> None:
    answer = producer(broker, "orders")
    assert answer.error_code == ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    assert (answer.producer_id, answer.producer_epoch) == (-1, -1)
    assert not ErrorCode(answer.error_code).retriable


def test_documentation_is_sent_to_who_asks_for_it(broker: Broker) -> None:
    wanted = [DescribeConfigsResource(resource_type=4, resource_name="1", configuration_keys=None)]
    for asked in (True, False):
        request = DescribeConfigsRequest(resources=wanted, include_documentation=asked)
        with connected(broker) as connection:
            response = connection.ask(request, DescribeConfigsResponse)
        texts = {config.name: config.documentation for config in response.results[0].configs}
        assert ("partitions" in (texts["num.partitions"] or "").lower()) is asked
        if not asked:
            assert set(texts.values()) == {None}, "null, as Apache Kafka says it"
