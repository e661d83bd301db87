"""FindCoordinator, versions 0-6: where a group's coordinator is. Here: on this broker.

- v1: the type of the key. v3: nothing that matters here. v4: several keys (KIP-699).
- The first call creates `__consumer_offsets`, and is answered when it is there; Apache Kafka
  answers COORDINATOR_NOT_AVAILABLE and lets the client ask again.
- Transactional ids (type 1) and share groups (type 2) are not served. The error for the first is
  the one that makes `init_transactions` fail at once, in librdkafka as in Java: other errors are
  tried again until a timeout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.create_topics import auto_topics, create_topics
from moldau.cluster.decided import Decided
from moldau.cluster.topic_names import CONSUMER_OFFSETS
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.find_coordinator import Coordinator, FindCoordinatorResponse

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request

GROUP = 0
TRANSACTION = 1
BATCHED = 4
# The message that Apache Kafka sends without an error, to versions 1-3.
_NO_ERROR = "NONE"
_REFUSED = {
    TRANSACTION: (
        ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        "This broker serves no transactions yet; leave transactional.id out.",
    ),
}
_NO_SUCH_TYPE = (
    ErrorCode.INVALID_REQUEST,
    "This broker coordinates consumer groups only (key type 0).",
)


def handle(node: Node, request: Request) -> FindCoordinatorResponse | None:
    body = request.body
    if body.key_type != GROUP:
        return _refuse(request, *_REFUSED.get(body.key_type, _NO_SUCH_TYPE))
    if CONSUMER_OFFSETS not in node.image.topics:
        _create_and_answer(node, request)
        return None
    return _found(node, request)


def _create_and_answer(node: Node, request: Request) -> None:
    controller = node.controller
    body = auto_topics(controller.configs, [CONSUMER_OFFSETS])
    decided = create_topics(controller.image, controller.configs, node.rng, body)

    def refuse(code: ErrorCode, message: str) -> FindCoordinatorResponse:
        node.log(f"{CONSUMER_OFFSETS} could not be created, so no group works: {message}")
        return _refuse(request, ErrorCode.COORDINATOR_NOT_AVAILABLE, message)

    topic = decided.response.topics[0]
    if topic.error_code:
        node.respond(request, refuse(topic.error_code, topic.error_message or ""))
        return
    controller.submit(Decided(decided.records, _found(node, request), refuse), request)


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
            for key in request.body.coordinator_keys
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
            for key in request.body.coordinator_keys
        ]
    )
