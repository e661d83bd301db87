"""CreatePartitions, versions 0-3: decided by the controller, answered when it is on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.create_partitions import create_partitions

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> None:
    controller = node.controller
    controller.submit(create_partitions(controller.image, node.rng, request.body), request)
