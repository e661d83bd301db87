"""DescribeCluster, versions 0-2: the brokers, and who is asked to change the cluster.

- v1: the client says whether it wants brokers or controllers (KIP-919); controllers have no
  listener of their own here.
- v2: fenced brokers on demand (KIP-1073).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.view import ALL_CLUSTER_OPERATIONS
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.describe_cluster import (
    DescribeClusterBroker,
    DescribeClusterResponse,
)

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request

_BROKERS, _CONTROLLERS = 1, 2


def handle(node: Node, request: Request) -> DescribeClusterResponse:
    body = request.body
    if body.endpoint_type != _BROKERS:
        return _no_such_endpoint(body.endpoint_type)
    response = DescribeClusterResponse(
        cluster_id=node.cluster_id,
        controller_id=node.settings.node_id,
        brokers=[
            DescribeClusterBroker(
                broker_id=broker.id,
                host=broker.host,
                port=broker.port,
                rack=broker.rack,
                is_fenced=broker.fenced,
            )
            for broker in node.view(request.connection).brokers(fenced=body.include_fenced_brokers)
        ],
    )
    if body.include_cluster_authorized_operations:
        response.cluster_authorized_operations = ALL_CLUSTER_OPERATIONS
    return response


def _no_such_endpoint(endpoint_type: int) -> DescribeClusterResponse:
    if endpoint_type == _CONTROLLERS:
        return DescribeClusterResponse(
            error_code=ErrorCode.MISMATCHED_ENDPOINT_TYPE,
            error_message="The request was sent to an endpoint of type BROKER, but we wanted an "
            "endpoint of type CONTROLLER",
        )
    return DescribeClusterResponse(
        error_code=ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
        error_message=f"Unsupported endpoint type {endpoint_type}",
    )
