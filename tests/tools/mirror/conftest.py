"""Two brokers of ours for the tests of this room, started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import moldau
from tests.tools.mirror.stage import Cluster

# Records of years ago are there for as long as a test wants them, whatever its topics say.
CONFIG = {"log.initial.task.delay.ms": 86_400_000}


@pytest.fixture(scope="package")
def source() -> Iterator[Cluster]:
    with moldau.Broker(config=CONFIG) as broker:
        yield Cluster(broker.bootstrap_servers)


@pytest.fixture(scope="package")
def target() -> Iterator[Cluster]:
    with moldau.Broker(config=CONFIG) as broker:
        yield Cluster(broker.bootstrap_servers)
