"""Random numbers, three workers, kill -9 (promise 8): what readers of committed records see.

Each worker is a machine of its own, and keeps warm copies of what the two others have. Exactly
once on three brokers of Apache Kafka, at least once on our own; a broker is killed too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from tests.apache_kafka import ApacheKafka
from tests.streams.killed.fates import Brokers, OneOfOurs, ThreeOfApache
from tests.streams.killed.fleet import Fleet
from tests.streams.killed.generator import Generator
from tests.streams.killed.program import TOPICS, numbers, random_numbers
from tests.streams.killed.survival import KILLS, MANY, SEED, Plan, make_topics, survive, write_shop
from tests.streams.killed.verdict import Verdict, open_ends, verdict, wait_until

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
    assert toll.open or settings["guarantee"] == "at_least_once" or plan.kills < MANY
    return found


def plan(broker_every: int) -> Plan:
    records, kills = random_numbers(SEED), KILLS or 3
    every = min(broker_every, kills)
    return Plan(numbers, TOPICS, "echo", records, kills, broker_every=every)


@pytest.mark.apache
@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_promise_08_exactly_once_survives_kills_of_workers_and_brokers(tmp_path: Path) -> None:
    with ApacheKafka(3, CLUSTER, tmp_path / "kafka", heap="384M") as kafka:
        brokers = ThreeOfApache(kafka)
        assert (
            judged(brokers, tmp_path, plan(10), guarantee="exactly_once", standbys=2).repeated == 0
        )


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(7200)
def test_promise_08_at_least_once_loses_nothing_and_repeats_what_it_said(
    one_of_ours: OneOfOurs, tmp_path: Path
) -> None:
    judged(one_of_ours, tmp_path, plan(4), guarantee="at_least_once", standbys=2)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(600)
def test_promise_08_a_worker_that_stood_still_leaves_the_state_to_others(
    one_of_ours: OneOfOurs, tmp_path: Path
) -> None:
    """It is given up for dead, and another has its partitions, when it goes on; then all are
    killed, and what they have left in the changelogs is all there is."""
    servers = one_of_ours.bootstrap_servers
    make_topics(servers, TOPICS)
    write_shop(tmp_path, numbers, servers, guarantee="at_least_once")
    with Fleet(tmp_path, 2) as fleet, Generator(servers, random_numbers(SEED), 1000) as generator:
        fleet.start()
        for slot in (0, 1) * max(1, KILLS // 10):
            members(servers, 2)
            goes_on(servers)
            fleet.stall(slot)
            members(servers, 1)
            goes_on(servers)
            fleet.go_on(slot)
        goes_on(servers)
        fleet.kill(0, 1)
        generator.finish()
        fleet.finish()
        found = verdict(servers)
    assert found.wrong == []


def members(servers: str, count: int) -> None:
    """Waits until the group has so many, and all of them their share."""
    admin = AdminClient({"bootstrap.servers": servers})

    def shared_out() -> bool:
        told = admin.describe_consumer_groups(["numbers"])["numbers"].result(30)
        busy = [one for one in told.members if one.assignment.topic_partitions]
        return len(busy) == len(told.members) == count

    wait_until(shared_out, f"{count} members", 60)


def goes_on(servers: str) -> None:
    """Waits until a record of each partition has left that was not there before."""
    before = open_ends(servers, "echo")

    def all_moved() -> bool:
        now = open_ends(servers, "echo")
        return all(now[partition] > end for partition, end in before.items())

    wait_until(all_moved, "progress", 60)
