"""Deciding AlterClientQuotas (Apache Kafka: ClientQuotaControlManager)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from moldau.cluster.client_quotas import (
    CLIENT_ID,
    IP,
    OF_CLIENTS,
    OF_IPS,
    USER,
    Entity,
    entity,
)
from moldau.cluster.decided import MAX_RECORDS, TOO_MANY_RECORDS, Decided, Refused
from moldau.cluster.image import ClusterImage
from moldau.cluster.records import Record
from moldau.protocol.config.definition import MAX_INT, MAX_LONG, ConfigType
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.alter_client_quotas import (
    AlterClientQuotasRequest,
    AlterClientQuotasResponse,
    AlteredEntry,
    EntityData,
    EntryData,
)
from moldau.protocol.messages.metadata_log import ClientQuotaRecord
from moldau.protocol.messages.metadata_log import EntityData as RecordedEntity

_LARGEST: Final = {ConfigType.INT: MAX_INT, ConfigType.LONG: MAX_LONG}

Outcome: TypeAlias = tuple[ErrorCode, str | None]


def alter_client_quotas(image: ClusterImage, request: AlterClientQuotasRequest) -> Decided:
    """One outcome for each entity, however often it comes: as in Kafka the first is carried out,
    and the outcome tells of the second."""
    records: list[Record] = []
    outcomes: dict[Entity, Outcome] = {}
    for entry in request.entries:
        whom = entity(entry.entity)
        try:
            if whom in outcomes or _has_duplicates(entry):
                raise _bad(f"Ignoring duplicate entity {_java(whom)}")
            records += _changed(image, whom, entry)
            outcomes[whom] = (ErrorCode.NONE, None)
        except Refused as refused:
            outcomes[whom] = (refused.code, refused.message)

    def refuse(code: ErrorCode, message: str) -> AlterClientQuotasResponse:
        return _response(dict.fromkeys(outcomes, (code, message)))

    if len(records) > MAX_RECORDS:
        return Decided([], refuse(ErrorCode.POLICY_VIOLATION, TOO_MANY_RECORDS), refuse)
    return Decided([] if request.validate_only else records, _response(outcomes), refuse)


def _has_duplicates(entry: EntryData) -> bool:
    return len({op.key for op in entry.ops}) < len(entry.ops)


def _response(outcomes: Mapping[Entity, Outcome]) -> AlterClientQuotasResponse:
    return AlterClientQuotasResponse(
        entries=[
            AlteredEntry(
                error_code=code,
                error_message=message,
                entity=[EntityData(entity_type=kind, entity_name=name) for kind, name in whom],
            )
            for whom, (code, message) in outcomes.items()
        ]
    )


def _changed(image: ClusterImage, whom: Entity, entry: EntryData) -> list[ClientQuotaRecord]:
    """The records of one entity. Raises Refused."""
    keys = _check_entity(whom)
    current = image.client_quotas.get(whom, {})
    records = []
    for op in entry.ops:
        if op.remove:
            if op.key in current:
                records.append(_record(whom, op.key, remove=True))
            continue
        _check_value(keys, op.key, op.value)
        if current.get(op.key) != op.value:
            records.append(_record(whom, op.key, value=op.value))
    return records


def _record(
    whom: Entity, key: str, *, value: float = 0.0, remove: bool = False
) -> ClientQuotaRecord:
    names = [RecordedEntity(entity_type=kind, entity_name=name) for kind, name in whom]
    return ClientQuotaRecord(entity=names, key=key, value=value, remove=remove)


def _check_entity(whom: Entity) -> Mapping[str, ConfigType]:
    """What can be limited for such an entity."""
    if not whom:
        raise _bad("Invalid empty client quota entity")
    for kind, name in whom:
        if kind not in (USER, CLIENT_ID, IP):
            raise _bad(f"Unhandled client quota entity type: {kind}")
        if name == "":
            raise _bad(f"Empty {kind} not supported")
    names = dict(whom)
    if IP not in names:
        return OF_CLIENTS
    if len(names) > 1:
        raise _bad(
            "Invalid quota entity combination, IP entity should"
            "not be combined with User or ClientId"
        )
    if not _is_address(names[IP]):
        raise _bad(f"{names[IP]} is not a valid IP or resolvable host.")
    return OF_IPS


def _is_address(name: str | None) -> bool:
    """Apache Kafka resolves names; here nothing is asked of the network but localhost is known."""
    # Imported here: few ask, and it takes its time.
    from ipaddress import ip_address

    if name is None or name == "localhost":
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _check_value(keys: Mapping[str, ConfigType], key: str, value: float) -> None:
    kind = keys.get(key)
    if kind is None:
        raise _bad(f"Invalid configuration key {key}")
    if value <= 0:
        raise _bad(f"Quota {key} must be greater than 0")
    largest = _LARGEST.get(kind)
    if largest is None:
        return
    if value > float(largest):
        article = "an" if kind is ConfigType.INT else "a"
        raise _bad(f"Proposed value for {key} is too large for {article} {kind.name}.")
    if abs(value % 1.0) > 1e-6:
        raise _bad(f"{key} cannot be a fractional value.")


def _bad(message: str) -> Refused:
    return Refused(ErrorCode.INVALID_REQUEST, message)


def _java(whom: Entity) -> str:
    names = ", ".join(f"{kind}={'null' if name is None else name}" for kind, name in whom)
    return f"ClientQuotaEntity(entries={{{names}}})"
