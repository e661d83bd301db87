"""CreateTopics, versions 2-7: decided by the controller, answered when it is on disk.

- v4: -1 partitions and replicas stand for the broker's defaults (KIP-464; taken in all versions).
- v5: the answer tells partitions, replicas and configs of the new topic (KIP-525).
- v6: what is above the quota of mutations is refused (KIP-599); before, it is only waited for.
- v7: the answer tells the topic id (KIP-516).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.create_topics import create_topics

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> None:
    controller = node.controller
    permits = node.permits(request, strict_since=6)
    decided = create_topics(
        controller.image, controller.configs, node.rng, request.body, permits.take
    )
    decided.response.throttle_time_ms = permits.throttle_ms
    controller.submit(decided, request)
