"""Two brokers of ours for the tests of this room, started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import moldau
from tests.tools.mirror.stage import Cluster


@pytest.fixture(scope="package")
def source() -> Iterator[Cluster]:
    with moldau.Broker() as broker:
        yield Cluster(broker.bootstrap_servers)


@pytest.fixture(scope="package")
def target() -> Iterator[Cluster]:
    with moldau.Broker() as broker:
        yield Cluster(broker.bootstrap_servers)
