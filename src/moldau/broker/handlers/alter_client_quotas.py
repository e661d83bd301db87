"""AlterClientQuotas, versions 0-1: decided by the controller, answered when it is on disk, and in
effect from then on (KIP-546; quotas of addresses: KIP-612)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.alter_client_quotas import alter_client_quotas

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> None:
    controller = node.controller
    controller.submit(alter_client_quotas(controller.image, request.body), request)
