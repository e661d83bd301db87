"""The cluster as a whole: its id, its nodes, and what each of them serves."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from moldau.client.admin import BROKERS, CONTROLLERS, Admin
from moldau.client.connection import Connection
from moldau.client.errors import KafkaError, Refused, Unsupported


class Node(NamedTuple):
    id: int
    host: str
    port: int
    rack: str | None
    is_fenced: bool


class Cluster(NamedTuple):
    id: str | None
    nodes: list[Node]
    controller: int


ApiVersions = dict[int, tuple[int, int]]


def describe_cluster(
    admin: Admin, *, fenced: bool = False, timeout_ms: int | None = None
) -> Cluster:
    """The cluster with its live brokers, or with `fenced` with all that are registered.

    Raises Unsupported when the broker cannot tell of fenced ones.
    """
    from moldau.protocol.messages.describe_cluster import (
        DescribeClusterRequest,
        DescribeClusterResponse,
    )

    def attempt(connection: Connection) -> Cluster:
        endpoints = CONTROLLERS if admin.of_controllers else BROKERS
        request = DescribeClusterRequest(include_fenced_brokers=fenced, endpoint_type=endpoints)
        try:
            answer = admin.ask(
                connection, request, DescribeClusterResponse, oldest=2 if fenced else 0
            )
        except Unsupported:
            if fenced or admin.of_controllers:
                raise
            return _from_metadata(admin, connection)
        if answer.error_code:
            raise Refused(answer.error_code, answer.error_message)
        nodes = [Node(b.broker_id, b.host, b.port, b.rack, b.is_fenced) for b in answer.brokers]
        return Cluster(answer.cluster_id, nodes, answer.controller_id)

    return admin.call("listNodes", admin.anyone, attempt, timeout_ms)


def _from_metadata(admin: Admin, connection: Connection) -> Cluster:
    """What a broker older than Kafka 2.8 can say."""
    answer = admin.metadata(connection, [])
    nodes = [Node(b.node_id, b.host, b.port, b.rack, False) for b in answer.brokers]
    return Cluster(answer.cluster_id, nodes, answer.controller_id)


def versions_of_each(admin: Admin) -> list[tuple[Node, ApiVersions | KafkaError]]:
    """What every live broker serves, by API key, or why it does not say."""
    cluster = admin.call("listNodes", admin.anyone, partial(_from_metadata, admin))
    return [(node, _versions(admin, node)) for node in cluster.nodes]


def _versions(admin: Admin, node: Node) -> ApiVersions | KafkaError:
    try:
        return admin.broker(node.id).versions
    except KafkaError as error:
        return error


def unregister_broker(admin: Admin, broker: int) -> None:
    """Forgets a broker that is gone. Raises Refused, Unsupported."""
    from moldau.protocol.messages.unregister_broker import (
        UnregisterBrokerRequest,
        UnregisterBrokerResponse,
    )

    def attempt(connection: Connection) -> None:
        request = UnregisterBrokerRequest(broker_id=broker)
        answer = admin.ask(connection, request, UnregisterBrokerResponse)
        if answer.error_code:
            raise Refused(answer.error_code, answer.error_message)

    admin.call("unregisterBroker", admin.anyone, attempt)
