"""UpdateFeatures, versions 0-2: decided by the controller, answered when it is on disk (KIP-584).

- v1: kinds of downgrades, and validation only (KIP-778). v2: no result for each feature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.update_features import update_features

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> None:
    controller = node.controller
    decided = update_features(
        controller.image,
        controller.configs,
        node.settings.node_id,
        request.version,
        request.body,
    )
    controller.submit(decided, request)
