"""CreatePartitions, versions 0-3: decided by the controller, answered when it is on disk.

- v3: what is above the quota of mutations is refused (KIP-599); before, it is only waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.create_partitions import create_partitions

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> None:
    controller = node.controller
    permits = node.permits(request, strict_since=3)
    decided = create_partitions(controller.image, node.rng, request.body, permits.take)
    decided.response.throttle_time_ms = permits.throttle_ms
    controller.submit(decided, request)
