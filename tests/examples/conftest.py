"""A broker for the examples, started once."""

from collections.abc import Iterator

import pytest

import moldau


@pytest.fixture(scope="package")
def bootstrap_servers() -> Iterator[str]:
    with moldau.Broker() as broker:
        yield broker.bootstrap_servers
