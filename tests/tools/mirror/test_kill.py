"""kill -9 while records are on their way, again and again: nothing is missing and nothing is there
twice; also when what the killed one had sent arrives long after its death."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from moldau import Broker
from moldau.client.admin import Admin
from moldau.client.errors import KafkaError
from moldau.client.offsets import LATEST, list_offsets
from moldau.tools.mirror.journal import TOPIC as JOURNAL
from tests.tools.mirror.proxy import Proxy, proxy
from tests.tools.mirror.stage import (
    TRIMMING_MIRROR,
    Cluster,
    assert_same,
    mirror,
    mirror_command,
    unique,
)

PARTITIONS = 3
ROUNDS = int(os.environ.get("MOLDAU_KILLS", "10"))
PER_PARTITION = 4_000 * ROUNDS
MOST_RECORDS = 1_500  # that a round is to copy
SLICE_S = 0.01
ROUND_S = 240  # in slices of its own, beside others that want the machine


def fill(cluster: Cluster, topic: str) -> None:
    """Large batches, small ones, compressed ones; of a size that no round copies all of."""
    values = [b"%06d" % i + os.urandom(300) + bytes(100) for i in range(PER_PARTITION)]
    cluster.produce(topic, values, 0)
    cluster.produce(topic, values, 1, config={"batch.size": 5000})
    cluster.produce(topic, values, 2, config={"compression.type": "lz4", "batch.size": 20_000})


class Rounds:
    """Mirrors that are killed before they are done, on a machine of any speed: they run for a slice
    of time, and what they have copied is looked at while they are stopped."""

    def __init__(self, source: Cluster, target: Cluster, topic: str) -> None:
        words = ("--topics", topic)
        self.command = mirror_command(source, target, *words, program=TRIMMING_MIRROR)
        self.places = [(topic, partition) for partition in range(PARTITIONS)]
        self.target = target
        self.dice = random.Random(topic)

    def run(self) -> None:
        with Admin(self.target.servers) as admin:
            for number in range(ROUNDS):
                # Every third one dies within what a start takes, or soon after.
                slices = self.dice.randrange(100) if number % 3 == 2 else sys.maxsize
                self._round(admin, self.dice.randrange(1, MOST_RECORDS), slices)
            assert 0 < self._copied(admin) < PARTITIONS * PER_PARTITION

    def _round(self, admin: Admin, records: int, slices: int) -> None:
        before = self._copied(admin)
        process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        deadline = time.monotonic() + ROUND_S
        while slices and self._copied(admin) < before + records and process.poll() is None:
            assert time.monotonic() < deadline
            process.send_signal(signal.SIGCONT)
            time.sleep(SLICE_S)
            process.send_signal(signal.SIGSTOP)
            slices -= 1
        process.send_signal(signal.SIGCONT)
        time.sleep(self.dice.random() * SLICE_S)  # with something under way
        process.kill()
        out, _ = process.communicate()
        assert process.returncode == -signal.SIGKILL, out

    def _copied(self, admin: Admin) -> int:
        try:
            return sum(list_offsets(admin, self.places, LATEST).values())
        except KafkaError:
            return 0


@pytest.mark.long
def test_killed_again_and_again(source: Cluster, target: Cluster) -> None:
    topic = source.create(unique(), PARTITIONS)
    fill(source, topic)
    Rounds(source, target, topic).run()
    begin, end = target.bounds(JOURNAL)
    mirror(source, target, "--topics", topic, program=TRIMMING_MIRROR)
    assert target.bounds(JOURNAL)[0] >= end > begin
    assert "0 records in this run" in mirror(source, target, "--topics", topic).stdout
    assert assert_same(source, target, topic, PARTITIONS) == PARTITIONS * PER_PARTITION


MARK = bytes(1000)  # in each value


@pytest.fixture
def way() -> Iterator[Proxy]:
    with proxy(MARK) as one:
        yield one


@pytest.fixture
def delayed(way: Proxy) -> Iterator[Cluster]:
    """A target that is reached by the proxy only."""
    config = {
        "listeners": "PLAINTEXT://127.0.0.1:0",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{way.port}",
    }
    with Broker(config=config) as broker:
        way.upstream = int(broker.bootstrap_servers.rpartition(":")[2])
        yield Cluster(f"127.0.0.1:{way.port}")


def killed_with_a_batch_under_way(
    source: Cluster, delayed: Cluster, topic: str, way: Proxy
) -> None:
    way.holding = True
    process = subprocess.Popen(
        mirror_command(source, delayed, "--topics", topic),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert way.held.wait(60)
    finally:
        process.kill()
        process.wait()
    way.holding = False
    assert delayed.bounds(topic) == (0, 0)


@pytest.mark.parametrize("comes", ["before the next mirror", "behind it"])
@pytest.mark.slow
def test_a_batch_that_arrives_after_its_sender_s_death(
    source: Cluster, delayed: Cluster, way: Proxy, comes: str
) -> None:
    topic = source.create(unique())
    source.produce(topic, [b"%04d" % i + MARK for i in range(2000)])
    killed_with_a_batch_under_way(source, delayed, topic, way)
    if comes == "before the next mirror":
        way.release()
        assert delayed.bounds(topic)[1] > 0
    mirror(source, delayed, "--topics", topic)
    if comes == "behind it":
        way.release()
    assert assert_same(source, delayed, topic) == 2000


@pytest.mark.parametrize("comes", ["before the next mirror", "behind it"])
@pytest.mark.slow
def test_a_late_batch_of_records_that_the_source_has_deleted_since(
    source: Cluster, delayed: Cluster, way: Proxy, comes: str
) -> None:
    """The next mirror cannot send the same again: what it puts there contradicts what was
    announced. One of the two is kept, whole, and the offsets of groups are of that one."""
    topic = source.create(unique())
    source.produce(topic, [b"%04d" % i + MARK for i in range(100)])
    killed_with_a_batch_under_way(source, delayed, topic, way)
    source.produce(topic, [b"new"] * 5)
    source.delete_records(topic, 101)
    source.commit(group := unique("g"), {(topic, 0): 103})
    late = 0
    if comes == "before the next mirror":
        way.release()
        late = delayed.bounds(topic)[1]
        assert late > 0
    mirror(source, delayed, "--topics", topic, "--groups", group)
    if comes == "behind it":
        way.release()
    values = [record.value for record in delayed.read(topic)]
    assert values[late:] == [b"new"] * 4
    assert len(values) == late + 4
    assert delayed.committed(group, topic)[0] == late + 2
