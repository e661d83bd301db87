"""A call that may take no time at all fails in Apache's tools before anything is asked: ours name
the same call, and do nothing either."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.apache_kafka import ApacheKafka, ToolServer
from tests.tools.beside_apache import differences

pytestmark = [pytest.mark.apache, pytest.mark.slow, pytest.mark.timeout(240)]
BY_SETTINGS = """
kafka-topics --list
kafka-topics --describe --topic x
kafka-topics --describe --topic-id AAAAAAAAAAAAAAAAAAAAAg
kafka-topics --describe --under-min-isr-partitions
kafka-topics --create --topic x
kafka-topics --create --topic x --if-not-exists
kafka-topics --alter --topic x --partitions 3
kafka-topics --delete --topic x
kafka-configs --describe --entity-type topics
kafka-configs --describe --topic x
kafka-configs --describe --topic x --all
kafka-configs --describe --entity-type brokers
kafka-configs --describe --broker 1
kafka-configs --describe --broker-defaults --all
kafka-configs --describe --broker-logger 1
kafka-configs --describe --entity-type users
kafka-configs --describe --user x
kafka-configs --describe --client x
kafka-configs --describe --ip 127.0.0.1
kafka-configs --describe --entity-type groups
kafka-configs --describe --group x
kafka-configs --describe --entity-type client-metrics
kafka-configs --describe --client-metrics x
kafka-configs --alter --broker-logger 1 --add-config kafka=INFO
kafka-configs --alter --client x --add-config producer_byte_rate=5
kafka-configs --alter --user x --add-config SCRAM-SHA-256=[password=x]
kafka-get-offsets --topic x
kafka-get-offsets --topic-partitions x:0
kafka-log-dirs --describe
kafka-log-dirs --describe --broker-list 1
kafka-cluster cluster-id --config none.properties
kafka-cluster list-endpoints --config none.properties
kafka-cluster unregister --id 7 --config none.properties
kafka-groups --list
kafka-delete-records --offset-json-file plan.json
kafka-broker-api-versions
"""
BY_OPTION = """
kafka-consumer-groups --list
kafka-consumer-groups --list --state
kafka-consumer-groups --describe --group x
kafka-consumer-groups --describe --all-groups
kafka-consumer-groups --describe --group x --members
kafka-consumer-groups --delete --group x
kafka-consumer-groups --delete --all-groups
kafka-consumer-groups --delete-offsets --group x --topic x
kafka-consumer-groups --delete-offsets --group x --topic x --topic y
kafka-consumer-groups --delete-offsets --group x --topic x:1
kafka-consumer-groups --reset-offsets --group x --topic x --to-earliest --dry-run
"""
# When Apache's thread has chosen a broker for the call before it looks at the clock.
RARE = {"waiting to send the call": "waiting for a node assignment"}
# argparse4j wants the connection first.
FEATURES = ("describe", "describe --node-id 1", "upgrade --feature group.version=1 --dry-run")


def test_no_time_at_all(
    apache_kafka: ApacheKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    none = Path("none.properties")
    none.write_text("default.api.timeout.ms=0\nrequest.timeout.ms=0\n")
    Path("plan.json").write_text('{"partitions":[{"topic":"x","partition":0,"offset":0}]}')
    where = f"--bootstrap-server {apache_kafka.bootstrap_servers}"
    config = f"--command-config {none}"
    lines = [
        f"{line} {where}" if str(none) in line else f"{line} {where} {config}"
        for line in BY_SETTINGS.strip().splitlines()
    ]
    lines += [f"{line} {where} --timeout 0" for line in BY_OPTION.strip().splitlines()]
    lines += [f"kafka-features {where} {config} {line}" for line in FEATURES]
    with ToolServer() as java:
        found = differences(java, map(shlex.split, lines), apache_kafka.bootstrap_servers, RARE)
    assert not found, "\n".join(found)
