"""What `moldau folder check` found, for programs."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from moldau.broker.takeover.contents import Contents, PartitionContents
from moldau.broker.takeover.verdict import Reason
from moldau.cluster.image import ResourceType
from moldau.cluster.records import UnknownRecord
from moldau.protocol import uuids
from moldau.server.folder.check import Findings

_RESOURCES = {kind.value: kind.name for kind in ResourceType}
_SECRET = ("password", "secret", "jaas", "keystore.key")


def as_json(findings: Findings) -> dict[str, Any]:
    found: dict[str, Any] = {
        "folder": findings.folder,
        "running": findings.holder is not None,
        "process": findings.holder or None,
        "moldau": _verdict(findings.moldau),
        "apache_kafka": _verdict(findings.apache),
    }
    return found if findings.contents is None else found | contents_as_json(findings.contents)


def _verdict(reasons: list[Reason]) -> dict[str, Any]:
    return {
        "can_go_on": not reasons,
        "reasons": [
            {"what": one.what, "where": list(one.where), "advice": one.advice} for one in reasons
        ],
    }


def contents_as_json(contents: Contents) -> dict[str, Any]:
    stored, meta = contents.metadata, contents.meta
    return {
        "cluster_id": meta.cluster_id if meta else None,
        "node_id": meta.node_id if meta else None,
        "directory_id": meta.directory_id if meta else None,
        "stopped_cleanly": contents.is_clean,
        "features": dict(sorted(stored.image.features.items())),
        "kraft_version": stored.quorum.kraft_version,
        "voters": list(stored.quorum.voter_ids),
        "metadata": {
            "end_offset": stored.end_offset,
            "log_bytes": stored.size,
            "snapshots": [one.file for one in stored.snapshots],
            "damage": stored.damage,
            "next_producer_id": stored.image.next_producer_id,
            "not_interpreted": _kept(contents),
        },
        "client_quotas": [
            {"entity": dict(whom), "limits": dict(limits)}
            for whom, limits in stored.image.client_quotas.items()
        ],
        "other_configs": _other_configs(contents),
        "topics": _topics(contents),
        "groups": [
            {
                "group": one.id,
                "protocol": one.kind,
                "protocol_type": one.protocol_type,
                "members": one.members,
                "committed_offsets": one.offsets,
                "kept_in": one.where,
            }
            for one in contents.groups
        ],
        "transactional_ids": [
            {
                "transactional_id": one.id,
                "producer_id": one.producer_id,
                "state": one.state,
                "partitions": list(one.partitions),
                "kept_in": one.where,
            }
            for one in contents.transactional
        ],
        "other_directories": contents.others,
    }


def _kept(contents: Contents) -> dict[str, int]:
    """How many records of the metadata there are that nothing interprets, by type."""
    names = (
        f"type {record.type}" if isinstance(record, UnknownRecord) else type(record).__name__
        for record in contents.metadata.image.others.values()
    )
    return dict(Counter(names))


def _other_configs(contents: Contents) -> list[dict[str, Any]]:
    """Dynamic configs of what is no topic: brokers (without a name: all of them), groups, ...
    Passwords among them are in the metadata as they are, and not shown."""
    return [
        {
            "resource_type": _RESOURCES.get(kind, str(kind)),
            "resource": name,
            "configs": {
                key: None if any(word in key for word in _SECRET) else value
                for key, value in values.items()
            },
        }
        for (kind, name), values in contents.metadata.image.configs.items()
        if kind != ResourceType.TOPIC
    ]


def _topics(contents: Contents) -> list[dict[str, Any]]:
    partitions: dict[str, list[PartitionContents]] = defaultdict(list)
    for one in contents.partitions:
        partitions[one.topic].append(one)
    image = contents.metadata.image
    return [
        {
            "topic": topic.name,
            "topic_id": uuids.to_text(topic.id),
            "configs": dict(image.config(ResourceType.TOPIC, topic.name)),
            "partitions": [_partition(one) for one in partitions[topic.name]],
        }
        for topic in image.topics.values()
    ]


def _partition(one: PartitionContents) -> dict[str, Any]:
    return {
        "partition": one.partition,
        "has_directory": one.is_there,
        "log_start_offset": one.log_start_offset,
        "log_end_offset": one.log_end_offset,
        "bytes": one.size,
        "producers": one.producers,
        "open_transactions": [
            {"producer_id": each.producer_id, "first_offset": each.first_offset}
            for each in one.open_transactions
        ],
        "aborted_transactions": one.aborted,
        "damage": one.damage,
    }
