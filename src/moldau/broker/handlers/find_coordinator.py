"""FindCoordinator, versions 0-6: where a group's coordinator is. Here: on this broker.

- v1: the type of the key. v3: nothing that matters here. v4: several keys (KIP-699).
- The first call creates `__consumer_offsets`, and is answered at once; Apache Kafka answers
  COORDINATOR_NOT_AVAILABLE and lets the client ask again.
- Transactional ids (type 1) and share groups (type 2) are not served. The error for the first is
  the one that makes `init_transactions` fail at once, in librdkafka as in Java: other errors are
  tried again until a timeout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.find_coordinator import Coordinator, FindCoordinatorResponse

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request

GROUP = 0
TRANSACTION = 1
SHARE = 2
BATCHED = 4
# The message that Apache Kafka sends without an error, to versions 1-3.
_NO_ERROR = "NONE"
_REFUSED = {
    TRANSACTION: (
        ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        "This broker serves no transactions yet; leave transactional.id out.",
    ),
    SHARE: (
        ErrorCode.INVALID_REQUEST,
        "This broker coordinates consumer groups only (key type 0).",
    ),
}
_NO_OFFSETS = (
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    "The topic __consumer_offsets could not be created; the broker's log says why.",
)
# Kafka's words for any malformed request.
_NO_SUCH_TYPE = (
    ErrorCode.INVALID_REQUEST,
    "This most likely occurs because of a request being malformed by the client library or the"
    " message was sent to an incompatible broker. See the broker logs for more details.",
)


def handle(node: Node, request: Request) -> FindCoordinatorResponse:
    key_type = request.body.key_type
    if key_type != GROUP:
        return _refuse(request, *_REFUSED.get(key_type, _NO_SUCH_TYPE))
    if not node.ensure_offsets_topic():
        return _refuse(request, *_NO_OFFSETS)
    for key in _keys(request):
        node.groups.find(key)  # begins to load it: more will be asked of it soon
    return _found(node, request)


def _keys(request: Request) -> list[str]:
    body = request.body
    keys: list[str] = body.coordinator_keys if request.version >= BATCHED else [body.key]
    return keys


def _found(node: Node, request: Request) -> FindCoordinatorResponse:
    host, port = node.advertised(request.connection)
    node_id = node.settings.node_id
    if request.version < BATCHED:
        return FindCoordinatorResponse(
            error_message=_NO_ERROR, node_id=node_id, host=host, port=port
        )
    return FindCoordinatorResponse(
        coordinators=[
            Coordinator(key=key, node_id=node_id, host=host, port=port, error_message="")
            for key in _keys(request)
        ]
    )


def _refuse(request: Request, code: ErrorCode, message: str) -> FindCoordinatorResponse:
    if request.version < BATCHED:
        return FindCoordinatorResponse(
            error_code=code, error_message=message, node_id=-1, host="", port=-1
        )
    return FindCoordinatorResponse(
        coordinators=[
            Coordinator(
                key=key, node_id=-1, host="", port=-1, error_code=code, error_message=message
            )
            for key in _keys(request)
        ]
    )
