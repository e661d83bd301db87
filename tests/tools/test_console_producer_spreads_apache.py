"""Records without a key, piped into Apache's console producer and into ours: which partitions they
go to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from moldau.streams.running.changelogs import end_of
from tests.apache_kafka import ApacheKafka, run_tool
from tests.tools.beside_apache import by_us

pytestmark = [pytest.mark.apache, pytest.mark.slow, pytest.mark.timeout(300)]

PARTITIONS = 4
FEW, MANY = 5, 100_000
TOOL = "kafka-console-producer"


def theirs(words: list[str], lines: str) -> int:
    return run_tool(TOOL, *words, stdin=lines).returncode


def ours(words: list[str], lines: str) -> int:
    return by_us([TOOL, *words], lines).code


@pytest.mark.parametrize("produce", [theirs, ours])
def test_a_batch_goes_to_one_partition_and_many_to_all(
    apache_kafka: ApacheKafka, produce: Callable[[list[str], str], int]
) -> None:
    servers = apache_kafka.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": servers})
    used = {}
    for count in (FEW, MANY):
        topic = f"spread-{produce.__name__}-{count}"
        admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(30)
        lines = "".join(f"record {number}\n" for number in range(count))
        assert produce(["--bootstrap-server", servers, "--topic", topic], lines) == 0
        ends = [end_of(admin, TopicPartition(topic, one)) for one in range(PARTITIONS)]
        print(topic, ends)
        assert sum(ends) == count
        used[count] = sum(map(bool, ends))
    assert used == {FEW: 1, MANY: PARTITIONS}
