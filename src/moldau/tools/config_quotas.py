"""Quotas of users, clients and addresses, and credentials of users, as kafka-configs shows and
alters them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError
from moldau.client.quotas import (
    CLIENT_ID,
    IP,
    USER,
    Entity,
    Quota,
    Wanted,
    alter_quotas,
    describe_quotas,
)
from moldau.tools.config_changes import BadChange
from moldau.tools.config_entities import CLIENTS, IPS, USERS, Entities
from moldau.tools.java_maps import hash_order, string_hash
from moldau.tools.java_text import parse_double

if TYPE_CHECKING:
    from moldau.client.scram import NewCredential

_TYPES = {USERS: USER, CLIENTS: CLIENT_ID, IPS: IP}
_SHOWN = {USER: "user-principal", CLIENT_ID: "client-id", IP: "ip"}
_QUOTAS = (
    "producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate",
)  # fmt: skip
_IP_QUOTAS = ("connection_creation_rate",)
_MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")
_PATIENCE_MS = 30_000


# --- describing


def describe_quotas_of(admin: Admin, entities: Entities) -> None:
    quotas = describe_quotas(admin, _wanted(entities), admin.settings.within(_PATIENCE_MS))
    for quota in hash_order(quotas, lambda q: _entity_hash(q.entity), len(quotas)):
        names = ", ".join(_named(kind, quota.entity) for kind in _SHOWN if kind in quota.entity)
        print(f"Quota configs for {names} are {_values(quota)}")
    if not entities.are_of(CLIENTS, IPS) and "" not in entities.names:
        _describe_credentials(admin, entities.names)


def _wanted(entities: Entities) -> list[Wanted]:
    if len(entities.names) > len(entities.types):
        raise BadChange("More entity names specified than entity types")
    parts = []
    for i, kind in enumerate(entities.types):
        if i >= len(entities.names):
            parts.append(Wanted(_TYPES[kind], any_name=True))
        else:
            parts.append(Wanted(_TYPES[kind], entities.names[i] or None))
    return parts


def _named(kind: str, entity: Entity) -> str:
    name = entity[kind]
    return f"the default {_SHOWN[kind]}" if name is None else f"{_SHOWN[kind]} '{name}'"


def _values(quota: Quota) -> str:
    from moldau.tools.java_numbers import double

    keys = hash_order(quota.values, string_hash, len(quota.values))
    return ", ".join(f"{key}={double(quota.values[key])}" for key in keys)


def _entity_hash(entity: Entity) -> int:
    """ClientQuotaEntity.hashCode: 31 and the hash of its map."""
    parts = (string_hash(kind) ^ string_hash(name or "") for kind, name in entity.items())
    return 31 + sum(parts) & 0xFFFFFFFF


def _describe_credentials(admin: Admin, users: Sequence[str]) -> None:
    from moldau.client.scram import describe_credentials

    patience_ms = admin.settings.within(_PATIENCE_MS)
    for user, found in describe_credentials(admin, users, patience_ms).items():
        if isinstance(found, KafkaError):
            name = found.java_class.rpartition(".")[2]
            print(
                f"Error retrieving SCRAM credential configs for user-principal '{user}': "
                f"{name}: {found.message}"
            )
        else:
            shown = ", ".join(f"{c.mechanism}=iterations={c.iterations}" for c in found)
            print(f"SCRAM credential configs for user-principal '{user}' are {shown}")


# --- altering


def alter_quotas_of(
    admin: Admin, entities: Entities, values: Mapping[str, str], deleted: Sequence[str]
) -> None:
    """Raises KafkaError, BadChange."""
    if entities.type == IPS:
        unknown = [name for name in (*values, *deleted) if name not in _IP_QUOTAS]
        if unknown:
            raise BadChange(
                "Only connection quota configs can be added for 'ips' using --bootstrap-server. "
                f"Unexpected config names: {','.join(unknown)}"
            )
        _alter_quotas(admin, entities, values, deleted)
        return
    _check_names(entities, values, deleted)
    if any(name in _QUOTAS for name in (*values, *deleted)):
        _alter_quotas(admin, entities, values, deleted)
    else:
        _alter_credentials(admin, entities.names[0], values, deleted)


def _check_names(entities: Entities, values: Mapping[str, str], deleted: Sequence[str]) -> None:
    of_users = entities.types == [USERS]
    known = (*_QUOTAS, *_MECHANISMS) if of_users else _QUOTAS
    kind = USERS if of_users else CLIENTS
    what = "quota and SCRAM credential" if of_users else "quota"
    for verb, names in (("added", list(values)), ("deleted", list(deleted))):
        unknown = [name for name in names if name not in known]
        if unknown:
            # The names of Scala's collections are in the message of Apache's tool.
            collection = "Set" if verb == "added" else "ArrayBuffer"
            raise BadChange(
                f"Only {what} configs can be {verb} for '{kind}' using --bootstrap-server. "
                f"Unexpected config names: {collection}({', '.join(unknown)})"
            )
    if of_users and any(name in _MECHANISMS for name in (*values, *deleted)):
        if "" in entities.names:
            raise BadChange(
                "The use of --entity-default or --user-defaults is not allowed with User SCRAM "
                "Credentials using --bootstrap-server."
            )
        if any(name in _QUOTAS for name in (*values, *deleted)):
            raise BadChange(
                "Cannot alter both quota and SCRAM credential configs simultaneously for 'users' "
                "using --bootstrap-server."
            )


def _alter_quotas(
    admin: Admin, entities: Entities, values: Mapping[str, str], deleted: Sequence[str]
) -> None:
    found = describe_quotas(admin, _wanted(entities), admin.settings.within(_PATIENCE_MS))
    present = found[0].values if found else {}
    missing = [name for name in deleted if name not in present]
    if missing:
        raise BadChange(f"Invalid config(s): {','.join(missing)}")
    entity: Entity = {
        _TYPES[kind]: name or None
        for kind, name in zip(entities.types, entities.names, strict=True)
    }
    numbers = {name: _number(name, text) for name, text in values.items()}
    alter_quotas(admin, entity, numbers, deleted)


def _number(name: str, text: str) -> float:
    number = parse_double(text)
    if number is None:
        raise BadChange(f"Cannot parse quota configuration value for {name}: {text}")
    return number


def _alter_credentials(
    admin: Admin, user: str, values: Mapping[str, str], deleted: Sequence[str]
) -> None:
    from moldau.client.scram import alter_credentials

    new = {mechanism: _credential(mechanism, text) for mechanism, text in values.items()}
    alter_credentials(admin, user, new, deleted)


def _credential(mechanism: str, text: str) -> NewCredential:
    """`[iterations=N,]password=P`."""
    from moldau.client.scram import LEAST_ITERATIONS, NewCredential

    found = re.fullmatch(r"(?:iterations=(-?[0-9]*),)?password=(.*)", text)
    if found is None:
        raise BadChange(f"Invalid credential property {mechanism}={text}")
    given = found[1]
    iterations = LEAST_ITERATIONS if given in (None, "-1") else int(given or 0)
    if iterations < LEAST_ITERATIONS:
        raise BadChange(
            f"Iterations {iterations} is less than the minimum {LEAST_ITERATIONS} required for "
            f"{mechanism}"
        )
    if not found[2]:
        raise BadChange("Empty key")
    return NewCredential(iterations, found[2].encode())
