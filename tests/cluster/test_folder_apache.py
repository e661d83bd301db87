"""Our metadata log is Apache Kafka's: its dump tool reads it, it starts on a copy of our folder,
and we start on a copy of its."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from moldau.client.connection import Connection
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from moldau.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicsResponse
from moldau.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResponse,
)
from moldau.protocol.messages.init_producer_id import (
    InitProducerIdRequest,
    InitProducerIdResponse,
)
from moldau.protocol.messages.metadata import MetadataRequest, MetadataResponse
from moldau.server.embedded import Broker
from tests.apache_kafka import ApacheKafka, run_tool

pytestmark = [
    pytest.mark.apache,
    pytest.mark.timeout(180),
]


def connect(bootstrap_servers: str) -> Connection:
    host, _, port = bootstrap_servers.rpartition(":")
    return Connection(host, int(port), "mover", 30)


def create(connection: Connection, name: str, partitions: int, **configs: str) -> None:
    topic = CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=1,
        configs=[
            CreatableTopicConfig(name=key.replace("_", "."), value=value)
            for key, value in configs.items()
        ],
    )
    answer = connection.ask(CreateTopicsRequest(topics=[topic]), CreateTopicsResponse)
    assert answer.topics[0].error_code == 0, answer


def fill(bootstrap_servers: str) -> None:
    """Some of everything that the log of one broker holds."""
    with closing(connect(bootstrap_servers)) as connection:
        create(connection, "orders", 3, retention_ms="500000")
        create(connection, "gone", 1)
        request = DeleteTopicsRequest(topic_names=["gone"], timeout_ms=10_000)
        gone = connection.ask(request, DeleteTopicsResponse, newest=5)
        assert gone.responses[0].error_code == 0
        ids = InitProducerIdRequest(transactional_id=None)
        code = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
        while code == ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:  # Apache Kafka asks its controller
            code = ErrorCode(connection.ask(ids, InitProducerIdResponse, newest=5).error_code)
        assert code == ErrorCode.NONE
        names: list[str | None] = []
        while names != ["orders"]:  # a broker of Apache Kafka learns later what was decided
            answer = connection.ask(MetadataRequest(topics=None), MetadataResponse)
            names = [topic.name for topic in answer.topics]


def seen(bootstrap_servers: str) -> dict[str, Any]:
    with closing(connect(bootstrap_servers)) as connection:
        metadata = connection.ask(MetadataRequest(topics=None), MetadataResponse)
        resource = DescribeConfigsResource(
            resource_type=2, resource_name="orders", configuration_keys=["retention.ms"]
        )
        request = DescribeConfigsRequest(resources=[resource])
        configs = connection.ask(request, DescribeConfigsResponse).results[0].configs
        return {
            "cluster": metadata.cluster_id,
            "topics": {t.name: (t.topic_id, len(t.partitions)) for t in metadata.topics},
            "errors": [p.error_code for t in metadata.topics for p in t.partitions],
            "leaders": {p.leader_id for t in metadata.topics for p in t.partitions},
            "retention": [config.value for config in configs],
        }


def epochs(bootstrap_servers: str) -> list[int]:
    with closing(connect(bootstrap_servers)) as connection:
        metadata = connection.ask(MetadataRequest(topics=None), MetadataResponse)
        return [p.leader_epoch for t in metadata.topics for p in t.partitions]


def test_dump_tool_reads_our_metadata_log(tmp_path: Path) -> None:
    for _ in range(2):  # the second start continues the log of the first
        with Broker(data=tmp_path / "data") as broker:
            if not seen(broker.bootstrap_servers)["topics"]:
                fill(broker.bootstrap_servers)
    log = tmp_path / "data" / "__cluster_metadata-0" / "00000000000000000000.log"
    run = run_tool("kafka-dump-log", "--cluster-metadata-decoder", "--files", str(log))
    assert run.returncode == 0, run.stderr
    batches = [line for line in run.stdout.splitlines() if line.startswith("baseOffset")]
    assert all("isvalid: true" in line for line in batches)
    assert sum("isControl: true" in line for line in batches) == 2
    types = [
        json.loads(line.partition(" payload: ")[2])["type"]
        for line in run.stdout.splitlines()
        if " payload: " in line
    ]
    assert {
        "FEATURE_LEVEL_RECORD",
        "REGISTER_BROKER_RECORD",
        "BROKER_REGISTRATION_CHANGE_RECORD",
        "TOPIC_RECORD",
        "PARTITION_RECORD",
        "CONFIG_RECORD",
        "REMOVE_TOPIC_RECORD",
        "PRODUCER_IDS_RECORD",
    } <= set(types)
    assert types.count("REGISTER_BROKER_RECORD") == 2
    # The last word is that the broker is fenced: a clean stop.
    assert types[-1] == "BROKER_REGISTRATION_CHANGE_RECORD"


def test_apache_kafka_goes_on_with_our_folder_and_we_with_its(tmp_path: Path) -> None:
    with Broker(data=tmp_path / "ours") as broker:
        fill(broker.bootstrap_servers)
        before = seen(broker.bootstrap_servers)
    shutil.copytree(tmp_path / "ours", tmp_path / "theirs" / "data-1")
    with ApacheKafka(folder=tmp_path / "theirs") as kafka:
        assert seen(kafka.bootstrap_servers) == before
        assert set(before["leaders"]) == {1}
        with closing(connect(kafka.bootstrap_servers)) as connection:
            create(connection, "theirs", 2)
        theirs = epochs(kafka.bootstrap_servers)
    shutil.copytree(tmp_path / "theirs" / "data-1", tmp_path / "back")
    with Broker(data=tmp_path / "back") as broker:
        after = seen(broker.bootstrap_servers)
        assert after["topics"].pop("theirs")[1] == 2
        assert after["topics"] == before["topics"]
        assert after["retention"] == before["retention"]
        assert after["leaders"] == {1}
        assert not any(after["errors"])
        # Apache Kafka took the leaders away when it stopped: ours begin another epoch.
        assert min(epochs(broker.bootstrap_servers)) > max(theirs[:1])


def test_folder_that_apache_kafka_formatted(tmp_path: Path) -> None:
    with ApacheKafka(folder=tmp_path / "theirs") as kafka:
        fill(kafka.bootstrap_servers)
        before = seen(kafka.bootstrap_servers)
    shutil.copytree(tmp_path / "theirs" / "data-1", tmp_path / "ours")
    with Broker(data=tmp_path / "ours") as broker:
        assert seen(broker.bootstrap_servers) == before
