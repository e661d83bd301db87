"""What differs between two images: what a broker opens, closes and reconfigures."""

from __future__ import annotations

from typing import NamedTuple

from moldau.cluster.image import ClusterImage, ResourceType, TopicImage


class Changes(NamedTuple):
    """Topics that are new, gone, or have other partitions; and where configs changed.

    `altered` holds pairs of before and after. A topic that was deleted and created again has a
    new id, so it is in `removed` and in `created`. `configured` are the names of topics that
    exist and whose own configs differ; `brokers_configured` says that the defaults did.
    """

    created: list[TopicImage]
    removed: list[TopicImage]
    altered: list[tuple[TopicImage, TopicImage]]
    configured: list[str]
    brokers_configured: bool


def changes(old: ClusterImage, new: ClusterImage) -> Changes:
    configured, brokers_configured = _configured(old, new)
    result = Changes([], [], [], configured, brokers_configured)
    if old.topics_by_id is new.topics_by_id:
        return result
    for topic_id, topic in new.topics_by_id.items():
        before = old.topics_by_id.get(topic_id)
        if before is None:
            result.created.append(topic)
        elif before is not topic and before.partitions != topic.partitions:
            result.altered.append((before, topic))
    if len(new.topics_by_id) - len(result.created) != len(old.topics_by_id):
        result.removed.extend(
            topic
            for topic_id, topic in old.topics_by_id.items()
            if topic_id not in new.topics_by_id
        )
    return result


def _configured(old: ClusterImage, new: ClusterImage) -> tuple[list[str], bool]:
    topics: list[str] = []
    brokers = False
    if old.configs is new.configs:
        return topics, brokers
    for key in old.configs.keys() | new.configs.keys():
        if old.configs.get(key) != new.configs.get(key):
            resource_type, name = key
            brokers = brokers or resource_type == ResourceType.BROKER
            if resource_type == ResourceType.TOPIC and name in new.topics:
                topics.append(name)
    return topics, brokers
