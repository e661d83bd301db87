"""Whom a quota is for, what there is to limit, and which quotas a request asks about.

Sources: ClientQuotaEntity, QuotaConfig and ClientQuotasImage of Apache Kafka; KIP-546, KIP-612.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from moldau.cluster.decided import Refused
from moldau.protocol.config.definition import ConfigType
from moldau.protocol.errors import ErrorCode
from moldau.protocol.java_maps import hash_order, string_hash

USER: Final = "user"
CLIENT_ID: Final = "client-id"
IP: Final = "ip"
PRODUCER_BYTE_RATE: Final = "producer_byte_rate"
CONSUMER_BYTE_RATE: Final = "consumer_byte_rate"
REQUEST_PERCENTAGE: Final = "request_percentage"
CONTROLLER_MUTATION_RATE: Final = "controller_mutation_rate"
CONNECTION_CREATION_RATE: Final = "connection_creation_rate"

OF_CLIENTS: Final[Mapping[str, ConfigType]] = {
    PRODUCER_BYTE_RATE: ConfigType.LONG,
    CONSUMER_BYTE_RATE: ConfigType.LONG,
    REQUEST_PERCENTAGE: ConfigType.DOUBLE,
    CONTROLLER_MUTATION_RATE: ConfigType.DOUBLE,
}
OF_IPS: Final[Mapping[str, ConfigType]] = {CONNECTION_CREATION_RATE: ConfigType.INT}

# Pairs of a type and a name, in the order of a hash table of Java's: clients see it, and the first
# pair that is wrong is the one that an error names. The name None is the default for all.
Entity: TypeAlias = tuple[tuple[str, str | None], ...]
Quotas: TypeAlias = Mapping[Entity, Mapping[str, float]]

_EXACT, _DEFAULT, _SPECIFIED = range(3)
_ANY: Final = object()


def entity(pairs: Iterable[Any]) -> Entity:
    """That of a request or a record; of a type that comes twice the later name counts."""
    names = {pair.entity_type: pair.entity_name for pair in pairs}
    return tuple((kind, names[kind]) for kind in hash_order(names, string_hash, 2))


def matching(quotas: Quotas, components: Iterable[Any], strict: bool) -> Iterator[Entity]:
    """The entities that a DescribeClientQuotas asks about; `strict`: that have no other types.
    Raises Refused."""
    wanted = _wanted(components)
    for candidate in quotas:
        names = dict(candidate)
        if (not strict or len(names) == len(wanted)) and all(
            kind in names and name in (_ANY, names[kind]) for kind, name in wanted.items()
        ):
            yield candidate


def _wanted(components: Iterable[Any]) -> dict[str, object]:
    """By type the name that is wanted, None for the default, or any."""
    wanted: dict[str, object] = {}
    for component in components:
        kind = component.entity_type
        if not kind:
            raise _bad("Invalid empty entity type.")
        if kind in wanted:
            raise _bad(f"Entity type {kind} cannot appear more than once in the filter.")
        if kind not in (IP, USER, CLIENT_ID):
            raise Refused(ErrorCode.UNSUPPORTED_VERSION, f"Unsupported entity type {kind}")
        wanted[kind] = _wanted_name(component.match_type, component.match)
    if IP in wanted and len(wanted) > 1:
        raise _bad(
            "Invalid entity filter component combination. IP filter component should not be used "
            "with user or clientId filter component."
        )
    return wanted


def _wanted_name(match_type: int, match: str | None) -> object:
    if match_type == _EXACT:
        if match is None:
            raise _bad("Request specified MATCH_TYPE_EXACT, but set match string to null.")
        return match
    if match_type not in (_DEFAULT, _SPECIFIED):
        raise _bad(f"Unknown match type {match_type}")
    name = "DEFAULT" if match_type == _DEFAULT else "SPECIFIED"
    if match is not None:
        raise _bad(f"Request specified MATCH_TYPE_{name}, but also specified a match string.")
    return None if match_type == _DEFAULT else _ANY


def _bad(message: str) -> Refused:
    return Refused(ErrorCode.INVALID_REQUEST, message)
