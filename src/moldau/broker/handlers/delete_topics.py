"""DeleteTopics, versions 1-6: decided by the controller, answered when it is on disk.

- v3: TOPIC_DELETION_DISABLED instead of INVALID_REQUEST. v5: error messages.
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
    decided = delete_topics(controller.image, controller.configs, request.version, request.body)
    controller.submit(decided, request)
