"""What this broker serves: API keys, versions, and where the handler is.

A handler's module is imported when its API is first asked for: a start-up needs three of them.
Each has the request's class as `REQUEST` and a function `handle(node, request)`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from moldau.protocol.schema import FOREVER

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request
    from moldau.protocol.schema import Message

# API key: (name, oldest version, newest version); Apache Kafka 4.3.1's ranges (`kafka-broker-
# api-versions`). Not here: transactions, KIP-848 and share groups, raft, ACLs, telemetry.
SERVED: dict[int, tuple[str, int, int]] = {
    0: ("Produce", 3, 13),
    1: ("Fetch", 4, 18),
    2: ("ListOffsets", 1, 11),
    3: ("Metadata", 0, 13),
    8: ("OffsetCommit", 2, 10),
    9: ("OffsetFetch", 1, 10),
    10: ("FindCoordinator", 0, 6),
    11: ("JoinGroup", 0, 9),
    12: ("Heartbeat", 0, 4),
    13: ("LeaveGroup", 0, 5),
    14: ("SyncGroup", 0, 5),
    15: ("DescribeGroups", 0, 6),
    16: ("ListGroups", 0, 5),
    18: ("ApiVersions", 0, 4),
    19: ("CreateTopics", 2, 7),
    20: ("DeleteTopics", 1, 6),
    21: ("DeleteRecords", 0, 2),
    22: ("InitProducerId", 0, 5),
    23: ("OffsetForLeaderEpoch", 2, 4),
    32: ("DescribeConfigs", 1, 4),
    33: ("AlterConfigs", 0, 2),
    35: ("DescribeLogDirs", 1, 5),
    37: ("CreatePartitions", 0, 3),
    42: ("DeleteGroups", 0, 2),
    44: ("IncrementalAlterConfigs", 0, 1),
    47: ("OffsetDelete", 0, 0),
    48: ("DescribeClientQuotas", 0, 1),
    49: ("AlterClientQuotas", 0, 1),
    50: ("DescribeUserScramCredentials", 0, 0),
    57: ("UpdateFeatures", 0, 2),
    60: ("DescribeCluster", 0, 2),
    61: ("DescribeProducers", 0, 0),
    74: ("ListConfigResources", 0, 1),
    75: ("DescribeTopicPartitions", 0, 0),
}

# Advertised although refused: without it older librdkafka sends uncompressed (KAFKA-18659).
ADVERTISED_FROM = {0: 0}


class Handle(Protocol):
    """None: the request is parked, and answered later by `node.respond`."""

    def __call__(self, node: Node, request: Request, /) -> Message | None: ...


class Served(NamedTuple):
    name: str
    low: int
    high: int
    flexible: int  # the first flexible version (KIP-482)
    request: type[Any]
    handle: Handle


def load(api_key: int) -> Served:
    name, low, high = SERVED[api_key]
    snake = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
    messages = import_module(f"moldau.protocol.messages.{snake}")
    request = getattr(messages, f"{name}Request")
    handler = import_module(f"moldau.broker.handlers.{snake}")
    first, last = request.flexible
    return Served(name, low, high, first if first <= last else FOREVER, request, handler.handle)
