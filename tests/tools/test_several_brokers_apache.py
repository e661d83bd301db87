"""Three brokers of one Apache Kafka: our tools and Apache's are told the same of them."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.apache_kafka import ApacheKafka, ToolServer, settle, until_in_sync
from tests.tools.beside_apache import differences

pytestmark = [pytest.mark.apache, pytest.mark.slow, pytest.mark.timeout(240)]
# {1} to {3} are the brokers, {all} stands for all of them.
MADE = """
kafka-topics --bootstrap-server {1} --create --if-not-exists --topic ring --replica-assignment 1:2,2:3,3:1
kafka-topics --bootstrap-server {2} --create --if-not-exists --topic strict --replica-assignment 1:2:3 --config min.insync.replicas=3
kafka-topics --bootstrap-server {all} --create --if-not-exists --topic lone --replica-assignment 3,1 --config min.insync.replicas=1
"""  # noqa: E501
LINES = """
kafka-topics --bootstrap-server {1} --create --topic bad --replica-assignment 1:2,2
kafka-topics --bootstrap-server {1} --create --topic bad --replica-assignment 1:1,2:3
kafka-topics --bootstrap-server {1} --create --topic bad --replica-assignment 1:9
kafka-topics --bootstrap-server {1} --create --topic bad --replica-assignment 1:2:3:4
kafka-topics --bootstrap-server {1} --create --topic bad --replica-assignment 1:2 --partitions 2
kafka-topics --bootstrap-server {1} --create --topic bad --replication-factor 4 --partitions 1
kafka-topics --bootstrap-server {3} --describe --topic ring
kafka-topics --bootstrap-server {3} --describe --topic 'ring|strict'
kafka-topics --bootstrap-server {1} --describe --at-min-isr-partitions --exclude-internal
kafka-topics --bootstrap-server {1} --describe --under-min-isr-partitions
kafka-topics --bootstrap-server {1} --describe --under-replicated-partitions
kafka-topics --bootstrap-server {1} --describe --unavailable-partitions
kafka-topics --bootstrap-server {1} --alter --topic lone --partitions 3 --replica-assignment 3,1,9
kafka-topics --bootstrap-server {1} --alter --topic lone --partitions 3 --replica-assignment 3,1,1:2
kafka-topics --bootstrap-server {1} --alter --topic ring --partitions 2
kafka-topics --bootstrap-server 127.0.0.1:1,{1} --describe --topic lone
kafka-log-dirs --bootstrap-server {1} --describe --topic-list lone
kafka-log-dirs --bootstrap-server {1} --describe --broker-list 3,1,2 --topic-list ring
kafka-log-dirs --bootstrap-server {1} --describe --broker-list 1,9
kafka-log-dirs --bootstrap-server {1} --describe --broker-list 1,,2 --topic-list lone
kafka-log-dirs --bootstrap-server {1} --describe --broker-list x
kafka-cluster list-endpoints --bootstrap-server {2}
kafka-cluster cluster-id --bootstrap-server {all}
kafka-get-offsets --bootstrap-server {1} --topic-partitions 'ring:1-,lone:0'
kafka-get-offsets --bootstrap-server {3} --topic 'r.*' --partitions 0,2 --time -2
kafka-configs --bootstrap-server {3} --describe --entity-type brokers
kafka-configs --bootstrap-server {3} --describe --broker 2
kafka-configs --bootstrap-server {1} --describe --broker 9
kafka-configs --bootstrap-server {1} --alter --broker 2 --add-config num.io.threads=9
kafka-configs --bootstrap-server {3} --describe --entity-type brokers
kafka-configs --bootstrap-server {1} --alter --broker 2 --delete-config num.io.threads
"""


def test_three_brokers(
    apache_cluster: ApacheKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    servers = apache_cluster.bootstrap_servers

    def words(line: str) -> list[str]:
        for number, server in enumerate(servers.split(","), 1):
            line = line.replace(f"{{{number}}}", server)
        return shlex.split(line.replace("{all}", servers))

    with ToolServer() as java:
        for line in MADE.strip().splitlines():
            tool, *rest = words(line)
            assert java.run(tool, *rest)[0] == 0, line
        settle(servers)
        until_in_sync(servers)
        lines = [words(line) for line in LINES.strip().splitlines()]
        found = differences(java, lines, servers)
    assert not found, "\n".join(found)
