"""moldau's subcommands on an Apache Kafka: what they can do there as here."""

from __future__ import annotations

import json

import pytest

from tests.apache_kafka import ApacheKafka, settle
from tests.tools.conftest import Moldau

pytestmark = [pytest.mark.apache, pytest.mark.slow]
T0 = 1_700_000_000_000


@pytest.fixture(scope="module")
def bootstrap_servers(apache_kafka: ApacheKafka) -> str:
    return apache_kafka.bootstrap_servers


@pytest.fixture
def moldau(moldau_here: Moldau) -> Moldau:
    return moldau_here


@pytest.fixture
def topic(topic: str, bootstrap_servers: str) -> str:
    """One that the broker knows of, too, when the next command asks, which is at once."""
    settle(bootstrap_servers)
    return topic


def rows(moldau: Moldau, *words: str) -> list[dict[str, object]]:
    ran = moldau(*words, "--json")
    assert ran.returncode == 0, ran.stderr
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    return found[0] if len(found) == 1 and isinstance(found[0], list) else found


def test_records_and_groups(moldau: Moldau, topic: str) -> None:
    lines = "".join(
        json.dumps({"key": "k", "value": str(i), "timestamp": T0 + 1000 * i}) + "\n"
        for i in range(10)
    )
    assert (
        moldau("produce", topic, "-p", "0", "-i", "json", "-z", "lz4", stdin=lines).returncode == 0
    )
    late = rows(moldau, "consume", topic, "-o", "@1700000007000")
    assert [row["value"] for row in late] == ["7", "8", "9"]
    group = f"g-{topic}"
    assert len(moldau("consume", topic, "-g", group, "-n", "4").stdout.split()) == 4
    (described,) = rows(moldau, "groups", "describe", group)
    assert (described["state"], described["lag"]) == ("Empty", 6)
    (plan,) = rows(moldau, "groups", "reset", group, "-t", topic, "--to", "-1", "--execute")
    assert [row["new"] for row in plan["offsets"]] == [9, 0]  # type: ignore[attr-defined]
    assert moldau("groups", "delete-offsets", group, "-t", f"{topic}:1").returncode == 0
    assert moldau("groups", "delete", group).returncode == 0


def test_topics_and_their_health(moldau: Moldau, topic: str, bootstrap_servers: str) -> None:
    assert moldau("topics", "grow", topic, "3").returncode == 0
    settle(bootstrap_servers)
    assert moldau("topics", "health", topic).returncode == 0
    assert moldau("configs", "set", "topic", topic, "min.insync.replicas=2").returncode == 0
    settle(bootstrap_servers)
    assert moldau("topics", "health", topic).returncode == 1
    (described,) = rows(moldau, "topics", "describe", topic, "--offsets")
    assert described["configs"]["min.insync.replicas"] == "2"  # type: ignore[index]
    assert moldau("topics", "delete", f"{topic}*", "--yes").stdout == f"Deleted {topic}.\n"


def test_perf_in_transactions(moldau: Moldau, topic: str) -> None:
    sent = moldau("perf", "produce", topic, "-n", "500", "--transaction", "200", "--json")
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout)["records"] == 500
    assert json.loads(moldau("perf", "consume", topic, "--json").stdout)["records"] == 500
