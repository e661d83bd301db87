"""One broker for each file of attacks: what one attack leaves behind, the next must not feel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from moldau import Broker
from tests.attacks.raw import Raw


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker(config={"num.partitions": 1}) as running:
        pid = running.pid
        yield running
        assert running.pid == pid
        assert "Traceback" not in running.log_text, running.log_text


@pytest.fixture
def raw(broker: Broker) -> Iterator[Raw]:
    with Raw(broker.bootstrap_servers) as connection:
        yield connection
