"""The few client configs that administration needs, read from Kafka's names and checked.

Wording of the checks: Apache Kafka's AdminClientConfig and ClientUtils.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from moldau.client.addresses import sought
from moldau.client.errors import BadSettings, KafkaError

_CANNOT_CREATE = "Failed to create new KafkaAdminClient"
_NUMBERS = {
    "request.timeout.ms": ("INT", 31),
    "default.api.timeout.ms": ("INT", 31),
    "retries": ("INT", 31),
    "send.buffer.bytes": ("INT", 31),
    "receive.buffer.bytes": ("INT", 31),
    "retry.backoff.ms": ("LONG", 63),
    "retry.backoff.max.ms": ("LONG", 63),
    "reconnect.backoff.ms": ("LONG", 63),
    "reconnect.backoff.max.ms": ("LONG", 63),
    "connections.max.idle.ms": ("LONG", 63),
    "metadata.max.age.ms": ("LONG", 63),
}
Address = tuple[str, int]


class Settings(NamedTuple):
    """All times are milliseconds."""

    client_id: str
    request_timeout_ms: int
    api_timeout_ms: int
    retry_backoff_ms: int

    def within(self, limit_ms: int) -> int:
        """The time for a call of a tool that waits no longer than `limit_ms` itself."""
        return min(limit_ms, self.api_timeout_ms)


def read_settings(properties: Mapping[str, str]) -> Settings:
    """Raises BadSettings for a value that Kafka's client refuses by itself, KafkaError for what it
    or we cannot honour."""
    numbers = {name: _number(name, properties[name]) for name in _NUMBERS if name in properties}
    request = numbers.get("request.timeout.ms", 30_000)
    api = numbers.get("default.api.timeout.ms", 60_000)
    if api < request:
        if "default.api.timeout.ms" in numbers:
            raise KafkaError(
                _CANNOT_CREATE,
                "The specified value of default.api.timeout.ms must be no smaller than "
                f"the value of request.timeout.ms. They are {api} and {request}.",
            )
        api = request
    protocol = properties.get("security.protocol", "PLAINTEXT").upper()
    if protocol != "PLAINTEXT":
        raise KafkaError(
            _CANNOT_CREATE,
            f"security.protocol={protocol}: administration over TLS or SASL is not supported "
            "yet: use a PLAINTEXT listener.",
        )
    backoff = numbers.get("retry.backoff.ms", 100)
    return Settings(properties.get("client.id", "moldau-admin"), request, api, backoff)


def _number(name: str, text: str) -> int:
    kind, bits = _NUMBERS[name]
    try:
        value = int(text.strip())
    except ValueError:
        value = 1 << bits
    if value >> bits not in (0, -1):
        raise BadSettings(
            f"Invalid value {text} for configuration {name}: Not a number of type {kind}",
            "Give a whole number of milliseconds.",
        )
    return value


def parse_bootstrap(servers: str) -> list[Address]:
    """`host:port,[v6]:port` as addresses. Raises KafkaError as Kafka's client would."""
    addresses = [_address(server.strip()) for server in servers.split(",") if server.strip()]
    if not addresses:
        raise KafkaError(_CANNOT_CREATE, "No bootstrap server is given: say HOST:PORT.")
    return addresses


def _address(server: str) -> Address:
    host, colon, port = server.rpartition(":")
    host = host.rpartition("://")[2].strip("[]")
    if not (host and colon and port.isdigit() and 0 < int(port) < 65536):
        raise KafkaError(
            _CANNOT_CREATE,
            f"Invalid url in bootstrap.servers: {server!r}: say HOST:PORT, "
            "for instance localhost:9092.",
        )
    return host, int(port)


def find_bootstrap(servers: str) -> list[Address]:
    """The addresses whose host names are known. Raises KafkaError when none is: Kafka's client
    refuses to start then, and so do we."""
    import socket

    known = []
    addresses = parse_bootstrap(servers)
    for host, port in addresses:
        try:
            socket.getaddrinfo(sought(host), port, type=socket.SOCK_STREAM)
            known.append((host, port))
        except OSError:
            continue
    if not known:
        names = ", ".join(host for host, _ in addresses)
        raise KafkaError(
            _CANNOT_CREATE,
            f"No resolvable bootstrap urls given in bootstrap.servers: {names} is not known "
            "here; check its spelling.",
        )
    return known
