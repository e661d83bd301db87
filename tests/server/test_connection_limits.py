"""Limits of connections that change while the broker runs, seen from real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from moldau.client.connection import Connection
from moldau.client.errors import KafkaError
from moldau.protocol.messages import alter_client_quotas as quotas
from moldau.protocol.messages import incremental_alter_configs as alter
from moldau.protocol.messages.metadata import MetadataRequest, MetadataResponse
from moldau.server.embedded import Broker

BROKER = 4


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture
def admin(broker: Broker) -> Iterator[Connection]:
    connection = connect(broker)
    yield connection
    connection.close()


def connect(broker: Broker) -> Connection:
    host, _, port = broker.bootstrap_servers.rpartition(":")
    return Connection(host, int(port), "visitor", 30)


def is_served(connection: Connection) -> bool:
    try:
        connection.ask(MetadataRequest(topics=[]), MetadataResponse)
    except KafkaError:
        return False
    return True


def is_let_in(broker: Broker) -> bool:
    try:
        connection = connect(broker)
    except KafkaError:
        return False
    try:
        return is_served(connection)
    finally:
        connection.close()


def set_config(admin: Connection, name: str, value: str | None) -> None:
    config = alter.AlterableConfig(name=name, value=value, config_operation=value is None)
    resource = alter.AlterConfigsResource(resource_type=BROKER, resource_name="", configs=[config])
    request = alter.IncrementalAlterConfigsRequest(resources=[resource])
    (outcome,) = admin.ask(request, alter.IncrementalAlterConfigsResponse).responses
    assert not outcome.error_code, outcome


def set_rate(admin: Connection, rate: float | None) -> None:
    entity = [quotas.EntityData(entity_type="ip", entity_name=None)]
    op = quotas.OpData(key="connection_creation_rate", value=rate or 0.0, remove=rate is None)
    request = quotas.AlterClientQuotasRequest(entries=[quotas.EntryData(entity=entity, ops=[op])])
    (outcome,) = admin.ask(request, quotas.AlterClientQuotasResponse).entries
    assert not outcome.error_code, outcome


def test_fewer_connections_are_allowed_and_then_more(broker: Broker, admin: Connection) -> None:
    guests = [connect(broker) for _ in range(5)]
    assert all(map(is_served, guests))
    set_config(admin, "max.connections", "3")
    assert sum(map(is_served, guests)) == 2  # who asks for it stays
    assert not is_let_in(broker)
    set_config(admin, "max.connections", None)
    assert is_let_in(broker)
    for guest in guests:
        guest.close()


def test_address_may_have_fewer(broker: Broker, admin: Connection) -> None:
    set_config(admin, "max.connections.per.ip", "1")
    assert not is_let_in(broker)
    set_config(admin, "max.connections.per.ip.overrides", "127.0.0.1:100,::1:100")
    assert is_let_in(broker)
    set_config(admin, "max.connections.per.ip", None)
    set_config(admin, "max.connections.per.ip.overrides", None)


@pytest.mark.slow
def test_connections_above_the_rate_are_taken_later(broker: Broker, admin: Connection) -> None:
    set_config(admin, "max.connection.creation.rate", "1")
    began = time.monotonic()
    guests = [connect(broker) for _ in range(12)]
    assert all(map(is_served, guests))
    assert time.monotonic() - began > 0.9  # ten come at once
    set_config(admin, "max.connection.creation.rate", None)
    for guest in guests:
        guest.close()


@pytest.mark.slow
def test_address_above_its_rate_is_held_and_sent_away(broker: Broker, admin: Connection) -> None:
    set_rate(admin, 1)
    guests = [connect(broker) for _ in range(10)]
    assert all(map(is_served, guests))
    began = time.monotonic()
    host, _, port = broker.bootstrap_servers.rpartition(":")
    with socket.create_connection((host, int(port)), 10) as late:
        assert late.recv(1) == b""
    assert time.monotonic() - began > 0.5
    assert is_served(admin)
    set_rate(admin, None)
    assert is_let_in(broker)
    for guest in guests:
        guest.close()
