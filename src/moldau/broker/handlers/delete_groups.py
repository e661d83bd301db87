"""DeleteGroups, versions 0-2: groups without members go, with their offsets (KIP-229)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.broker.groups.answers import coordinator_error
from moldau.broker.replicated import Decision
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.delete_groups import DeletableGroupResult, DeleteGroupsResponse

if TYPE_CHECKING:
    from moldau.broker.groups.shard import Shard
    from moldau.broker.node import Node
    from moldau.broker.replicated import Replicated
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> None:
    results = []
    engines = []
    for group_id in dict.fromkeys(request.body.groups_names):
        engine = node.groups.find(group_id)
        if isinstance(engine, ErrorCode):
            code = engine
        else:
            engines.append(engine)
            code = _delete(engine, group_id, node.now_ms)
        results.append(DeletableGroupResult(group_id=group_id, error_code=code))
    response = DeleteGroupsResponse(results=results)
    node.respond_when_synced(request, response, node.groups.written(engines))


def _delete(engine: Replicated[Shard], group_id: str, now_ms: int) -> ErrorCode:
    code, records = engine.machine.delete_group(group_id)
    return code or coordinator_error(engine.submit(Decision(records), now_ms))
