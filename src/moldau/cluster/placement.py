"""Which brokers hold a partition (Apache Kafka: StripedReplicaPlacer, without racks)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from moldau.cluster.decided import Dice, Refused
from moldau.cluster.image import BrokerImage, ClusterImage
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.metadata_log import PartitionRecord

# The id that stands for a directory still to be chosen (DirectoryId.UNASSIGNED).
UNASSIGNED: Final = bytes(15) + b"\x01"


def place(image: ClusterImage, dice: Dice, count: int, replicas: int) -> list[list[int]]:
    """Replicas of `count` partitions, leaders first: they go around the brokers from a random one.

    Raises Refused with Kafka's text when there are not enough brokers.
    """
    usable = [b for b in image.brokers.values() if _has_room(b)]
    alive = [broker.id for broker in usable if broker.active]
    if not alive:
        raise Refused(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            "All brokers are currently fenced, or have all their log directories cordoned.",
        )
    if replicas > len(usable):
        raise Refused(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            f"The target replication factor of {replicas} cannot be reached because only "
            f"{len(usable)} broker(s) are registered or some brokers have all their log "
            "directories cordoned.",
        )
    start = int(dice.random() * len(alive))
    rest = [broker.id for broker in usable if not broker.active]
    return [_around(alive, rest, start + i, replicas) for i in range(count)]


def _has_room(broker: BrokerImage) -> bool:
    return not broker.log_dirs or len(broker.cordoned_log_dirs) < len(broker.log_dirs)


def _around(alive: list[int], rest: list[int], start: int, replicas: int) -> list[int]:
    turn = start % len(alive)
    return (alive[turn:] + alive[:turn] + rest)[:replicas]


def check_assignment(image: ClusterImage, replicas: Sequence[int], expected: int | None) -> None:
    """Checks replicas that a user chose; `expected` is how many the other partitions have.

    Raises Refused (Apache Kafka: ReplicationControlManager.validateManualPartitionAssignment).
    """
    if not replicas:
        raise _bad("The manual partition assignment includes an empty replica list.")
    previous = None
    for broker_id in sorted(replicas):
        broker = image.brokers.get(broker_id)
        start = f"The manual partition assignment includes broker {broker_id}, but "
        if broker is None:
            raise _bad(start + "no such broker is registered.")
        if not _has_room(broker):
            raise _bad(start + "all its log directories are cordoned.")
        if broker_id == previous:
            raise _bad(
                f"The manual partition assignment includes the broker {broker_id} more than once."
            )
        previous = broker_id
    if expected is not None and len(replicas) != expected:
        raise _bad(
            f"The manual partition assignment includes a partition with {len(replicas)} "
            "replica(s), but this is not consistent with previous partitions, which have "
            f"{expected} replica(s)."
        )


def _bad(message: str) -> Refused:
    return Refused(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message)


def chosen_in_sync(image: ClusterImage, index: int, replicas: Sequence[int]) -> list[int]:
    """Those of the replicas that a user chose which are alive. Raises Refused if none is."""
    isr = [broker_id for broker_id in replicas if image.brokers[broker_id].active]
    if not isr:
        raise _bad(
            f"All brokers specified in the manual partition assignment for partition {index} "
            "are fenced or in controlled shutdown."
        )
    return isr


def in_sync(image: ClusterImage, replicas: Sequence[int]) -> list[int]:
    return [broker_id for broker_id in replicas if image.brokers[broker_id].active]


def partition_record(
    image: ClusterImage, topic_id: bytes, index: int, replicas: Sequence[int]
) -> PartitionRecord:
    """The record that begins a partition: led by its first living replica, at epoch 0."""
    isr = in_sync(image, replicas)
    return PartitionRecord(
        partition_id=index,
        topic_id=topic_id,
        replicas=list(replicas),
        isr=isr,
        leader=isr[0],
        leader_epoch=0,
        partition_epoch=0,
        directories=[_directory(image.brokers[broker_id]) for broker_id in replicas],
    )


def _directory(broker: BrokerImage) -> bytes:
    """Where a new replica goes, if the broker has one directory; else the broker says later."""
    return broker.log_dirs[0] if len(broker.log_dirs) == 1 else UNASSIGNED
