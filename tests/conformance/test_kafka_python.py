"""kafka-python's own integration tests pass on both brokers, but for what we do not serve yet."""

from __future__ import annotations

import pytest

from moldau.server.embedded import Broker
from tests.apache_kafka import ApacheKafka
from tests.apache_kafka.cluster import bound
from tests.conformance.ignored import entries
from tests.conformance.kafka_python import CONFIG, LEFT_OUT, run

pytestmark = [pytest.mark.apache, pytest.mark.slow, pytest.mark.timeout(600)]
AT_LEAST = 40  # tests that pass: fewer means that they were not found


def failed(outcomes: dict[str, str]) -> set[str]:
    assert sum(outcome == "PASSED" for outcome in outcomes.values()) >= AT_LEAST, outcomes
    return {name for name, outcome in outcomes.items() if outcome != "PASSED"}


def test_on_apache_kafka() -> None:
    config = {**CONFIG, "advertised.listeners": "PLAINTEXT://127.0.0.1:{port}"}
    with ApacheKafka(config=config, first_node=0) as kafka:
        assert failed(run(kafka.bootstrap_servers)) == set()


def test_on_moldau() -> None:
    """What fails is what differences.toml says, to the test."""
    expected = {name for entry in entries() for name in entry.kafka_python}
    with bound() as held:
        port = held.getsockname()[1]
        advertised = f"PLAINTEXT://127.0.0.1:{port}"
        config = {**CONFIG, "node.id": 0, "advertised.listeners": advertised}
        with Broker(port=port, config=config) as broker:
            found = failed(run(broker.bootstrap_servers, f"{LEFT_OUT} and not transactional"))
    assert found == expected
