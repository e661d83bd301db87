"""Random numbers, three workers, kill -9 (promise 8): what readers of committed records see.

Exactly once on three brokers of Apache Kafka, at least once on our own; a broker is killed too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.apache_kafka import ApacheKafka
from tests.streams.killed.fates import Brokers, OneOfOurs, ThreeOfApache
from tests.streams.killed.program import TOPICS, numbers, random_numbers
from tests.streams.killed.survival import KILLS, SEED, Plan, survive
from tests.streams.killed.verdict import Verdict, verdict

CLUSTER = {
    "default.replication.factor": 3,
    "min.insync.replicas": 2,
    "offsets.topic.num.partitions": 3,
    "transaction.state.log.num.partitions": 3,
    "group.min.session.timeout.ms": 1000,
}


def judged(brokers: Brokers, folder: Path, plan: Plan, **settings: Any) -> Verdict:
    toll, sent = survive(brokers, folder, plan, **settings)
    found = verdict(brokers.bootstrap_servers)
    print(found)
    assert found.wrong == []
    assert found.records == sent
    assert toll.open or settings["guarantee"] == "at_least_once"
    return found


def plan(broker_every: int) -> Plan:
    records, kills = random_numbers(SEED), KILLS or 4
    every = min(broker_every, kills)
    return Plan(numbers, TOPICS, "echo", records, kills, broker_every=every)


@pytest.mark.apache
@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_promise_08_exactly_once_survives_kills_of_workers_and_brokers(tmp_path: Path) -> None:
    with ApacheKafka(3, CLUSTER, tmp_path / "kafka", heap="384M") as kafka:
        brokers = ThreeOfApache(kafka)
        assert judged(brokers, tmp_path, plan(10), guarantee="exactly_once").repeated == 0


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_promise_08_at_least_once_loses_nothing_and_repeats_what_it_said(
    one_of_ours: OneOfOurs, tmp_path: Path
) -> None:
    judged(one_of_ours, tmp_path, plan(4), guarantee="at_least_once")
