"""IncrementalAlterConfigs, versions 0-1: sets, deletes, appends and subtracts (KIP-339). Decided
by the controller, answered when it is on disk; the levels of loggers (KIP-412) change at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.alter_configs import Operation, Situation, incremental_alter_configs
from moldau.cluster.image import ResourceType

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request
    from moldau.protocol.messages.incremental_alter_configs import (
        IncrementalAlterConfigsRequest,
        IncrementalAlterConfigsResponse,
    )


def handle(node: Node, request: Request) -> None:
    controller = node.controller
    situation = Situation(
        controller.image, controller.configs, node.settings.node_id, node.loggers.keys()
    )
    decided = incremental_alter_configs(situation, request.body)
    if not request.body.validate_only:
        _set_levels(node, request.body, decided.response)
    controller.submit(decided, request)


def _set_levels(
    node: Node, body: IncrementalAlterConfigsRequest, response: IncrementalAlterConfigsResponse
) -> None:
    for resource, outcome in zip(body.resources, response.responses, strict=True):
        if resource.resource_type == ResourceType.BROKER_LOGGER and not outcome.error_code:
            for config in resource.configs:
                is_set = config.config_operation == Operation.SET
                node.loggers.set(config.name, config.value if is_set else None)
            node.measure_if_wanted()
