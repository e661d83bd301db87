"""ListConfigResources, versions 0-1: what has configs.

- v0 was ListClientMetricsResources: only those (KIP-714). v1: all types (KIP-1142).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.image import ResourceType
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.list_config_resources import (
    ConfigResource,
    ListConfigResourcesResponse,
)

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request
    from moldau.cluster.image import ClusterImage

_TYPES = frozenset(ResourceType) - {ResourceType.UNKNOWN}


def handle(node: Node, request: Request) -> ListConfigResourcesResponse:
    if request.version == 0:
        wanted = {int(ResourceType.CLIENT_METRICS)}
    else:
        wanted = set(request.body.resource_types) or set(map(int, _TYPES))
    if wanted - _TYPES:
        return ListConfigResourcesResponse(error_code=ErrorCode.UNSUPPORTED_VERSION)
    return ListConfigResourcesResponse(
        config_resources=[
            ConfigResource(resource_name=name, resource_type=resource_type)
            for resource_type in sorted(wanted, reverse=True)
            for name in _names(node.image, resource_type)
        ]
    )


def _names(image: ClusterImage, resource_type: int) -> list[str]:
    if resource_type == ResourceType.TOPIC:
        return sorted(image.topics)
    if resource_type in (ResourceType.BROKER, ResourceType.BROKER_LOGGER):
        return [str(broker_id) for broker_id in sorted(image.brokers)]
    return sorted(name for kind, name in image.configs if kind == resource_type)
