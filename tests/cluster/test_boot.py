"""What a start writes, into a new folder and into one that was used."""

from __future__ import annotations

from random import Random

import pytest

from moldau.cluster.boot import (
    ForeignFolder,
    Incarnation,
    records_for_start,
    records_for_stop,
)
from moldau.cluster.image import ClusterImage, Endpoint, ResourceType
from moldau.cluster.records import Record
from moldau.protocol.config.layers import BrokerConfigs
from moldau.protocol.messages import metadata_log as m
from tests.cluster.situations import CONFIGS, topic, with_topics

DIRECTORY = b"a log directory."
INCARNATION = Incarnation(1, {"PLAINTEXT": Endpoint("here", 9092)}, "rack 7", [DIRECTORY])


def start(
    image: ClusterImage,
    next_offset: int = 1,
    configs: BrokerConfigs = CONFIGS,
    in_transaction: bool = False,
    clean: bool = True,
    bootstrap: list[Record] | None = None,
) -> list[Record]:
    return records_for_start(
        image,
        configs,
        INCARNATION,
        Random(1),
        next_offset=next_offset,
        in_transaction=in_transaction,
        clean=clean,
        bootstrap=bootstrap,
    )


def names(records: list[Record]) -> list[str]:
    return [type(record).__name__.removesuffix("Record") for record in records]


def test_new_folder_gets_features_and_a_registration() -> None:
    records = start(ClusterImage())
    assert names(records) == [
        "BeginTransaction",
        "FeatureLevel",
        "FeatureLevel",
        "Config",
        "EndTransaction",
        "RegisterBroker",
        "BrokerRegistrationChange",
    ]
    image = ClusterImage().apply(records)
    assert image.features == {"metadata.version": 30, "eligible.leader.replicas.version": 1}
    assert image.config(ResourceType.BROKER, "") == {"min.insync.replicas": "1"}
    broker = image.brokers[1]
    assert broker.active
    assert broker.listeners == {"PLAINTEXT": Endpoint("here", 9092)}
    assert (broker.rack, broker.log_dirs) == ("rack 7", (DIRECTORY,))


def test_minimum_in_sync_of_the_files_becomes_the_cluster_s() -> None:
    configs = BrokerConfigs(static={"min.insync.replicas": "2"})
    image = ClusterImage().apply(start(ClusterImage(), configs=configs))
    assert image.config(ResourceType.BROKER, "") == {"min.insync.replicas": "2"}


def test_broker_epoch_is_the_offset_of_the_registration() -> None:
    records = start(ClusterImage(), next_offset=1)
    first = ClusterImage().apply(records)
    assert first.brokers[1].epoch == 1 + 5
    assert names(start(first, 40)) == ["RegisterBroker", "BrokerRegistrationChange"]
    second = first.apply(start(first, 40))
    assert second.brokers[1].epoch == 40
    third = first.apply(start(first, 40, in_transaction=True))
    assert third.brokers[1].epoch == 41


def test_open_transaction_is_aborted() -> None:
    image = ClusterImage().apply(start(ClusterImage()))
    assert names(start(image, in_transaction=True))[0] == "AbortTransaction"
    assert "AbortTransaction" not in names(start(image))


def test_what_a_tool_formatted_is_taken() -> None:
    bootstrap: list[Record] = [
        m.FeatureLevelRecord(name="metadata.version", feature_level=30),
        m.FeatureLevelRecord(name="group.version", feature_level=1),
    ]
    image = ClusterImage().apply(start(ClusterImage(), bootstrap=bootstrap))
    assert image.features == {"metadata.version": 30, "group.version": 1}
    assert not image.configs


@pytest.mark.parametrize(
    ("level", "advice"), [(6, "kafka-features upgrade"), (31, "newer Apache Kafka")]
)
def test_other_formats_are_not_continued(level: int, advice: str) -> None:
    record = m.FeatureLevelRecord(name="metadata.version", feature_level=level)
    with pytest.raises(ForeignFolder, match=advice):
        start(ClusterImage().apply([record]))
    with pytest.raises(ForeignFolder, match=advice):
        start(ClusterImage(), bootstrap=[record])


def test_bootstrap_of_an_old_format_has_no_metadata_transaction() -> None:
    bootstrap: list[Record] = [m.FeatureLevelRecord(name="metadata.version", feature_level=12)]
    records = start(ClusterImage(), bootstrap=bootstrap)
    assert names(records) == ["FeatureLevel", "RegisterBroker", "BrokerRegistrationChange"]
    assert ClusterImage().apply(records).brokers[1].epoch == 2
    bootstrap = [m.FeatureLevelRecord(name="metadata.version", feature_level=13)]
    assert names(start(ClusterImage(), bootstrap=bootstrap))[0] == "BeginTransaction"


def test_leader_epochs_stay_after_a_clean_stop_and_rise_after_a_crash() -> None:
    image = ClusterImage().apply(start(ClusterImage()))
    image = with_topics(image, topic("a", 2))
    calm = image.apply(start(image, 50))
    assert [p.leader_epoch for p in calm.topics["a"].partitions] == [0, 0]
    crashed = image.apply(start(image, 50, clean=False))
    assert [p.leader_epoch for p in crashed.topics["a"].partitions] == [1, 1]
    assert [p.leader for p in crashed.topics["a"].partitions] == [1, 1]


@pytest.mark.parametrize(
    ("isr", "elr", "last_known"), [([1], [], []), ([], [1], [1]), ([], [], [1]), ([], [], [])]
)
def test_partitions_that_apache_kafka_left_without_a_leader_get_one(
    isr: list[int], elr: list[int], last_known: list[int]
) -> None:
    image = ClusterImage().apply(start(ClusterImage()))
    image = with_topics(image, topic("a"))
    left = m.PartitionChangeRecord(
        partition_id=0,
        topic_id=image.topics["a"].id,
        leader=-1,
        isr=isr,
        eligible_leader_replicas=elr,
        last_known_elr=last_known,
        leader_recovery_state=1,
    )
    image = image.apply([left])
    partition = image.apply(start(image, 50)).topics["a"].partitions[0]
    assert (partition.leader, partition.leader_epoch, partition.isr) == (1, 2, (1,))
    assert (partition.elr, partition.leader_recovery_state) == ((), 0)


def test_partition_of_others_is_not_seized() -> None:
    image = ClusterImage().apply(start(ClusterImage()))
    image = with_topics(image, topic("a"))
    left = m.PartitionChangeRecord(
        partition_id=0, topic_id=image.topics["a"].id, leader=-1, replicas=[1, 2], isr=[2]
    )
    image = image.apply([left])
    assert image.apply(start(image, 50)).topics["a"].partitions[0].leader == -1


def test_stop_fences_the_broker() -> None:
    image = ClusterImage().apply(start(ClusterImage()))
    stopped = image.apply(records_for_stop(image, 1))
    assert stopped.brokers[1].fenced
    assert stopped.apply(start(stopped, 60)).brokers[1].active
