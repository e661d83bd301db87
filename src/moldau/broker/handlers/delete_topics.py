"""DeleteTopics, versions 1-6: decided by the controller, answered when it is on disk.

- v3: TOPIC_DELETION_DISABLED instead of INVALID_REQUEST. v5: error messages, and
  what is above the quota of mutations is refused (KIP-599); before, it is only waited for.
- v6: topics by id as well as by name (KIP-516).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.delete_topics import delete_topics

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> None:
    controller = node.controller
    permits = node.permits(request, strict_since=5)
    decided = delete_topics(
        controller.image, controller.configs, request.version, request.body, permits.take
    )
    decided.response.throttle_time_ms = permits.throttle_ms
    controller.submit(decided, request)
