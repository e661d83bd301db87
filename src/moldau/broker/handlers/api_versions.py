"""ApiVersions, versions 0-4: what this broker serves.

- A version that we do not know is answered in version 0 with UNSUPPORTED_VERSION and the ranges,
  so that the client can ask again (KIP-511); its header is always version 0.
- v3: client software name and version, checked as Kafka checks them; finalised features.
- v4: features whose lowest version is 0 may be listed (KAFKA-17011).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.broker.served import ADVERTISED_FROM, SERVED
from moldau.cluster.boot import FEATURES
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.api_versions import (
    ApiVersion,
    ApiVersionsResponse,
    FinalizedFeatureKey,
    SupportedFeatureKey,
)

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")


def handle(node: Node, request: Request) -> ApiVersionsResponse:
    if request.version < 0:
        api_versions = [v for v in _ranges() if v.api_key == request.api_key]
        return ApiVersionsResponse(error_code=ErrorCode.UNSUPPORTED_VERSION, api_keys=api_versions)
    if request.version >= 3:
        body = request.body
        if not (
            _is_software(body.client_software_name) and _is_software(body.client_software_version)
        ):
            return ApiVersionsResponse(error_code=ErrorCode.INVALID_REQUEST)
        request.connection.software = (body.client_software_name, body.client_software_version)
    return ApiVersionsResponse(
        api_keys=_ranges(),
        supported_features=[
            SupportedFeatureKey(name=name, min_version=low, max_version=high)
            for name, (low, high) in FEATURES.items()
            if low > 0 or request.version >= 4
        ],
        finalized_features=[
            FinalizedFeatureKey(name=name, max_version_level=level, min_version_level=level)
            for name, level in node.image.features.items()
            if name in FEATURES and level > 0
        ],
        finalized_features_epoch=node.controller.end_offset - 1,
    )


def _ranges() -> list[ApiVersion]:
    return [
        ApiVersion(api_key=key, min_version=ADVERTISED_FROM.get(key, low), max_version=high)
        for key, (_, low, high) in SERVED.items()
    ]


def _is_software(text: str) -> bool:
    """Letters, digits, dashes and dots, not at the ends (Kafka: ApiVersionsRequest.isValid)."""
    return bool(text) and _NAME.issuperset(text) and text[0] not in "-." and text[-1] not in "-."
