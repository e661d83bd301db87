"""IncrementalAlterConfigs, versions 0-1: sets, deletes, appends and subtracts (KIP-339). Decided
by the controller, answered when it is on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.alter_configs import Situation, incremental_alter_configs

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> None:
    controller = node.controller
    situation = Situation(controller.image, controller.configs, node.settings.node_id)
    controller.submit(incremental_alter_configs(situation, request.body), request)
