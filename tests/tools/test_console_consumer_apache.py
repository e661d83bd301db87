"""kafka-console-consumer on Apache Kafka: what is left behind it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.apache_kafka import ApacheKafka, settle

pytestmark = [pytest.mark.apache, pytest.mark.slow]
TOOL = Path(sys.executable).with_name("kafka-console-consumer")
ROUNDS = 8  # it was made anew in 11 of 25
FETCH_WAIT_S = 0.5


def test_a_topic_that_is_deleted_behind_it_stays_deleted(apache_kafka: ApacheKafka) -> None:
    servers = apache_kafka.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": servers})
    topics = [f"deleted-behind-{number}" for number in range(ROUNDS)]
    for topic in topics:
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
        producer = Producer({"bootstrap.servers": servers})
        producer.produce(topic, b"shown")
        assert producer.flush(30) == 0
        assert consumed(servers, topic, "--max-messages", "1") == "shown\n"
        admin.delete_topics([topic])[topic].result(30)
    settle(servers)
    time.sleep(2 * FETCH_WAIT_S)
    assert not set(topics) & set(admin.list_topics(timeout=30).topics)


def test_a_topic_that_is_not_there_is_made_and_waited_for(apache_kafka: ApacheKafka) -> None:
    servers = apache_kafka.bootstrap_servers
    process = subprocess.Popen(
        [*command(servers, "made-for-it"), "--max-messages", "1"], stdout=subprocess.PIPE, text=True
    )
    admin = AdminClient({"bootstrap.servers": servers})
    deadline = time.monotonic() + 30
    while "made-for-it" not in admin.list_topics(timeout=30).topics:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    producer = Producer({"bootstrap.servers": servers})
    producer.produce("made-for-it", b"shown")
    assert producer.flush(30) == 0
    assert process.communicate(timeout=30)[0] == "shown\n"
    assert consumed(servers, "not-made", "--timeout-ms", "2000", *NOT_MADE) == ""
    assert "not-made" not in admin.list_topics(timeout=30).topics


NOT_MADE = ("--command-property", "allow.auto.create.topics=false")


def command(servers: str, topic: str) -> list[str]:
    return [str(TOOL), "--bootstrap-server", servers, "--topic", topic, "--from-beginning"]


def consumed(servers: str, topic: str, *options: str) -> str:
    return subprocess.run(
        [*command(servers, topic), *options], stdout=subprocess.PIPE, text=True, timeout=60
    ).stdout
