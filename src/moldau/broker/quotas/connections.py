"""How many connections there may be, and how fast new ones may come.

- max.connections, of the broker and of a listener; max.connections.per.ip and its overrides: a
  connection above them is closed at once. (Apache Kafka lets it wait instead, above the first.)
- max.connection.creation.rate, of the broker and of a listener: the next is taken later.
- connection_creation_rate of an address (KIP-612): its connection is held unread and then closed.

Waits are at most a window. Rates are only kept where there is a limit. Source: ConnectionQuotas in
SocketServer of Apache Kafka.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from moldau.broker.quotas.rates import Rate, Window
from moldau.cluster.client_quotas import CONNECTION_CREATION_RATE, IP, Quotas
from moldau.protocol.config.definition import MAX_INT
from moldau.protocol.config.layers import LISTENER_PREFIX, BrokerConfigs
from moldau.protocol.config.reconfiguration import connections_per_ip

_LOCALHOST: Final = ("127.0.0.1", "::1")
# Addresses whose rates are kept; silent ones need not be.
MAX_ADDRESSES: Final = 10_000


class Admission(NamedTuple):
    """What becomes of a connection: `refused` says why it is closed, at once or, having been held
    unread, after `wait_ms`; without that it is taken after `wait_ms`."""

    wait_ms: int = 0
    refused: str = ""


class ConnectionQuotas:
    """Counts those that are there, and judges each that comes."""

    def __init__(self, window: Window) -> None:
        self.possible = MAX_INT  # what the process can hold
        self._window = window
        self._count = 0
        self._by_listener: Counter[str] = Counter()
        self._by_address: Counter[str] = Counter()
        self._rates: dict[str | None, Rate] = {}  # by listener; None: of the broker
        self._address_rates: dict[str, Rate] = {}
        self._max_by_listener: dict[str, int] = {}
        self._rate_limits: dict[str | None, int] = {}
        self._address_limits: dict[str | None, float] = {}

    # --- what is allowed ----------------------------------------------------------------------

    def configure(self, configs: BrokerConfigs) -> None:
        values: Mapping[str, Any] = configs.values
        self._max: int = values["max.connections"]
        self._max_per_address: int = values["max.connections.per.ip"]
        overrides = connections_per_ip(values["max.connections.per.ip.overrides"])
        self._overrides = {
            address: count for name, count in overrides.items() for address in _addresses(name)
        }
        rate: int = values["max.connection.creation.rate"]
        self._max_by_listener = dict(_of_listeners(configs, "max.connections"))
        self._rate_limits = dict(_of_listeners(configs, "max.connection.creation.rate"))
        if rate < MAX_INT:
            self._rate_limits[None] = rate

    def limit(self, quotas: Quotas) -> None:
        """The rates of addresses; None is the default of all."""
        self._address_limits = {
            address: limits[CONNECTION_CREATION_RATE]
            for entity, limits in quotas.items()
            for kind, name in entity
            if kind == IP and CONNECTION_CREATION_RATE in limits
            for address in ((None,) if name is None else _addresses(name))
        }

    # --- what happens -------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._count

    @property
    def excess(self) -> int:
        """How many there are too many, because fewer are allowed now."""
        return max(self._count - self._max, 0)

    def arrived(self, listener: str, address: str, now_ms: int) -> Admission:
        """What is not refused counts from now on."""
        refused = self._why_too_many(listener, address)
        if refused:
            return Admission(refused=refused)
        wait_ms = self._wait_ms(listener, now_ms)
        held_ms = self._held_ms(address, now_ms)
        if held_ms:
            self._unrecord(listener, now_ms)
            return Admission(
                held_ms,
                f"it comes too soon after others of its address ({CONNECTION_CREATION_RATE})",
            )
        self._count += 1
        self._by_listener[listener] += 1
        self._by_address[address] += 1
        return Admission(wait_ms)

    def left(self, listener: str, address: str) -> None:
        self._count -= 1
        self._by_listener[listener] -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def clock_moved(self, by_ms: int) -> None:
        for rate in (*self._rates.values(), *self._address_rates.values()):
            rate.clock_moved(by_ms)

    def _why_too_many(self, listener: str, address: str) -> str:
        if self._count >= min(self._max, self.possible):
            return (
                f"{self._count} are open (max.connections, or half of the limit on open files, "
                "ulimit -n)"
            )
        most = self._max_by_listener.get(listener.lower(), MAX_INT)
        if self._by_listener[listener] >= most:
            return f"{most} are open (max.connections of listener {listener})"
        most = self._overrides.get(address, self._max_per_address)
        if self._by_address[address] >= most:
            return f"{most} of its address are open (max.connections.per.ip)"
        return ""

    def _wait_ms(self, listener: str, now_ms: int) -> int:
        wait = 0
        for name, limit in self._limits_of(listener):
            rate = self._rates.setdefault(name, Rate(self._window))
            rate.record(1, now_ms)
            wait = max(wait, rate.throttle_ms(limit, now_ms))
        return min(wait, self._window.ms)

    def _unrecord(self, listener: str, now_ms: int) -> None:
        for name, _ in self._limits_of(listener):
            self._rates[name].record(-1, now_ms)

    def _limits_of(self, listener: str) -> Iterator[tuple[str | None, int]]:
        for name in (None, listener.lower()) if self._rate_limits else ():
            if name in self._rate_limits:
                yield name, self._rate_limits[name]

    def _held_ms(self, address: str, now_ms: int) -> int:
        limits = self._address_limits
        limit = limits.get(address, limits.get(None))
        if limit is None:
            return 0
        rate = self._address_rates.get(address)
        if rate is None:
            self._forget_silent(now_ms)
            rate = self._address_rates[address] = Rate(self._window)
        rate.record(1, now_ms)
        held = min(rate.throttle_ms(limit, now_ms), self._window.ms)
        if held:
            rate.record(-1, now_ms)
        return held

    def _forget_silent(self, now_ms: int) -> None:
        if len(self._address_rates) >= MAX_ADDRESSES:
            self._address_rates = {
                address: rate
                for address, rate in self._address_rates.items()
                if not rate.is_silent(now_ms)
            }


def _addresses(name: str) -> tuple[str, ...]:
    """As the operating system writes them."""
    from ipaddress import ip_address

    if name == "localhost":
        return _LOCALHOST
    try:
        return (str(ip_address(name)),)
    except ValueError:
        return (name,)


def _of_listeners(configs: BrokerConfigs, name: str) -> Iterator[tuple[str, int]]:
    """What `listener.name.NAME.` sets, by the listener's name in small letters."""
    for layer in (configs.static, configs.dynamic_default, configs.dynamic_broker):
        for full, text in layer.items():
            listener, dot, base = full.removeprefix(LISTENER_PREFIX).partition(".")
            if full.startswith(LISTENER_PREFIX) and dot and base == name:
                yield listener, int(text)
