"""A broker for the tests of this room, started once."""

import socket
from collections.abc import Iterator

import pytest

import moldau


@pytest.fixture(scope="package")
def bootstrap_servers() -> Iterator[str]:
    with moldau.Broker() as broker:
        yield broker.bootstrap_servers


@pytest.fixture
def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
