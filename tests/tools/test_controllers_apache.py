"""--bootstrap-controller: our tools and Apache's ask the controller of one Apache Kafka."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.apache_kafka import ApacheKafka, ToolServer
from tests.tools.beside_apache import differences

pytestmark = [pytest.mark.apache, pytest.mark.slow]
LINES = (
    "kafka-cluster cluster-id",
    "kafka-cluster list-endpoints",
    "kafka-cluster list-endpoints --include-fenced-brokers",
    "kafka-cluster unregister --id 7",
    "kafka-features describe",
    "kafka-features describe --node-id 1",
    "kafka-features describe --node-id 9 --command-config short.properties",
    "kafka-features upgrade --feature group.version=1 --dry-run",
    "kafka-features upgrade --feature nonsense=1",
    "kafka-configs --describe --entity-type brokers --entity-name 1",
    "kafka-configs --describe --entity-type brokers --entity-default",
    "kafka-configs --describe --entity-type topics",
    "kafka-configs --describe --entity-type users",
    "kafka-configs --describe --broker-logger 1",
    "kafka-configs --alter --broker 1 --add-config log.cleaner.threads=2",
    "kafka-configs --describe --broker 1",
    "kafka-configs --alter --broker 1 --delete-config log.cleaner.threads",
    # A controller takes anything; nobody behind us shall have topics that are kept for x.
    "kafka-configs --alter --broker-defaults --add-config log.retention.ms=x",
    "kafka-configs --alter --broker-defaults --delete-config log.retention.ms",
    "kafka-configs --alter --client c --add-config producer_byte_rate=5",
    "kafka-configs --describe --client c",
    "kafka-configs --alter --client c --delete-config producer_byte_rate",
    "kafka-configs --alter --topic none --add-config retention.ms=5",
    "kafka-configs --alter --group g --add-config consumer.session.timeout.ms=50000",
    "kafka-configs --alter --group g --delete-config consumer.session.timeout.ms",
)


def controller_of(kafka: ApacheKafka) -> str:
    properties = (kafka.folder / "server-1.properties").read_text()
    found = re.search(r"CONTROLLER://(127\.0\.0\.1:\d+)", properties)
    assert found is not None
    return found[1]


def test_the_controller_is_asked_as_apaches_tools_ask(
    apache_kafka: ApacheKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    (tmp_path / "short.properties").write_text("default.api.timeout.ms=2000\n")
    where = ("--bootstrap-controller", controller_of(apache_kafka))
    lines = []
    for line in LINES:
        tool, first, *rest = line.split()
        # argparse4j wants an action first, or the connection first; jopt-simple does not care.
        words = [*where, first, *rest] if tool == "kafka-features" else [first, *where, *rest]
        lines.append([tool, *words])
    with ToolServer() as java:
        found = differences(java, lines, apache_kafka.bootstrap_servers)
    assert not found, "\n".join(found)


def test_a_node_of_the_other_kind_is_refused(
    apache_kafka: ApacheKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short.properties").write_text("default.api.timeout.ms=2000\n")
    controller = ("--bootstrap-server", controller_of(apache_kafka))
    broker = ("--bootstrap-controller", apache_kafka.bootstrap_servers)
    config = ("--command-config", "short.properties")
    lines = [
        ("kafka-configs", "--describe", "--broker-defaults", *controller, *config),
        ("kafka-configs", "--describe", "--broker-defaults", *broker, *config),
        ("kafka-configs", "--alter", "--broker-defaults", *controller, *config,
         "--add-config", "log.cleaner.threads=2"),
        ("kafka-topics", "--list", *controller, *config),
        ("kafka-consumer-groups", "--list", *controller, *config),
    ]  # fmt: skip
    with ToolServer() as java:
        found = differences(java, lines, apache_kafka.bootstrap_servers)
    assert not found, "\n".join(found)
