"""AlterConfigs, versions 0-2: replaces all that was set on a resource; the older of the two ways
(KIP-133). Decided by the controller, answered when it is on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.alter_configs import Situation, alter_configs

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> None:
    controller = node.controller
    situation = Situation(controller.image, controller.configs, node.settings.node_id)
    controller.submit(alter_configs(situation, request.body), request)
