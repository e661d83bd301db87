"""Asks a cluster: finds the broker that can answer, tries again what may pass, until a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from moldau.client.connection import Connection
from moldau.client.errors import KafkaError, Refused, TimedOut, Unreachable, Unsupported, WrongPeer
from moldau.client.settings import Address, find_bootstrap, read_settings
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.find_coordinator import (
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from moldau.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
)
from moldau.protocol.schema import Message

M = TypeVar("M", bound=Message)
R = TypeVar("R")
BROKERS, CONTROLLERS = 1, 2  # the types of endpoints
MAY_PASS = frozenset(
    {
        ErrorCode.LEADER_NOT_AVAILABLE,
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.REQUEST_TIMED_OUT,
        ErrorCode.REPLICA_NOT_AVAILABLE,
        ErrorCode.NETWORK_EXCEPTION,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.NOT_CONTROLLER,
        ErrorCode.FENCED_LEADER_EPOCH,
        ErrorCode.UNKNOWN_LEADER_EPOCH,
        ErrorCode.OFFSET_NOT_AVAILABLE,
        ErrorCode.UNSTABLE_OFFSET_COMMIT,
    }
)


class BrokerAddress(NamedTuple):
    id: int
    host: str
    port: int


class Admin:
    """A client for administration. Connections open on first use; `close` closes them.

    `notice` is told once, in one line, when the cluster cannot be reached and we go on trying;
    without `waits` that is an error at once. With `controllers` the bootstrap servers are
    controllers (KIP-919), and the active one is asked everything.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        properties: Mapping[str, str] | None = None,
        notice: Callable[[str], None] | None = None,
        *,
        waits: bool = True,
        controllers: bool = False,
    ) -> None:
        """Raises BadSettings and KafkaError for what can be seen without connecting."""
        self._waits = waits
        self.of_controllers = controllers
        self.settings = read_settings(properties or {})
        self._bootstrap = find_bootstrap(bootstrap_servers)
        self._notice = notice
        self._connections: dict[Address, Connection] = {}
        self._brokers: dict[int, BrokerAddress] = {}
        self._controller = -1
        self._deadline = 0.0

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def __enter__(self) -> Admin:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what callers use

    def call(
        self,
        name: str,
        find: Callable[[], Connection],
        attempt: Callable[[Connection], R],
        timeout_ms: int | None = None,
    ) -> R:
        """`attempt(find())`, again and again while it may pass, until the deadline.

        Raises TimedOut at the deadline; all other errors of `attempt` at once.
        """
        limit_ms = self.settings.api_timeout_ms if timeout_ms is None else timeout_ms
        self._deadline = time.monotonic() + limit_ms / 1000
        attempts = 0
        while True:
            try:
                connection = find()
                if self._remaining_s() <= 0:
                    raise Unreachable("The time was over before a broker could be asked.")
                return attempt(connection)
            except WrongPeer as error:
                if not self._waits:
                    raise
                raise self._timed_out(name, 0, error) from None
            except Unreachable as error:
                self._forget()
                if not self._waits:
                    raise
                last: KafkaError = error
            except Refused as error:
                if error.code not in MAY_PASS:
                    raise
                attempts += 1
                self._controller = -1
                last = error
            if self._remaining_s() <= 0:
                raise self._timed_out(name, attempts, last)
            self._tell(last)
            backoff_s = self.settings.retry_backoff_ms / 1000
            time.sleep(max(0.0, min(backoff_s, self._remaining_s())))

    def ask(
        self,
        connection: Connection,
        request: Message,
        answer: type[M],
        newest: int = 99,
        oldest: int = 0,
    ) -> M:
        """One exchange, within the request's timeout and the deadline of the call, in a version
        from `oldest` to `newest`."""
        timeout_s = max(0.01, min(self.settings.request_timeout_ms / 1000, self._remaining_s()))
        return connection.ask(request, answer, newest=newest, oldest=oldest, timeout_s=timeout_s)

    def anyone(self) -> Connection:
        """A connection to any broker, or to the active controller."""
        return self.controller() if self.of_controllers else self._open_one()

    def _open_one(self) -> Connection:
        """The first connection that is open, or to the first bootstrap server that answers. Raises
        Unsupported when that is a controller and a broker is wanted."""
        if self._connections:
            return next(iter(self._connections.values()))
        errors: list[KafkaError] = []
        for address in self._bootstrap:
            try:
                connection = self._connect(address)
            except (Unreachable, WrongPeer) as error:
                errors.append(error)
                continue
            if not self.of_controllers and MetadataRequest.api_key not in connection.versions:
                raise Unsupported(
                    "The node does not support METADATA",
                    f"{connection.address} is a controller and no broker: name it with "
                    "--bootstrap-controller, or name a broker.",
                )
            return connection
        passing = [error for error in errors if isinstance(error, Unreachable)]
        raise (passing or errors)[0]

    def controller(self) -> Connection:
        if self._controller not in self._brokers:
            self._learn_nodes()
        if self._controller not in self._brokers:
            raise Refused(ErrorCode.NOT_CONTROLLER, "No controller is known.")
        return self.broker(self._controller)

    def broker(self, node_id: int) -> Connection:
        if node_id not in self._brokers:
            self._learn_nodes()
        if node_id not in self._brokers:
            raise Unreachable(
                f"There is no broker {node_id}, or not now.",
                f"There are {', '.join(map(str, sorted(self._brokers)))}.",
            )
        _, host, port = self._brokers[node_id]
        try:
            return self._connect((host, port))
        except Unreachable as error:
            if (host, port) in self._bootstrap:
                raise
            raise Unreachable(
                error.message,
                f"Broker {node_id} advertises this address: set its advertised.listeners to "
                "one that can be reached from here.",
            ) from None

    def coordinator_of(self, group: str) -> BrokerAddress:
        """Where the group's coordinator is. Asks anew each time. Raises Refused."""
        request = FindCoordinatorRequest(key=group, key_type=0, coordinator_keys=[group])
        found = self.ask(self.anyone(), request, FindCoordinatorResponse)
        place = found.coordinators[0] if found.coordinators else found
        if place.error_code:
            raise Refused(place.error_code, place.error_message)
        address = BrokerAddress(place.node_id, place.host, place.port)
        self._brokers[address.id] = address
        return address

    def coordinator(self, group: str) -> Connection:
        return self.broker(self.coordinator_of(group).id)

    def brokers(self, name: str, timeout_ms: int | None = None) -> list[BrokerAddress]:
        """All brokers of the cluster, by id."""
        self.call(name, self.anyone, lambda c: self.metadata(c, []), timeout_ms)
        return [self._brokers[node_id] for node_id in sorted(self._brokers)]

    def metadata(self, connection: Connection, topics: list[str] | None) -> MetadataResponse:
        """Metadata of these topics (None: all), never creating one; remembers the brokers."""
        wanted = None if topics is None else [MetadataRequestTopic(name=name) for name in topics]
        request = MetadataRequest(topics=wanted, allow_auto_topic_creation=False)
        response = self.ask(connection, request, MetadataResponse)
        self.remember(response)
        return response

    def remember(self, response: MetadataResponse) -> None:
        self._brokers = {
            b.node_id: BrokerAddress(b.node_id, b.host, b.port) for b in response.brokers
        }
        self._controller = response.controller_id

    # --- inside

    def _learn_nodes(self) -> None:
        if not self.of_controllers:
            self.metadata(self._open_one(), [])
            return
        from moldau.protocol.messages.describe_cluster import (
            DescribeClusterRequest,
            DescribeClusterResponse,
        )

        request = DescribeClusterRequest(endpoint_type=CONTROLLERS)
        answer = self.ask(self._open_one(), request, DescribeClusterResponse, oldest=1)
        if answer.error_code:
            raise Refused(answer.error_code, answer.error_message)
        self._brokers = {
            b.broker_id: BrokerAddress(b.broker_id, b.host, b.port) for b in answer.brokers
        }
        self._controller = answer.controller_id

    def _connect(self, address: Address) -> Connection:
        if address not in self._connections:
            timeout_s = max(0.01, min(10.0, self._remaining_s()))
            self._connections[address] = Connection(*address, self.settings.client_id, timeout_s)
        return self._connections[address]

    def _forget(self) -> None:
        self.close()
        self._brokers.clear()
        self._controller = -1

    def _remaining_s(self) -> float:
        return self._deadline - time.monotonic()

    def _tell(self, error: KafkaError) -> None:
        if self._notice is not None and isinstance(error, Unreachable):
            self._notice(f"{error} Trying for {max(1, round(self._remaining_s()))} s.")
            self._notice = None

    def _timed_out(self, name: str, attempts: int, cause: KafkaError) -> TimedOut:
        if attempts:
            now = time.time_ns() // 1_000_000
            deadline = now + round(1000 * self._remaining_s())
            text = (
                f"Call(callName={name}, deadlineMs={deadline}, tries={attempts}, "
                f"nextAllowedTryMs={now + self.settings.retry_backoff_ms}) "
                f"timed out at {now} after {attempts} attempt(s)"
            )
        else:
            text = f"Timed out waiting for a node assignment. Call: {name}"
        return TimedOut(text, cause)
