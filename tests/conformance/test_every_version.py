"""Every API in every version that we serve: a request that uses its fields, and both answers.

A version is a shape of bytes, and some mean other things; what an API does is told elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from moldau.broker.served import SERVED
from tests.attacks.raw import NOW, batch
from tests.conformance.both import Both
from tests.conformance.requests import produce

pytestmark = pytest.mark.apache
Fields = dict[str, Any]


class Scene:
    """A topic with records, its id, and a group with offsets."""

    def __init__(self, both: Both) -> None:
        self.both = both
        self.topic = both.topic(2)
        self.id = both.topic_id(self.topic)
        self.group = both.group()
        both.ask(produce(self.topic, batch(b"a", b"b")), 12)
        both.ask("OffsetCommit", **commit(self))

    def named(self, **fields: Any) -> list[Fields]:
        return [{"name": self.topic, "topic_id": self.id, **fields}]


def commit(scene: Scene) -> Fields:
    part = {"partition_index": 0, "committed_offset": 1, "committed_metadata": "why"}
    return {"group_id": scene.group, "topics": scene.named(partitions=[part])}


def fetch_fields(scene: Scene) -> Fields:
    part = {"partition": 0, "fetch_offset": 1, "current_leader_epoch": 0, "log_start_offset": 0}
    return {"topics": [{"topic": scene.topic, "topic_id": scene.id, "partitions": [part]}]}


def offset_fetch(scene: Scene) -> Fields:
    named = scene.named(partition_indexes=[0, 1])
    old = [{"name": scene.topic, "partition_indexes": [0, 1]}]
    return {
        "group_id": scene.group,
        "topics": old,
        "groups": [{"group_id": scene.group, "topics": named}],
        "require_stable": True,
    }


def joining(scene: Scene) -> Fields:
    return {"group_id": scene.group, "member_id": "stranger", "protocols": [{"name": "range"}]}


def alter(scene: Scene, **how: int) -> Fields:
    config = {"name": "retention.ms", "value": "5", **how}
    resource = {"resource_type": 2, "resource_name": scene.topic, "configs": [config]}
    return {"resources": [resource], "validate_only": True}


def quota(scene: Scene) -> Fields:
    entity = [{"entity_type": "client-id", "entity_name": scene.topic}]
    ops = [{"key": "producer_byte_rate", "value": 1e9}]
    return {"entries": [{"entity": entity, "ops": ops}], "validate_only": True}


REQUESTS: Mapping[str, Callable[[Scene], Fields]] = {
    "Produce": lambda s: {
        "topic_data": s.named(partition_data=[{"index": 1, "records": batch(b"v")}])
    },
    "Fetch": fetch_fields,
    "ListOffsets": lambda s: {
        "topics": [
            {
                "name": s.topic,
                "partitions": [
                    {"partition_index": 0, "timestamp": NOW, "current_leader_epoch": 0},
                    {"partition_index": 1, "timestamp": -2},
                ],
            }
        ]
    },
    "Metadata": lambda s: {"topics": [{"name": s.topic}], "allow_auto_topic_creation": False},
    "OffsetCommit": commit,
    "OffsetFetch": offset_fetch,
    "FindCoordinator": lambda s: {"key": s.group, "coordinator_keys": [s.group]},
    "JoinGroup": joining,
    "Heartbeat": lambda s: {"group_id": s.group, "generation_id": 1, "member_id": "stranger"},
    "LeaveGroup": lambda s: {
        "group_id": s.group,
        "member_id": "stranger",
        "members": [{"member_id": "stranger"}],
    },
    "SyncGroup": lambda s: {"group_id": s.group, "generation_id": 1, "member_id": "stranger"},
    "DescribeGroups": lambda s: {"groups": [s.group], "include_authorized_operations": True},
    "ListGroups": lambda s: {"own": True, "states_filter": ["Empty"], "types_filter": ["classic"]},
    "CreateTopics": lambda s: {
        "topics": [{"name": "new", "configs": [{"name": "retention.ms", "value": "5"}]}],
        "validate_only": True,
    },
    "DeleteTopics": lambda s: {"topic_names": ["nope"], "topics": [{"name": "nope"}]},
    "DeleteRecords": lambda s: {
        "topics": [{"name": s.topic, "partitions": [{"partition_index": 0, "offset": 1}]}]
    },
    "InitProducerId": lambda s: {"transactional_id": None, "transaction_timeout_ms": 1000},
    "OffsetForLeaderEpoch": lambda s: {
        "replica_id": -1,
        "topics": [
            {
                "topic": s.topic,
                "partitions": [{"partition": 0, "current_leader_epoch": 0, "leader_epoch": 0}],
            }
        ],
    },
    "DescribeConfigs": lambda s: {
        "resources": [{"resource_type": 2, "resource_name": s.topic}],
        "include_synonyms": True,
    },
    "AlterConfigs": alter,
    "DescribeLogDirs": lambda s: {"topics": [{"topic": s.topic, "partitions": [0, 1]}]},
    "CreatePartitions": lambda s: {
        "topics": [{"name": s.topic, "count": 3, "assignments": [{"broker_ids": [1]}]}],
        "validate_only": True,
    },
    "DeleteGroups": lambda s: {"groups_names": ["nobody"]},
    "IncrementalAlterConfigs": lambda s: alter(s, config_operation=0),
    "OffsetDelete": lambda s: {
        "group_id": s.group,
        "topics": [{"name": s.topic, "partitions": [{"partition_index": 0}]}],
    },
    "DescribeClientQuotas": lambda s: {
        "components": [{"entity_type": "client-id", "match_type": 0, "match": s.topic}]
    },
    "AlterClientQuotas": quota,
    "DescribeUserScramCredentials": lambda s: {
        "users": [{"name": "twice"}, {"name": "nobody"}, {"name": "twice"}]
    },
    "UpdateFeatures": lambda s: {
        "feature_updates": [{"feature": "nonsense.version", "max_version_level": 1}],
        "validate_only": True,
    },
    "DescribeCluster": lambda s: {
        "endpoint_type": 1,
        "include_cluster_authorized_operations": True,
    },
    "DescribeProducers": lambda s: {"topics": [{"name": s.topic, "partition_indexes": [0, 1]}]},
    "ListConfigResources": lambda s: {"own": True, "resource_types": [2]},
    "DescribeTopicPartitions": lambda s: {
        "topics": [{"name": s.topic}],
        "response_partition_limit": 1,
    },
}


# What ApiVersions says differs with what is served: test_metadata.py.
@pytest.mark.parametrize("api", [n for n, _, _ in SERVED.values() if n != "ApiVersions"])
def test_every_version(both: Both, api: str) -> None:
    """An API that has no request here fails: whoever serves it says how it is asked."""
    scene = Scene(both)
    both.producer()
    low, high = next((low, high) for name, low, high in SERVED.values() if name == api)
    for version in range(low, high + 1):
        both.ask(api, version, **REQUESTS[api](scene))
