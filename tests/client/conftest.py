"""A broker for the tests of this room, started once."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

import moldau


@pytest.fixture(scope="package")
def broker() -> Iterator[str]:
    with moldau.Broker(config={"num.partitions": 2}) as running:
        yield running.bootstrap_servers


@pytest.fixture
def unused_address() -> str:
    """Where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
