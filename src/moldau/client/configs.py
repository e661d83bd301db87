"""Configs of topics, brokers, loggers, groups and client metrics: describe, list, alter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import partial
from typing import NamedTuple

from moldau.client.admin import Admin
from moldau.client.connection import Connection
from moldau.client.errors import Refused

_SET, _DELETE = 0, 1


class Kind(IntEnum):
    """What has configs."""

    TOPIC = 2
    BROKER = 4
    BROKER_LOGGER = 8
    CLIENT_METRICS = 16
    GROUP = 32


class Source(IntEnum):
    """Where a value comes from."""

    UNKNOWN = 0
    DYNAMIC_TOPIC_CONFIG = 1
    DYNAMIC_BROKER_CONFIG = 2
    DYNAMIC_DEFAULT_BROKER_CONFIG = 3
    STATIC_BROKER_CONFIG = 4
    DEFAULT_CONFIG = 5
    DYNAMIC_BROKER_LOGGER_CONFIG = 6
    DYNAMIC_CLIENT_METRICS_CONFIG = 7
    DYNAMIC_GROUP_CONFIG = 8

    @classmethod
    def _missing_(cls, _: object) -> Source:
        return cls.UNKNOWN


class Synonym(NamedTuple):
    """A place that also gives this config a value, the first being in effect."""

    name: str
    value: str | None
    source: Source


class Entry(NamedTuple):
    """A config; the value of a sensitive one is None."""

    name: str
    value: str | None
    source: Source
    is_sensitive: bool
    synonyms: list[Synonym]


def describe_configs(
    admin: Admin,
    kind: Kind,
    names: Sequence[str],
    *,
    synonyms: bool = False,
    timeout_ms: int | None = None,
) -> dict[str, list[Entry] | Refused]:
    """The configs of each in the broker's order, or why not. A broker's own (the name is its id)
    and its loggers are asked of itself: then give one name."""
    from moldau.protocol.messages.describe_configs import (
        DescribeConfigsRequest,
        DescribeConfigsResource,
        DescribeConfigsResponse,
    )

    if not names:
        return {}
    request = DescribeConfigsRequest(
        resources=[
            DescribeConfigsResource(resource_type=kind, resource_name=n, configuration_keys=None)
            for n in names
        ],
        include_synonyms=synonyms,
    )

    def attempt(connection: Connection) -> dict[str, list[Entry] | Refused]:
        found: dict[str, list[Entry] | Refused] = {}
        for result in admin.ask(connection, request, DescribeConfigsResponse).results:
            if result.error_code:
                found[result.resource_name] = Refused(result.error_code, result.error_message)
                continue
            found[result.resource_name] = [
                Entry(
                    c.name,
                    c.value,
                    Source(c.config_source),
                    c.is_sensitive,
                    [Synonym(s.name, s.value, Source(s.source)) for s in c.synonyms],
                )
                for c in result.configs
            ]
        return found

    find = _broker_or_anyone(admin, kind, names[0])
    return admin.call("describeConfigs", find, attempt, timeout_ms)


def alter_configs(
    admin: Admin,
    kind: Kind,
    name: str,
    values: Mapping[str, str],
    deleted: Sequence[str] = (),
    timeout_ms: int | None = None,
) -> None:
    """Sets some and gives others their defaults back, all or none. Raises Refused."""
    from moldau.protocol.messages.incremental_alter_configs import (
        AlterableConfig,
        AlterConfigsResource,
        IncrementalAlterConfigsRequest,
        IncrementalAlterConfigsResponse,
    )

    changes = [AlterableConfig(name=n, config_operation=_DELETE, value="") for n in deleted]
    changes += [AlterableConfig(name=n, config_operation=_SET, value=v) for n, v in values.items()]
    resource = AlterConfigsResource(resource_type=kind, resource_name=name, configs=changes)
    request = IncrementalAlterConfigsRequest(resources=[resource])

    def attempt(connection: Connection) -> None:
        for result in admin.ask(connection, request, IncrementalAlterConfigsResponse).responses:
            if result.error_code:
                raise Refused(result.error_code, result.error_message)

    find = _broker_or_anyone(admin, kind, name)
    admin.call("incrementalAlterConfigs", find, attempt, timeout_ms)


def list_config_resources(admin: Admin, kind: Kind) -> list[str]:
    """The names that have configs of this kind. Raises Refused, Unsupported (before Kafka 4.1
    brokers know only of client metrics)."""
    from moldau.protocol.messages.list_config_resources import (
        ListConfigResourcesRequest,
        ListConfigResourcesResponse,
    )

    request = ListConfigResourcesRequest(resource_types=[kind])

    def attempt(connection: Connection) -> list[str]:
        oldest = 0 if kind is Kind.CLIENT_METRICS else 1
        answer = admin.ask(connection, request, ListConfigResourcesResponse, oldest=oldest)
        if answer.error_code:
            raise Refused(answer.error_code)
        return [r.resource_name for r in answer.config_resources if r.resource_type == kind]

    return admin.call("listConfigResources", admin.anyone, attempt)


def _broker_or_anyone(admin: Admin, kind: Kind, name: str) -> partial[Connection]:
    """A broker's own are asked of itself; but controllers answer for all."""
    is_own = kind in (Kind.BROKER, Kind.BROKER_LOGGER) and name.isdigit()
    return partial(admin.broker, int(name)) if is_own else partial(admin.anyone)
