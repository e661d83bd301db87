"""How long readers of committed records wait behind a worker that was killed in a transaction
(promise 10): until it is started again, else until its transaction's time is up.

`-s` shows the seconds; docs/streams/index.md says what they were."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from confluent_kafka import IsolationLevel

from tests.apache_kafka import ApacheKafka
from tests.streams.killed.fleet import Fleet
from tests.streams.killed.generator import Generator
from tests.streams.killed.program import TOPICS, numbers, random_numbers
from tests.streams.killed.survival import SEED, make_topics, write_shop
from tests.streams.killed.verdict import open_ends, wait_until

TOLD_S = 120


@pytest.mark.apache
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_promise_10_readers_go_on_behind_a_killed_worker(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    servers = apache_kafka.bootstrap_servers
    make_topics(servers, TOPICS)
    write_shop(tmp_path, numbers, servers, guarantee="exactly_once")
    with Fleet(tmp_path, 2) as fleet, Generator(servers, random_numbers(SEED), 1000):
        fleet.start(0)
        for _ in range(5):
            print(f"started again at once: {_stalled(servers, fleet, again=True):.1f} s")
        fleet.start(1)
        print(f"not started again: {_stalled(servers, fleet, again=False):.1f} s")


def _stalled(servers: str, fleet: Fleet, *, again: bool) -> float:
    """Seconds from the kill of worker 0, in a transaction, to where its last record is passed."""
    while True:
        wait_until(lambda: _is_open(servers), "an open transaction", TOLD_S)
        fleet.kill(0)
        killed = time.monotonic()
        if _is_open(servers):
            break
        fleet.start(0)
    ends = open_ends(servers, "echo")
    if again:
        fleet.start(0)
    wait_until(lambda: _has_passed(servers, ends), "an end of it", TOLD_S)
    return time.monotonic() - killed


def _has_passed(servers: str, ends: dict[int, int]) -> bool:
    committed = open_ends(servers, "echo", IsolationLevel.READ_COMMITTED)
    return all(committed[partition] >= end for partition, end in ends.items())


def _is_open(servers: str) -> bool:
    ends = open_ends(servers, "echo")
    return bool(ends) and not _has_passed(servers, ends)
