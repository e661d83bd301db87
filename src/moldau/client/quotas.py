"""Quotas of users, client ids and addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from moldau.client.admin import Admin
from moldau.client.connection import Connection
from moldau.client.errors import Refused

USER, CLIENT_ID, IP = "user", "client-id", "ip"
_EXACT, _DEFAULT, _ANY = 0, 1, 2
# The parts of an entity: its types and names; None is the default of that type.
Entity = dict[str, str | None]


class Wanted(NamedTuple):
    """A part of the entities that are looked for: one name, the default (None), or any."""

    type: str
    name: str | None = None
    any_name: bool = False


class Quota(NamedTuple):
    entity: Entity
    values: dict[str, float]


def describe_quotas(
    admin: Admin, parts: Sequence[Wanted], timeout_ms: int | None = None
) -> list[Quota]:
    """The quotas of the entities that have just these parts, in the broker's order."""
    from moldau.protocol.messages.describe_client_quotas import (
        ComponentData,
        DescribeClientQuotasRequest,
        DescribeClientQuotasResponse,
    )

    components = [
        ComponentData(entity_type=part.type, match_type=_match(part), match=part.name)
        for part in parts
    ]
    request = DescribeClientQuotasRequest(components=components, strict=True)

    def attempt(connection: Connection) -> list[Quota]:
        answer = admin.ask(connection, request, DescribeClientQuotasResponse)
        if answer.error_code:
            raise Refused(answer.error_code, answer.error_message)
        return [
            Quota(
                {e.entity_type: e.entity_name for e in entry.entity},
                {v.key: v.value for v in entry.values},
            )
            for entry in answer.entries or []
        ]

    return admin.call("describeClientQuotas", admin.anyone, attempt, timeout_ms)


def _match(part: Wanted) -> int:
    if part.any_name:
        return _ANY
    return _DEFAULT if part.name is None else _EXACT


def alter_quotas(
    admin: Admin,
    entity: Entity,
    values: Mapping[str, float],
    deleted: Sequence[str] = (),
    timeout_ms: int | None = None,
) -> None:
    """Raises Refused."""
    from moldau.protocol.messages.alter_client_quotas import (
        AlterClientQuotasRequest,
        AlterClientQuotasResponse,
        EntityData,
        EntryData,
        OpData,
    )

    ops = [OpData(key=key, value=value, remove=False) for key, value in values.items()]
    ops += [OpData(key=key, value=0.0, remove=True) for key in deleted]
    parts = [EntityData(entity_type=t, entity_name=name) for t, name in entity.items()]
    request = AlterClientQuotasRequest(entries=[EntryData(entity=parts, ops=ops)])

    def attempt(connection: Connection) -> None:
        for entry in admin.ask(connection, request, AlterClientQuotasResponse).entries:
            if entry.error_code:
                raise Refused(entry.error_code, entry.error_message)

    admin.call("alterClientQuotas", admin.anyone, attempt, timeout_ms)
