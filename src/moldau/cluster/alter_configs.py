"""Deciding AlterConfigs and IncrementalAlterConfigs.

In Apache Kafka a broker looks at the request first (ConfigAdminManager.preprocess) and the
controller at what is left (ConfigurationControlManager, ControllerConfigurationValidator); here
both happen in this order, so that the same error wins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from moldau.cluster.alter_loggers import check_levels
from moldau.cluster.configs import (
    check_client_metrics,
    check_group_configs,
    check_lengths,
    check_topic_configs,
)
from moldau.cluster.decided import MAX_RECORDS, TOO_MANY_RECORDS, Decided, Refused
from moldau.cluster.image import ClusterImage, ResourceType
from moldau.cluster.records import Record
from moldau.cluster.topic_names import why_invalid
from moldau.protocol.config.broker import BROKER
from moldau.protocol.config.definition import ConfigType, Definition, InvalidConfig
from moldau.protocol.config.effects import EFFECTIVE, REFUSED
from moldau.protocol.config.layers import BrokerConfigs, validate_dynamic
from moldau.protocol.config.reconfiguration import check_reconfiguration
from moldau.protocol.config.topic import BROKER_SYNONYMS, TOPIC
from moldau.protocol.errors import ErrorCode
from moldau.protocol.java_maps import hash_order, string_hash
from moldau.protocol.messages import alter_configs as plain
from moldau.protocol.messages import incremental_alter_configs as incremental
from moldau.protocol.messages.metadata_log import ClearElrRecord, ConfigRecord

MIN_ISR: Final = "min.insync.replicas"
_ELR: Final = "eligible.leader.replicas.version"
# Broker configs that count at once; topics take their defaults from the first.
_AT_ONCE: Final = frozenset(BROKER_SYNONYMS.values()) | {
    "max.connection.creation.rate",
    "max.connections",
    "max.connections.per.ip",
    "max.connections.per.ip.overrides",
    "producer.id.expiration.ms",
}

Values: TypeAlias = dict[str, str | None]


class Operation(IntEnum):
    """AlterConfigOp.OpType."""

    SET = 0
    DELETE = 1
    APPEND = 2
    SUBTRACT = 3


class Situation(NamedTuple):
    """What an alteration is checked against; `configs` are this broker's effective ones, and
    `loggers` the names of its loggers."""

    image: ClusterImage
    configs: BrokerConfigs
    node_id: int
    loggers: Collection[str] = ()


class Resource(NamedTuple):
    """What is altered, and what was set on it at run time so far."""

    type: int
    name: str
    current: Mapping[str, str]


# Gives the values that a request changes on a resource, None to take one away; raises Refused.
Change: TypeAlias = Callable[[Situation, Resource, Any], Values]


def alter_configs(situation: Situation, request: plain.AlterConfigsRequest) -> Decided:
    """Replaces all that was set on each resource."""
    return _alter(
        situation,
        request,
        _replace,
        partial(_plain_response, request.resources),
    )


def incremental_alter_configs(
    situation: Situation, request: incremental.IncrementalAlterConfigsRequest
) -> Decided:
    """Sets, takes away, appends and subtracts single values."""
    return _alter(
        situation,
        request,
        _combine,
        partial(_incremental_response, request.resources),
    )


Outcome: TypeAlias = tuple[ErrorCode, str | None]


def _plain_response(
    resources: Sequence[plain.AlterConfigsResource], outcomes: Sequence[Outcome]
) -> plain.AlterConfigsResponse:
    return plain.AlterConfigsResponse(
        responses=[
            plain.AlterConfigsResourceResponse(
                error_code=code,
                error_message=message,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
            for resource, (code, message) in zip(resources, outcomes, strict=True)
        ]
    )


def _incremental_response(
    resources: Sequence[incremental.AlterConfigsResource], outcomes: Sequence[Outcome]
) -> incremental.IncrementalAlterConfigsResponse:
    return incremental.IncrementalAlterConfigsResponse(
        responses=[
            incremental.AlterConfigsResourceResponse(
                error_code=code,
                error_message=message,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
            for resource, (code, message) in zip(resources, outcomes, strict=True)
        ]
    )


def _alter(
    situation: Situation,
    request: Any,
    change: Change,
    respond: Callable[[Sequence[Outcome]], Any],
) -> Decided:
    def refuse(code: ErrorCode, message: str) -> Any:
        return respond([(code, message)] * len(request.resources))

    names = Counter((r.resource_type, r.resource_name) for r in request.resources)
    records: list[Record] = []
    outcomes: list[Outcome] = []
    for resource in request.resources:
        try:
            if names[resource.resource_type, resource.resource_name] > 1:
                raise _bad("Each resource must appear at most once.")
            records += _changed(situation, resource, change)
            outcomes.append((ErrorCode.NONE, None))
        except Refused as refused:
            outcomes.append((refused.code, refused.message))
    if len(records) > MAX_RECORDS:
        return Decided([], refuse(ErrorCode.POLICY_VIOLATION, TOO_MANY_RECORDS), refuse)
    if situation.image.features.get(_ELR):
        records += list(_clear_elr(records))
    return Decided([] if request.validate_only else records, respond(outcomes), refuse)


def _bad(message: str) -> Refused:
    return Refused(ErrorCode.INVALID_REQUEST, message)


def _clear_elr(records: Sequence[Record]) -> Iterator[Record]:
    """Another minimum of in-sync replicas makes the eligible leaders meaningless (KIP-966)."""
    for record in records:
        if isinstance(record, ConfigRecord) and record.name == MIN_ISR:
            is_topic = record.resource_type == ResourceType.TOPIC
            yield ClearElrRecord(topic_name=record.resource_name if is_topic else "")


def _changed(situation: Situation, asked: Any, change: Change) -> list[ConfigRecord]:
    """The records that alter one resource. Raises Refused."""
    _check_keys(asked)
    if asked.resource_type == ResourceType.BROKER_LOGGER and change is _combine:
        check_levels(asked, situation.node_id, situation.loggers)
        return []  # levels are not written
    resource = Resource(
        asked.resource_type,
        asked.resource_name,
        situation.image.config(asked.resource_type, asked.resource_name),
    )
    _check_resource(situation, resource)
    is_broker = resource.type == ResourceType.BROKER
    values = change(situation, resource, asked)
    # A broker's configs are written even when they stay the same: that makes it look at files
    # again that they name (KAFKA-14136).
    changed = {n: v for n, v in values.items() if is_broker or v != resource.current.get(n)}
    if is_broker:
        _check_min_isr(situation, resource, changed)
    check_lengths(changed)
    if not is_broker:
        after = {k: v for k, v in (dict(resource.current) | changed).items() if v is not None}
        _CHECKS[resource.type](situation, resource.name, after)
    return [
        ConfigRecord(
            resource_type=resource.type, resource_name=resource.name, name=name, value=value
        )
        for name, value in changed.items()
    ]


def _check_keys(asked: Any) -> None:
    names = [config.name for config in asked.configs]
    if len(set(names)) != len(names):
        raise _bad("Error due to duplicate config keys")
    nulls = [
        config.name
        for config in asked.configs
        if config.value is None
        and getattr(config, "config_operation", Operation.SET) != Operation.DELETE
    ]
    if nulls:
        raise _bad(f"Null value not supported for : {', '.join(nulls)}")


def _check_resource(situation: Situation, resource: Resource) -> None:
    """Is it something whose configs can be altered here?"""
    if resource.type == ResourceType.BROKER:
        if resource.name:
            _check_node_id(resource.name, situation.node_id)
    elif resource.type not in _CHECKS:
        raise _bad(f"Unknown resource type {resource.type}")


def _check_node_id(name: str, node_id: int) -> None:
    try:
        number = int(name)
    except ValueError:
        raise _bad(f"Node id must be an integer, but it is: {name}") from None
    if number != node_id:
        raise _bad(f"Unexpected broker id, expected {node_id}, but received {name}")


# --- what a resource has afterwards ---------------------------------------------------------------


def _replace(situation: Situation, resource: Resource, asked: Any) -> Values:
    named = {config.name: config.value for config in asked.configs}
    if resource.type == ResourceType.BROKER:
        _check_broker(situation, resource, named)
    return named | {name: None for name in resource.current if name not in named}


def _combine(situation: Situation, resource: Resource, asked: Any) -> Values:
    values: Values = {}
    for config in _looked_at(resource, asked.configs):
        try:
            operation = Operation(config.config_operation)
        except ValueError:
            raise _bad(f"Unknown operations type {config.config_operation}") from None
        values[config.name] = _combined(resource, config.name, operation, config.value)
    if resource.type == ResourceType.BROKER:
        after = {k: v for k, v in (dict(resource.current) | values).items() if v is not None}
        _check_broker(situation, resource, after)
    return values


def _looked_at(resource: Resource, configs: Sequence[Any]) -> Sequence[Any]:
    """A broker goes through its own configs as they are named, the controller through a map of
    the others: the first that is wrong is told of."""
    if resource.type == ResourceType.BROKER:
        return configs
    return hash_order(configs, lambda config: string_hash(config.name))


def _combined(resource: Resource, name: str, operation: Operation, value: str | None) -> str | None:
    if operation is Operation.SET:
        return value
    if operation is Operation.DELETE:
        return None
    definition = _TABLES.get(resource.type, {}).get(name)
    if definition is None or definition.type is not ConfigType.LIST:
        raise Refused(ErrorCode.INVALID_CONFIG, _no_list(resource, operation, name, definition))
    old = resource.current.get(name, definition.default) or ""
    parts = [part for part in old.split(",") if part]
    for part in _java_split(value or ""):
        if operation is Operation.APPEND and part not in parts:
            parts.append(part)
        elif operation is Operation.SUBTRACT and part in parts:
            parts.remove(part)
    return ",".join(parts)


def _no_list(
    resource: Resource, operation: Operation, name: str, definition: Definition | None
) -> str:
    if resource.type != ResourceType.BROKER:
        return f"Can't {operation.name} to key {name} because its type is not LIST."
    if definition is None:
        return f"Unknown config name: {name}"
    return f"Config value {operation.name.lower()} is not allowed for config key: {name}"


def _java_split(text: str) -> list[str]:
    """String.split(","): empty strings at the end are dropped, but not the only one."""
    parts = text.split(",")
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts


# --- what is allowed ------------------------------------------------------------------------------


def _check_broker(
    situation: Situation, resource: Resource, after: Mapping[str, str | None]
) -> None:
    """Checks all dynamic configs of a broker, or of all brokers, as they would be."""
    values = {name: value or "" for name, value in after.items()}
    try:
        validate_dynamic(values, per_broker=bool(resource.name))
        _check_effects(resource, values)
        old = situation.configs
        if resource.name:
            new = old.with_dynamic(old.dynamic_default, values)
        else:
            new = old.with_dynamic(values, old.dynamic_broker)
        check_reconfiguration(old.values, new.values)
    except InvalidConfig as error:
        raise _bad(str(error)) from None


def _check_effects(resource: Resource, values: Mapping[str, str]) -> None:
    """What Kafka would do and we cannot is refused, not kept. Raises InvalidConfig."""
    new = sorted(
        name for name in values if name not in resource.current and name in BROKER and values[name]
    )
    for name in new:
        kind, _, why = BROKER[name].effect.partition(": ")
        if kind == "refused":
            raise InvalidConfig(f"{name} is refused: {REFUSED[why]}")
    at_start = [n for n in new if n not in _AT_ONCE and BROKER[n].effect == EFFECTIVE]
    if at_start:
        raise InvalidConfig(
            "This broker reads these configs only when it starts; set them in its configuration "
            f"and start it again: [{', '.join(at_start)}]"
        )


def _check_min_isr(situation: Situation, resource: Resource, changed: Values) -> None:
    """With eligible leader replicas one value counts for the whole cluster (KIP-966)."""
    if MIN_ISR not in changed or not situation.image.features.get(_ELR):
        return
    if resource.name:
        raise Refused(
            ErrorCode.INVALID_CONFIG,
            f"Broker-level {MIN_ISR} cannot be altered while ELR is enabled.",
        )
    if changed[MIN_ISR] is None:
        raise Refused(
            ErrorCode.INVALID_CONFIG,
            f"Cluster-level {MIN_ISR} cannot be removed while ELR is enabled.",
        )


def _check_topic(situation: Situation, name: str, after: Mapping[str, str]) -> None:
    if not name:
        raise _bad("Default topic resources are not allowed.")
    why = why_invalid(name)
    if why is not None:
        raise Refused(ErrorCode.INVALID_TOPIC_EXCEPTION, why)
    check_topic_configs(situation.configs, after)
    if name not in situation.image.topics:
        raise Refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"The topic '{name}' does not exist.")


def _check_group(situation: Situation, name: str, after: Mapping[str, str]) -> None:
    """Groups need not exist. What their configs are for (KIP-848 and later) is not served yet;
    they are kept for when it is."""
    if not name:
        raise _bad("Default group resources are not allowed.")
    check_group_configs(situation.configs, after)


def _check_subscription(_situation: Situation, name: str, after: Mapping[str, str]) -> None:
    """Kept like those of groups: clients are asked for no metrics yet (KIP-714)."""
    if not name:
        raise _bad("Subscription name can't be empty")
    check_client_metrics(after)


_CHECKS: Final[Mapping[int, Callable[[Situation, str, Mapping[str, str]], None]]] = {
    ResourceType.TOPIC: _check_topic,
    ResourceType.GROUP: _check_group,
    ResourceType.CLIENT_METRICS: _check_subscription,
}
# Whose lists can be appended to.
_TABLES: Final[Mapping[int, Mapping[str, Definition]]] = {
    ResourceType.TOPIC: TOPIC,
    ResourceType.BROKER: BROKER,
}
