"""Configs that are set while the broker runs: in effect at once, and there after a kill."""

from __future__ import annotations

import random

import pytest

from moldau.cluster.image import ResourceType
from moldau.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
)
from moldau.protocol.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)
from moldau.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from tests.broker.stage import Stage, batch

TOPIC, BROKER, LOGGER, METRICS, GROUP = (
    ResourceType.TOPIC,
    ResourceType.BROKER,
    ResourceType.BROKER_LOGGER,
    ResourceType.CLIENT_METRICS,
    ResourceType.GROUP,
)
DYNAMIC_BROKER, DYNAMIC_DEFAULT, STATIC, DEFAULT = 2, 3, 4, 5


def alter(stage: Stage, kind: int, name: str, **configs: str | None) -> None:
    request = IncrementalAlterConfigsRequest(
        resources=[
            AlterConfigsResource(
                resource_type=kind,
                resource_name=name,
                configs=[
                    AlterableConfig(
                        name=key.replace("_", "."), value=value, config_operation=value is None
                    )
                    for key, value in configs.items()
                ],
            )
        ]
    )
    (outcome,) = stage.must(request, 1, IncrementalAlterConfigsResponse).responses
    assert not outcome.error_code, outcome


def describe(stage: Stage, kind: int, name: str, key: str) -> DescribeConfigsResourceResult:
    resource = DescribeConfigsResource(
        resource_type=kind, resource_name=name, configuration_keys=[key]
    )
    request = DescribeConfigsRequest(resources=[resource], include_synonyms=True)
    ((found,),) = (r.configs for r in stage.must(request, 4, DescribeConfigsResponse).results)
    return found


def produce(stage: Stage, topic_id: bytes, size: int) -> int:
    """The error code for one record of that size."""
    data = PartitionProduceData(index=0, records=batch(b"x" * size))
    request = ProduceRequest(
        acks=1, topic_data=[TopicProduceData(topic_id=topic_id, partition_data=[data])]
    )
    answer = stage.must(request, 13, ProduceResponse)
    return answer.responses[0].partition_responses[0].error_code


def test_stronger_layers_win_and_all_are_told() -> None:
    stage = Stage(log_retention_ms=1000)
    stage.topic("t")
    alter(stage, BROKER, "", log_retention_ms="2000")
    alter(stage, BROKER, "1", log_retention_ms="3000")
    found = describe(stage, BROKER, "1", "log.retention.ms")
    assert (found.value, found.config_source) == ("3000", DYNAMIC_BROKER)
    assert [(s.value, s.source) for s in found.synonyms] == [
        ("3000", DYNAMIC_BROKER),
        ("2000", DYNAMIC_DEFAULT),
        ("1000", STATIC),
        ("168", DEFAULT),  # log.retention.hours
    ]
    assert describe(stage, TOPIC, "t", "retention.ms").value == "3000"
    alter(stage, BROKER, "1", log_retention_ms=None)
    assert describe(stage, TOPIC, "t", "retention.ms").value == "2000"


def test_largest_message_changes_under_a_producer() -> None:
    stage = Stage()
    topic_id = stage.topic("t")
    assert produce(stage, topic_id, 5000) == 0
    alter(stage, BROKER, "", message_max_bytes="1000")
    assert produce(stage, topic_id, 5000) == 10
    alter(stage, BROKER, "1", message_max_bytes="9000")
    assert produce(stage, topic_id, 5000) == 0


def test_producers_are_forgotten_as_soon_as_it_is_said() -> None:
    stage = Stage()
    stage.topic("t")
    alter(stage, BROKER, "", producer_id_expiration_ms="5")
    assert {log.producer_expiration_ms for log in stage.logs.logs.values()} == {5}
    stage.topic("later")
    assert {log.producer_expiration_ms for log in stage.logs.logs.values()} == {5}
    alter(stage, BROKER, "", producer_id_expiration_ms=None)
    assert {log.producer_expiration_ms for log in stage.logs.logs.values()} == {86_400_000}


@pytest.mark.parametrize("how", ["kill", "crash"])
def test_all_is_there_again(how: str) -> None:
    stage = Stage()
    alter(stage, BROKER, "", log_retention_ms="2000")
    alter(stage, BROKER, "1", num_io_threads="9")
    alter(stage, GROUP, "g", share_auto_offset_reset="earliest")
    alter(stage, METRICS, "m", interval_ms="500")
    alter(stage, LOGGER, "1", **{"moldau.request": "DEBUG"})
    disk = stage.disk.kill() if how == "kill" else stage.disk.crash(random.Random(3))
    again = Stage(disk=disk)
    assert describe(again, BROKER, "", "log.retention.ms").value == "2000"
    assert describe(again, BROKER, "1", "num.io.threads").value == "9"
    assert describe(again, GROUP, "g", "share.auto.offset.reset").value == "earliest"
    assert describe(again, METRICS, "m", "interval.ms").value == "500"
    # Levels end with the process, as in Apache Kafka.
    assert describe(again, LOGGER, "1", "moldau.request").value == "INFO"


def test_logger_without_a_level_has_that_of_the_one_above() -> None:
    stage = Stage()
    levels = stage.node.loggers.levels()
    assert levels.keys() >= {"root", "moldau", "moldau.request", "moldau.network"}
    assert set(levels.values()) == {"INFO"}
    alter(stage, LOGGER, "1", moldau="WARN")
    alter(stage, LOGGER, "1", **{"moldau.request": "DEBUG"})
    assert describe(stage, LOGGER, "1", "moldau.network").value == "WARN"
    assert describe(stage, LOGGER, "1", "moldau.request").value == "DEBUG"
    assert describe(stage, LOGGER, "1", "root").value == "INFO"
    alter(stage, LOGGER, "1", moldau=None)
    assert describe(stage, LOGGER, "1", "moldau.network").value == "INFO"


def test_levels_decide_what_is_said() -> None:
    stage = Stage()
    stage.topic("kept", cleanup_policy="compact")
    assert "cleanup.policy=compact" in stage.said[-1]
    alter(stage, LOGGER, "1", **{"moldau.controller": "WARN"})
    said = len(stage.said)
    stage.topic("also", cleanup_policy="compact")
    assert len(stage.said) == said
    stage.node.loggers["moldau.controller"].error("still heard")
    assert stage.said[-1] == "still heard"
