"""The configs that count: what was set at run time over what the files say (KIP-226)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from moldau.cluster.decided import Refused
from moldau.cluster.image import ClusterImage, ResourceType
from moldau.protocol.config.client_metrics import InvalidSubscription, validate_client_metrics
from moldau.protocol.config.definition import InvalidConfig, Value
from moldau.protocol.config.describe import Source
from moldau.protocol.config.group import validate_group_configs
from moldau.protocol.config.layers import BrokerConfigs, synonyms
from moldau.protocol.config.topic import BROKER_SYNONYMS, topic_config, validate_topic_configs
from moldau.protocol.errors import ErrorCode

_MAX_VALUE: Final = 32767


def effective(image: ClusterImage, configs: BrokerConfigs, node_id: int) -> BrokerConfigs:
    """The configs of a broker with the dynamic layers of the image; `configs` itself when they
    are in it already."""
    default = image.config(ResourceType.BROKER, "")
    own = image.config(ResourceType.BROKER, str(node_id))
    if configs.dynamic_default == default and configs.dynamic_broker == own:
        return configs
    return configs.with_dynamic(default, own)


def topic_values(image: ClusterImage, configs: BrokerConfigs, topic: str) -> dict[str, Value]:
    """The typed values of all configs of a topic; `configs` are the effective ones."""
    return topic_config(configs.values, image.config(ResourceType.TOPIC, topic))


def check_topic_configs(configs: BrokerConfigs, overrides: Mapping[str, str]) -> None:
    """Raises Refused with Kafka's sentence on the first config that is wrong."""
    check_lengths(overrides)
    try:
        validate_topic_configs(overrides, configs.values)
    except InvalidConfig as error:
        raise Refused(ErrorCode.INVALID_CONFIG, str(error)) from None


def check_group_configs(configs: BrokerConfigs, overrides: Mapping[str, str]) -> None:
    """Raises Refused with Kafka's sentence on the first config that is wrong."""
    try:
        validate_group_configs(overrides, configs.values)
    except InvalidConfig as error:
        raise Refused(ErrorCode.INVALID_CONFIG, str(error)) from None


def check_client_metrics(overrides: Mapping[str, str]) -> None:
    """Raises Refused with Kafka's sentence on the first config that is wrong."""
    try:
        validate_client_metrics(overrides)
    except InvalidSubscription as error:
        raise Refused(ErrorCode.INVALID_REQUEST, str(error)) from None
    except InvalidConfig as error:
        raise Refused(ErrorCode.INVALID_CONFIG, str(error)) from None


def check_lengths(values: Mapping[str, str | None]) -> None:
    if any(value is not None and len(value) > _MAX_VALUE for value in values.values()):
        raise Refused(
            ErrorCode.INVALID_CONFIG,
            "The configuration value cannot be added because it exceeds the maximum value size "
            f"of {_MAX_VALUE} bytes.",
        )


def creation_source(configs: BrokerConfigs, overrides: Mapping[str, str], name: str) -> Source:
    """Where a new topic has a config from. Unlike DescribeConfigs, every synonym counts, in
    whatever unit (KafkaConfigSchema.resolveEffectiveTopicConfig)."""
    if name in overrides:
        return Source.DYNAMIC_TOPIC_CONFIG
    broker_name = BROKER_SYNONYMS.get(name)
    for layer, source in (
        (configs.dynamic_broker, Source.DYNAMIC_BROKER_CONFIG),
        (configs.dynamic_default, Source.DYNAMIC_DEFAULT_BROKER_CONFIG),
        (configs.static, Source.STATIC_BROKER_CONFIG),
    ):
        if broker_name and any(other in layer for other in synonyms(broker_name)):
            return source
    return Source.DEFAULT_CONFIG
