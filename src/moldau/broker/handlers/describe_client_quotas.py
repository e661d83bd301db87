"""DescribeClientQuotas, versions 0-1: the quotas of users, client ids and addresses (KIP-546)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.client_quotas import matching
from moldau.cluster.decided import Refused
from moldau.protocol.messages.describe_client_quotas import (
    DescribeClientQuotasResponse,
    EntityData,
    EntryData,
    ValueData,
)

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request
    from moldau.cluster.client_quotas import Entity, Quotas


def handle(node: Node, request: Request) -> DescribeClientQuotasResponse:
    quotas = node.image.client_quotas
    try:
        found = list(matching(quotas, request.body.components, request.body.strict))
    except Refused as refused:
        return DescribeClientQuotasResponse(
            error_code=refused.code, error_message=refused.message, entries=None
        )
    return DescribeClientQuotasResponse(entries=[_entry(quotas, whom) for whom in found])


def _entry(quotas: Quotas, whom: Entity) -> EntryData:
    return EntryData(
        entity=[EntityData(entity_type=kind, entity_name=name) for kind, name in whom],
        values=[ValueData(key=key, value=value) for key, value in quotas[whom].items()],
    )
