"""A small cluster to decide on."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from moldau.cluster.create_topics import create_topics
from moldau.cluster.image import ClusterImage
from moldau.protocol.config.layers import BrokerConfigs
from moldau.protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from moldau.protocol.messages.metadata_log import BrokerEndpoint, RegisterBrokerRecord

CONFIGS = BrokerConfigs()


def cluster(*broker_ids: int, image: ClusterImage | None = None) -> ClusterImage:
    """Living brokers, each with a listener PLAINTEXT and one log directory."""
    return (image or ClusterImage()).apply(
        [
            RegisterBrokerRecord(
                broker_id=broker_id,
                broker_epoch=100 + broker_id,
                incarnation_id=bytes([broker_id]) * 16,
                end_points=[BrokerEndpoint(name="PLAINTEXT", host="here", port=9000 + broker_id)],
                log_dirs=[bytes([broker_id, 7]) * 8],
                fenced=False,
            )
            for broker_id in broker_ids
        ]
    )


def topic(
    name: str, partitions: int = 1, replicas: int = 1, **configs: str | None
) -> CreatableTopic:
    """`retention_ms="5"` sets retention.ms."""
    return CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=replicas,
        configs=[
            CreatableTopicConfig(name=key.replace("_", "."), value=value)
            for key, value in configs.items()
        ],
    )


def with_topics(image: ClusterImage, *topics: CreatableTopic) -> ClusterImage:
    request = CreateTopicsRequest(topics=list(topics))
    dice = Random(f"{image.topics.keys()} {topics}")  # ids that are not those of other calls
    decided = create_topics(image, CONFIGS, dice, request)
    errors: Sequence[str | None] = [t.error_message for t in decided.response.topics]
    assert not any(errors), errors
    return image.apply(decided.records)
