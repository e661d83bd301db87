"""How partitions are: which of Kafka's reports name them, and where their replicas are.

Apache Kafka: org.apache.kafka.tools.TopicCommand, 4.3.1.
"""

from __future__ import annotations

from collections.abc import Iterable

from moldau.client.errors import KafkaError
from moldau.client.topics import ConfigEntry, Partition, Reassignment
from moldau.tools.java_text import parse_int, split

REPORTS = ("under-replicated", "unavailable", "under-min-isr", "at-min-isr")


def reports_on(
    partition: Partition, change: Reassignment | None, least: int, alive: set[int]
) -> list[str]:
    """Those of REPORTS that name the partition; `least` is its min.insync.replicas."""
    in_sync = len(partition.isr)
    has_leader = partition.leader >= 0
    is_so = (
        replication_factor(partition, change) > in_sync,
        not has_leader or partition.leader not in alive,
        not has_leader or in_sync < least,
        in_sync == least,
    )
    return [report for report, holds in zip(REPORTS, is_so, strict=True) if holds]


def least_isr(entries: Iterable[ConfigEntry]) -> int:
    """min.insync.replicas of a topic's configs."""
    return int(next(e.value or "1" for e in entries if e.name == "min.insync.replicas"))


def is_moving(partition: Partition, change: Reassignment | None) -> bool:
    changing = (*change.adding, *change.removing) if change else ()
    return any(replica in changing for replica in partition.replicas)


def replication_factor(partition: Partition, change: Reassignment | None) -> int:
    if change is not None and is_moving(partition, change):
        return len(change.replicas) - len(change.adding)
    return len(partition.replicas)


def parse_assignment(text: str | None) -> dict[int, list[int]]:
    """`1:2,2:3` is the brokers of partition 0, then of partition 1."""
    assignment: dict[int, list[int]] = {}
    for partition, replicas in enumerate(split(text, ",") if text else []):
        brokers = [_broker_id(broker.strip()) for broker in split(replicas, ":")]
        twice = list(dict.fromkeys(b for b in brokers if brokers.count(b) > 1))
        if twice:
            listed = ",".join(map(str, twice))
            raise KafkaError(f"Partition replica lists may not contain duplicate entries: {listed}")
        assignment[partition] = brokers
        if len(brokers) != len(assignment[0]):
            raise KafkaError(f"Partition {partition} has different replication factor: {brokers}")
    return assignment


def _broker_id(text: str) -> int:
    number = parse_int(text)
    if number is None:
        raise KafkaError(
            f'For input string: "{text}"',
            f"{text!r} is no broker id: --replica-assignment 1:2,2:1 puts partition 0 on the "
            "brokers 1 and 2, partition 1 on 2 and 1.",
        )
    return number
