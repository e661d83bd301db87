"""DescribeConfigs, versions 1-4: every config of a topic, a broker, its loggers, a group or a
subscription to client metrics, with its source.

- v1: sources and synonyms (KIP-226). v3: types, and documentation in words of our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.decided import Refused
from moldau.cluster.image import ResourceType
from moldau.cluster.topic_names import why_invalid
from moldau.protocol.config.describe import (
    Entry,
    describe_broker,
    describe_client_metrics,
    describe_cluster_default,
    describe_group,
    describe_loggers,
    describe_topic,
)
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
    DescribeConfigsResult,
    DescribeConfigsSynonym,
)

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> DescribeConfigsResponse:
    body = request.body
    if any(r.resource_type not in _DESCRIBERS for r in body.resources):
        return _refuse(body)
    results = [_result(node, resource, body) for resource in body.resources]
    return DescribeConfigsResponse(results=results)


def _refuse(body: DescribeConfigsRequest) -> DescribeConfigsResponse:
    """One resource of an unknown type spoils the whole request."""
    message = (
        "This most likely occurs because of a request being malformed by the client library or "
        "the message was sent to an incompatible broker. See the broker logs for more details."
    )
    refused = Refused(ErrorCode.INVALID_REQUEST, message)
    return DescribeConfigsResponse(results=[_failed(r, refused) for r in body.resources])


def _failed(resource: DescribeConfigsResource, refused: Refused) -> DescribeConfigsResult:
    return DescribeConfigsResult(
        error_code=refused.code,
        error_message=refused.message,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
    )


def _result(
    node: Node, resource: DescribeConfigsResource, body: DescribeConfigsRequest
) -> DescribeConfigsResult:
    try:
        entries = _DESCRIBERS[resource.resource_type](node, resource.resource_name)
    except Refused as refused:
        return _failed(resource, refused)
    # No keys mean all of them.
    wanted = set(resource.configuration_keys or ())
    return DescribeConfigsResult(
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
        configs=[
            _described(entry, body, resource.resource_type)
            for entry in entries
            if not wanted or entry.name in wanted
        ],
    )


def _described(
    entry: Entry, body: DescribeConfigsRequest, resource_type: int
) -> DescribeConfigsResourceResult:
    result = DescribeConfigsResourceResult(
        name=entry.name,
        value=entry.value,
        read_only=entry.is_read_only,
        config_source=entry.source,
        is_sensitive=entry.is_sensitive,
        config_type=entry.type,
        documentation=_documentation(entry.name, body, resource_type),
    )
    if body.include_synonyms:
        result.synonyms = [
            DescribeConfigsSynonym(name=s.name, value=s.value, source=s.source)
            for s in entry.synonyms
        ]
    return result


def _documentation(name: str, body: DescribeConfigsRequest, resource_type: int) -> str | None:
    if resource_type == ResourceType.BROKER_LOGGER:
        return ""  # as Apache Kafka says it: asked for or not
    if not body.include_documentation:
        return None
    # Imported here: few ask, and the texts are many.
    from moldau.protocol.config.documentation import broker_sentence, topic_sentence

    return topic_sentence(name) if resource_type == ResourceType.TOPIC else broker_sentence(name)


# --- what there is -------------------------------------------------------------------------------


def _topic(node: Node, name: str) -> list[Entry]:
    why = why_invalid(name)
    if why is not None:
        raise Refused(ErrorCode.INVALID_TOPIC_EXCEPTION, why)
    if name not in node.image.topics:
        raise Refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "")
    return describe_topic(node.controller.configs, node.image.config(ResourceType.TOPIC, name))


def _broker(node: Node, name: str) -> list[Entry]:
    if not name:
        return describe_cluster_default(node.controller.configs)
    _check_id(node, name, " or empty string,")
    return describe_broker(node.controller.configs)


def _check_id(node: Node, name: str, otherwise: str) -> None:
    try:
        number = int(name)
    except ValueError:
        raise _bad(f"Broker id must be an integer, but it is: {name}") from None
    own = node.settings.node_id
    if number != own:
        raise _bad(f"Unexpected broker id, expected {own}{otherwise} but received {name}")


def _bad(message: str) -> Refused:
    return Refused(ErrorCode.INVALID_REQUEST, message)


def _broker_logger(node: Node, name: str) -> list[Entry]:
    if not name:
        raise _bad("Broker id must not be empty")
    _check_id(node, name, "")
    return describe_loggers(node.loggers.levels())


def _group(node: Node, name: str) -> list[Entry]:
    if not name:
        raise _bad("Group name must not be empty")
    return describe_group(node.controller.configs, node.image.config(ResourceType.GROUP, name))


def _client_metrics(node: Node, name: str) -> list[Entry]:
    if not name:
        raise _bad("Client metrics subscription name must not be empty")
    return describe_client_metrics(node.image.config(ResourceType.CLIENT_METRICS, name))


_DESCRIBERS = {
    int(ResourceType.TOPIC): _topic,
    int(ResourceType.BROKER): _broker,
    int(ResourceType.BROKER_LOGGER): _broker_logger,
    int(ResourceType.GROUP): _group,
    int(ResourceType.CLIENT_METRICS): _client_metrics,
}
