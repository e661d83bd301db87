"""The metadata records that a start writes.

A new folder gets what Apache Kafka 4.3.1 writes into one that was formatted, with the features
that this release serves; then, at every start, the broker registers under a new epoch and is
unfenced at once, because the controller is in the same process. Sources:
ActivationRecordsGenerator, ClusterControlManager.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from moldau.cluster.decided import Dice
from moldau.cluster.image import NO_LEADER, ClusterImage, Endpoint, PartitionImage, ResourceType
from moldau.cluster.records import (
    METADATA_VERSION,
    METADATA_VERSION_FEATURE,
    OLDEST_METADATA_VERSION,
    Record,
)
from moldau.protocol import uuids
from moldau.protocol.config.layers import BrokerConfigs
from moldau.protocol.messages import metadata_log as m

# Lowest and highest level that is served. `metadata.version` is the format of the records
# themselves. Eligible leader replicas (KIP-966) are what a new
# folder of 4.3.1 has switched on; with one broker per partition they never come into play, but
# clients see its effects on configs. group.version, transaction.version, share.version and
# streams.version stay at 0, which is not written, until those protocols are served: clients that
# find them switched on would use them.
FEATURES: Final[Mapping[str, tuple[int, int]]] = {
    METADATA_VERSION_FEATURE: (OLDEST_METADATA_VERSION, METADATA_VERSION),
    "eligible.leader.replicas.version": (0, 1),
}
# The metadata.version (3.6-IV1) from which on metadata transactions may be written.
_TRANSACTIONS_SINCE: Final = 13


class ForeignFolder(Exception):
    """The metadata log was written by a Kafka that this release does not continue."""


class Incarnation(NamedTuple):
    """Who starts: the node, its listeners by name, and the ids of its log directories."""

    node_id: int
    listeners: Mapping[str, Endpoint]
    rack: str | None
    log_dirs: Sequence[bytes]


def bootstrap_records() -> list[Record]:
    """The feature levels of a newly formatted folder."""
    return [
        m.FeatureLevelRecord(name=name, feature_level=level)
        for name, (_, level) in FEATURES.items()
    ]


def records_for_start(
    image: ClusterImage,
    configs: BrokerConfigs,
    incarnation: Incarnation,
    dice: Dice,
    *,
    next_offset: int,
    in_transaction: bool = False,
    clean: bool = True,
    bootstrap: Sequence[Record] | None = None,
) -> list[Record]:
    """What to append, in one batch whose first record has `next_offset`.

    `in_transaction` says that the log ends within a metadata transaction, `clean` that the last
    shutdown was a clean one, `bootstrap` what a tool left for the first start. Raises
    ForeignFolder when the log cannot be continued.
    """
    records: list[Record] = []
    if in_transaction:
        records.append(m.AbortTransactionRecord(reason="Controller failover"))
    if METADATA_VERSION_FEATURE in image.features:
        check_features(image.features)
    else:
        records += _first_records(configs, bootstrap or bootstrap_records())
    epoch = next_offset + len(records)
    records.append(_registration(incarnation, epoch, uuids.draw(dice.randbytes)))
    records.append(
        m.BrokerRegistrationChangeRecord(
            broker_id=incarnation.node_id, broker_epoch=epoch, fenced=-1
        )
    )
    records += _elections(image, incarnation.node_id, clean)
    return records


def records_for_stop(image: ClusterImage, node_id: int) -> list[Record]:
    """What a clean shutdown writes last: an Apache Kafka that goes on with this folder would
    otherwise wait for the session of this broker to end before it registers its own."""
    broker = image.brokers[node_id]
    return [
        m.BrokerRegistrationChangeRecord(broker_id=node_id, broker_epoch=broker.epoch, fenced=1)
    ]


def check_features(features: Mapping[str, int]) -> None:
    """Raises ForeignFolder when the log is of another format than we write."""
    level = features[METADATA_VERSION_FEATURE]
    if level > METADATA_VERSION:
        raise ForeignFolder(
            f"its metadata.version is {level}, and the newest that this release knows is "
            f"{METADATA_VERSION} (4.3-IV0): a newer Apache Kafka than 4.3 wrote it; start that one"
        )
    if level < OLDEST_METADATA_VERSION:
        raise ForeignFolder(
            f"its metadata.version is {level}, and the oldest that Apache Kafka 4.3 and this "
            f"release know is {OLDEST_METADATA_VERSION} (3.3-IV3): start the Apache Kafka that "
            "wrote it and raise it with `kafka-features upgrade`"
        )


def _first_records(configs: BrokerConfigs, bootstrap: Sequence[Record]) -> list[Record]:
    levels = {
        record.name: record.feature_level
        for record in bootstrap
        if isinstance(record, m.FeatureLevelRecord)
    }
    check_features({METADATA_VERSION_FEATURE: METADATA_VERSION} | levels)
    records = list(bootstrap)
    if levels.get("eligible.leader.replicas.version"):
        # Kafka fixes the value for the whole cluster: leaders are chosen by it.
        records.append(
            m.ConfigRecord(
                resource_type=ResourceType.BROKER,
                resource_name="",
                name="min.insync.replicas",
                value=str(configs.values["min.insync.replicas"]),
            )
        )
    if levels.get(METADATA_VERSION_FEATURE, METADATA_VERSION) < _TRANSACTIONS_SINCE:
        return records  # they are one batch anyway
    begin = m.BeginTransactionRecord(name="Bootstrap records")
    return [begin, *records, m.EndTransactionRecord()]


def _registration(incarnation: Incarnation, epoch: int, incarnation_id: bytes) -> Record:
    """The epoch of a broker is the offset of its registration."""
    return m.RegisterBrokerRecord(
        broker_id=incarnation.node_id,
        incarnation_id=incarnation_id,
        broker_epoch=epoch,
        end_points=[
            m.BrokerEndpoint(
                name=name, host=e.host, port=e.port, security_protocol=e.security_protocol
            )
            for name, e in incarnation.listeners.items()
        ],
        features=[
            m.BrokerFeature(name=name, min_supported_version=low, max_supported_version=high)
            for name, (low, high) in FEATURES.items()
        ],
        rack=incarnation.rack,
        fenced=True,
        log_dirs=list(incarnation.log_dirs),
    )


def _elections(image: ClusterImage, node_id: int, clean: bool) -> Iterator[Record]:
    """Leader epochs that begin with this start.

    A partition that has no leader (Apache Kafka takes them away when it shuts down) gets one.
    After a crash the tail of a log may be gone; a new epoch lets consumers that read it see so
    (KIP-320), so every partition that this node leads gets one.
    """
    for topic in image.topics.values():
        for index, partition in enumerate(topic.partitions):
            crashed = partition.leader == node_id and not clean
            if crashed or (partition.leader == NO_LEADER and _may_lead(partition, node_id)):
                yield _election(topic.id, index, partition, node_id)


def _may_lead(partition: PartitionImage, node_id: int) -> bool:
    if partition.isr or partition.elr:
        return node_id in partition.isr or node_id in partition.elr
    return node_id in partition.last_known_elr or partition.replicas == (node_id,)


def _election(
    topic_id: bytes, index: int, partition: PartitionImage, node_id: int
) -> m.PartitionChangeRecord:
    record = m.PartitionChangeRecord(topic_id=topic_id, partition_id=index, leader=node_id)
    if partition.leader_recovery_state:
        record.leader_recovery_state = 0
    if node_id not in partition.isr:
        record.isr = [node_id]
        record.eligible_leader_replicas = [r for r in partition.elr if r != node_id]
        record.last_known_elr = []
    return record
