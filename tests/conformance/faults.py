"""What can be wrong with a request, for every API that we serve.

A fault sets fields of the good request of test_every_version.py. `topics.0.name` is the place of a
field; two faults that set the same one exclude each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

from tests.conformance.both import Both, Pair
from tests.conformance.requests import UNKNOWN_ID
from tests.conformance.test_every_version import Scene

Fault = Mapping[str, Any]


class Populated(Scene):
    """With a group that has one member, which has its assignment, and a compacted topic."""

    def __init__(self, both: Both) -> None:
        super().__init__(both)
        self.compacted = both.topic(cleanup_policy="compact")
        self.full = both.group()
        wanted: dict[str, Any] = {
            "group_id": self.full,
            "session_timeout_ms": 600_000,  # it is there until the last of the faults
            "protocols": [{"name": "range", "metadata": b"m"}],
        }
        self.member: Pair = both.ask("JoinGroup", 3, **wanted).member_id
        both.ask("SyncGroup", 4, group_id=self.full, generation_id=1, member_id=self.member)
        self.stable = {
            "group_id": self.full,
            "member_id": self.member,
            "generation_id": 1,
        }


def _topic(list_name: str = "topics", name: str = "name", by_id: bool = False) -> dict[str, Fault]:
    place = f"{list_name}.0."
    found: dict[str, Fault] = {
        "unknown topic": {place + name: "nope"},
        "bad name": {place + name: "a b"},
        "empty name": {place + name: ""},
    }
    if by_id:
        found["unknown id"] = {place + "topic_id": UNKNOWN_ID}
    return found


def _resource(scene: Scene) -> dict[str, Fault]:
    place = "resources.0."
    return {
        **_topic("resources", "resource_name"),
        "no kind": {place + "resource_type": 0},
        "unknown kind": {place + "resource_type": 99},
        "a broker": {place + "resource_type": 4},
        "a logger": {place + "resource_type": 8},
        "a group": {place + "resource_type": 32},
        "client metrics": {place + "resource_type": 16},
    }


def _alteration(scene: Scene) -> dict[str, Fault]:
    config = "resources.0.configs.0."
    return {
        **_resource(scene),
        "unknown config": {config + "name": "bogus"},
        "bad value": {config + "value": "x"},
        "no value": {config + "value": None},
        "too long": {config + "value": "9" * 40_000},
    }


def _quota(scene: Scene) -> dict[str, Fault]:
    entry = "entries.0."
    return {
        "unknown entity": {entry + "entity.0.entity_type": "bogus"},
        "empty entity": {entry + "entity.0.entity_name": ""},
        "default entity": {entry + "entity.0.entity_name": None},
        "no entity": {entry + "entity": []},
        "unknown key": {entry + "ops.0.key": "bogus"},
        "no key": {entry + "ops.0.key": ""},
        "of addresses": {entry + "ops.0.key": "connection_creation_rate"},
        "negative": {entry + "ops.0.value": -1.0},
        "no whole number": {entry + "ops.0.value": 1.5},
        "nothing": {entry + "ops": []},
    }


_MEMBER: dict[str, Fault] = {
    "no group": {"group_id": ""},
    "unknown group": {"group_id": "nobody"},
    "no member": {"member_id": ""},
    "stranger": {"member_id": "stranger"},
    "unknown instance": {"group_instance_id": "i"},
    "old generation": {"generation_id": 0},
    "generation to come": {"generation_id": 2},
}

FAULTS: Mapping[str, Callable[[Populated], Mapping[str, Fault]]] = {
    "Metadata": lambda s: {
        "unknown topic": {"topics.0.name": "nope"},
        "bad name": {"topics.0.name": "a b"},
        "unknown id": {"topics.0.name": None, "topics.0.topic_id": UNKNOWN_ID},
        "id and name": {"topics.0.topic_id": s.id},
        "operations": {"include_topic_authorized_operations": True},
    },
    "OffsetFetch": lambda s: {
        **_topic("groups.0.topics", by_id=True),
        "no group": {"groups.0.group_id": ""},
        "unknown group": {"groups.0.group_id": "nobody"},
        "stranger": {"groups.0.member_id": "stranger", "groups.0.member_epoch": 1},
        "epoch": {"groups.0.member_epoch": 5},
        "unknown partition": {"groups.0.topics.0.partition_indexes": [9, -1]},
        "no partitions": {"groups.0.topics.0.partition_indexes": []},
    },
    "FindCoordinator": lambda s: {
        "no key": {"coordinator_keys.0": ""},
        "no keys": {"coordinator_keys": []},
        "unknown type": {"key_type": 9},
        "negative type": {"key_type": -1},
    },
    "Heartbeat": lambda s: _MEMBER,
    "SyncGroup": lambda s: {
        **_MEMBER,
        "other type": {"protocol_type": "connect"},
        "other protocol": {"protocol_name": "sticky"},
        "assigned to a stranger": {"assignments": [{"member_id": "stranger"}]},
    },
    "LeaveGroup": lambda s: {
        "no group": {"group_id": ""},
        "unknown group": {"group_id": "nobody"},
        "stranger": {"members.0.member_id": "stranger"},
        "no member": {"members.0.member_id": ""},
        "unknown instance": {"members.0.group_instance_id": "i"},
        "nobody leaves": {"members": []},
    },
    "DescribeGroups": lambda s: {
        "no group": {"groups.0": ""},
        "unknown group": {"groups.0": "nobody"},
        "no groups": {"groups": []},
    },
    "ListGroups": lambda s: {
        "unknown state": {"states_filter": ["bogus"]},
        "no state": {"states_filter": [""]},
        "unknown type": {"types_filter": ["bogus"]},
        "no type": {"types_filter": [""]},
    },
    "DeleteTopics": lambda s: {
        **_topic(by_id=True),
        "by unknown id": {"topics.0.name": None, "topics.0.topic_id": UNKNOWN_ID},
        "twice": {"topics.1": {"name": "nope"}},
        "neither": {"topics.0.name": None},  # Kafka shuffles its answers: two need names
    },
    "DeleteRecords": lambda s: {
        **_topic(),
        "compacted": {"topics.0.name": s.compacted},
        "internal": {"topics.0.name": "__consumer_offsets"},
        "unknown partition": {"topics.0.partitions.0.partition_index": 9},
        "too far": {"topics.0.partitions.0.offset": 99},
        "negative": {"topics.0.partitions.0.offset": -2},
    },
    "OffsetForLeaderEpoch": lambda s: {
        **_topic(name="topic"),
        "unknown partition": {"topics.0.partitions.0.partition": 9},
        "old epoch": {"topics.0.partitions.0.current_leader_epoch": 7},
        "unknown epoch": {"topics.0.partitions.0.leader_epoch": 9},
        "a replica": {"replica_id": 5},
    },
    "DescribeConfigs": lambda s: {
        **_resource(s),
        "unknown config": {"resources.0.configuration_keys": ["bogus"]},
        "no configs": {"resources.0.configuration_keys": []},
    },
    "AlterConfigs": _alteration,
    "IncrementalAlterConfigs": lambda s: {
        **_alteration(s),
        "append": {"resources.0.configs.0.config_operation": 2},
    },
    "DescribeLogDirs": lambda s: {
        **_topic(name="topic"),
        "unknown partition": {"topics.0.partitions": [9]},
        "no partitions": {"topics.0.partitions": []},
    },
    "CreatePartitions": lambda s: {
        **_topic(),
        "fewer": {"topics.0.count": 1},
        "none": {"topics.0.count": 0},
        "as many": {"topics.0.count": 2},
        "more than assigned": {"topics.0.count": 5},
        "to nobody": {"topics.0.assignments": [{"broker_ids": [9]}]},
        "to the same twice": {"topics.0.assignments": [{"broker_ids": [1, 1]}]},
        "internal": {"topics.0.name": "__consumer_offsets"},
    },
    "DeleteGroups": lambda s: {
        "no group": {"groups_names.0": ""},
        "with a member": {"groups_names.0": s.full},
        "twice": {"groups_names.1": "nobody", "groups_names.2": "nobody"},
        "and with a member": {"groups_names.3": s.full},
    },
    "OffsetDelete": lambda s: {
        **_topic(),
        "no group": {"group_id": ""},
        "unknown group": {"group_id": "nobody"},
        "with a member": {"group_id": s.full},
        "unknown partition": {"topics.0.partitions.0.partition_index": 9},
        "no partitions": {"topics.0.partitions": []},
    },
    "DescribeClientQuotas": lambda s: {
        "unknown entity": {"components.0.entity_type": "bogus"},
        "no entity": {"components.0.entity_type": ""},
        "unknown way": {"components.0.match_type": 9},
        "nothing to match": {"components.0.match": None},
        "default": {"components.0.match_type": 1},
        "twice": {"components.1": {"entity_type": "client-id", "match_type": 2}},
        "an address": {"components.2": {"entity_type": "ip", "match_type": 2}},
        "strict": {"strict": True},
    },
    "AlterClientQuotas": _quota,
    "DescribeUserScramCredentials": lambda s: {
        "no name": {"users.0.name": ""},
        "once": {"users.2.name": "other"},
        "nobody": {"users": []},
    },
    "UpdateFeatures": lambda s: {
        "known": {"feature_updates.0.feature": "metadata.version"},
        "no feature": {"feature_updates.0.feature": ""},
        "negative": {"feature_updates.0.max_version_level": -1},
        "too high": {"feature_updates.0.max_version_level": 99},
        "down": {"feature_updates.0.upgrade_type": 2},
        "unknown way": {"feature_updates.0.upgrade_type": 9},
        "twice": {"feature_updates.1": {"feature": "nonsense.version", "max_version_level": 2}},
    },
    "DescribeCluster": lambda s: {
        "controllers": {"endpoint_type": 2},
        "unknown kind": {"endpoint_type": 9},
        "fenced": {"include_fenced_brokers": True},
    },
    "DescribeProducers": lambda s: {
        **_topic(),
        "unknown partition": {"topics.0.partition_indexes": [9, -1]},
        "no partitions": {"topics.0.partition_indexes": []},
    },
    "ListConfigResources": lambda s: {
        "no kind": {"resource_types.0": 0},
        "unknown kind": {"resource_types.1": 99},
        "negative": {"resource_types.2": -1},
        "twice": {"resource_types.3": 2},
    },
    "DescribeTopicPartitions": lambda s: {
        **_topic(),
        "no limit": {"response_partition_limit": 0},
        "negative limit": {"response_partition_limit": -1},
        "cursor": {"cursor": {"topic_name": s.topic, "partition_index": 1}},
    },
}
# What is good for these, where test_every_version.py asks something else.
SOUND: Mapping[str, Callable[[Populated], dict[str, Any]]] = {
    "Heartbeat": lambda s: dict(s.stable),
    "SyncGroup": lambda s: {**s.stable, "protocol_type": "consumer", "protocol_name": "range"},
    "LeaveGroup": lambda s: {"group_id": s.full, "members": [{"member_id": s.member}]},
}


def together(faults: Mapping[str, Fault]) -> list[tuple[str, Fault]]:
    """Each alone, then each two that do not exclude each other."""
    found = list(faults.items())
    for (one, first), (other, second) in combinations(faults.items(), 2):
        if not any(_overlap(a, b) for a in first for b in second):
            found.append((f"{one} and {other}", {**first, **second}))
    return found


def _overlap(one: str, other: str) -> bool:
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def spoilt(good: Mapping[str, Any], fault: Fault) -> dict[str, Any]:
    """The request with its faults."""
    fields = {key: _copied(value) for key, value in good.items()}
    for place, value in fault.items():
        *steps, last = place.split(".")
        at: Any = fields
        for step in steps:
            at = at[int(step)] if isinstance(at, list) else at[step]
        if not isinstance(at, list):
            at[last] = value
        elif int(last) < len(at):
            at[int(last)] = value
        else:
            at.append(value)
    return fields


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_copied(item) for item in value]
    return value
