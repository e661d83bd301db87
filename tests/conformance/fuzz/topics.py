"""Steps about topics: made, grown, configured, looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from tests.conformance.fuzz.scene import Drawn, Scene
from tests.conformance.requests import request

TOPICS = 3  # of a sequence, at most
# Compressed by the broker they differ in size, but for gzip: it is the same zlib. And what is
# compacted has no segments that a cleaner would take.
CONFIGS: Mapping[str, Sequence[str | None]] = {
    "cleanup.policy": ("delete", "compact", "compact,delete", "", "shred", None),
    "compression.type": ("producer", "gzip", "uncompressed", "rar"),
    "compression.gzip.level": ("1", "9", "-1", "0", "12"),
    "index.interval.bytes": ("0", "100", "4096", "-1"),
    "max.message.bytes": ("0", "150", "300", "2000000", "-1", "x"),
    "message.timestamp.after.max.ms": ("0", "1000", "3600000", "-1"),
    "message.timestamp.before.max.ms": ("0", "3600000", "9223372036854775807"),
    "message.timestamp.type": ("CreateTime", "LogAppendTime", "Never"),
    "min.insync.replicas": ("1", "2", "0"),
    "retention.bytes": ("-1", "5", "1e6", "-2"),
    "retention.ms": ("-1", "5", "604800000", "-2", " 7 ", None),
    "segment.bytes": ("1048576", "1073741824", "1"),
    "bogus": ("1",),
    "": ("1",),
}


def config(rng: Random) -> dict[str, Any]:
    name = rng.choice(list(CONFIGS))
    return {"name": name, "value": rng.choice(CONFIGS[name])}


def of_create(rng: Random, scene: Scene) -> Drawn:
    full = len(scene.topics) >= TOPICS
    name = scene.both.unused_name()
    topic = {
        "name": rng.choice((name,) * 5 + (scene.topics[0], "a b", "")),
        "num_partitions": rng.choice((1, 2, 2, 3, -1, 0)),
        "replication_factor": rng.choice((1, 1, 1, -1, 2)),
        "configs": [config(rng) for _ in range(rng.choice((0, 1, 2)))],
    }
    if rng.random() < 0.1:
        topic |= {"num_partitions": -1, "replication_factor": -1}
        places = rng.choice(([0], [0, 1], [1], [0, 0]))
        node = rng.choice((1, 1, 1, 9))
        topic["assignments"] = [{"partition_index": i, "broker_ids": [node]} for i in places]
    only = full or rng.random() < 0.5
    return Drawn(request("CreateTopics", topics=[topic], validate_only=only), rng.randint(2, 7))


def of_grow(rng: Random, scene: Scene) -> Drawn:
    wanted = {
        "name": scene.topic(rng),
        "count": rng.choice((1, 2, 3, 3, 4, 0, -1)),
        "assignments": rng.choice((None, None, None, [{"broker_ids": [1]}], [{"broker_ids": [9]}])),
    }
    asked = request("CreatePartitions", topics=[wanted], validate_only=rng.random() < 0.3)
    return Drawn(asked, rng.randrange(4))


def of_alter(rng: Random, scene: Scene) -> Drawn:
    changes = [
        {**config(rng), "config_operation": rng.choice((0, 0, 0, 0, 1, 2, 3))}
        for _ in range(rng.choice((1, 1, 1, 2)))
    ]
    resource = {"resource_type": 2, "resource_name": scene.topic(rng), "configs": changes}
    only = rng.random() < 0.2
    asked = request("IncrementalAlterConfigs", resources=[resource], validate_only=only)
    return Drawn(asked, rng.randrange(2))


def of_replace(rng: Random, scene: Scene) -> Drawn:
    """All configs of a topic at once."""
    resource = {
        "resource_type": 2,
        "resource_name": scene.topic(rng),
        "configs": [config(rng) for _ in range(rng.choice((0, 1, 2)))],
    }
    only = rng.random() < 0.2
    return Drawn(
        request("AlterConfigs", resources=[resource], validate_only=only), rng.randrange(3)
    )


def of_configs(rng: Random, scene: Scene) -> Drawn:
    keys = rng.choice((None, ["retention.ms", "bogus"], ["flush.messages"], []))
    resource = {
        "resource_type": 2,
        "resource_name": scene.topic(rng),
        "configuration_keys": keys,
    }
    asked = request("DescribeConfigs", resources=[resource], include_synonyms=rng.random() < 0.5)
    return Drawn(asked, rng.randint(1, 4))


def of_topics(rng: Random, scene: Scene) -> Drawn:
    named = scene.topic(rng)
    if rng.random() < 0.5:
        limit = rng.choice((2000, 1, 2))
        asked = request(
            "DescribeTopicPartitions", topics=[{"name": named}], response_partition_limit=limit
        )
        return Drawn(asked, 0)
    asked = request("Metadata", topics=[{"name": named}], allow_auto_topic_creation=False)
    return Drawn(asked, rng.randint(4, 13))


DRAW: Sequence[Callable[[Random, Scene], Drawn]] = (
    *(of_create, of_grow, of_alter, of_alter, of_alter, of_replace, of_configs, of_topics),
)
