"""DescribeLogDirs, versions 1-5: how large the logs are, and the disk that holds them.

- v3: an error for the whole answer. v4: total and usable bytes (KIP-827). v5: cordoned (never).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.protocol.messages.describe_log_dirs import (
    DescribeLogDirsPartition,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
    DescribeLogDirsTopic,
)

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> DescribeLogDirsResponse:
    wanted = request.body.topics
    asked = None if wanted is None else {(t.topic, p) for t in wanted for p in t.partitions}
    topics = []
    for name, topic in node.image.topics.items():
        partitions = [
            DescribeLogDirsPartition(partition_index=index, partition_size=_size(node, name, index))
            for index in range(len(topic.partitions))
            if asked is None or (name, index) in asked
        ]
        if partitions:
            topics.append(DescribeLogDirsTopic(name=name, partitions=partitions))
    total, usable = node.logs.disk_space()
    result = DescribeLogDirsResult(
        log_dir=node.logs.data_dir,
        topics=topics,
        total_bytes=total,
        usable_bytes=usable,
    )
    return DescribeLogDirsResponse(results=[result])


def _size(node: Node, topic: str, index: int) -> int:
    """Of a log that is not open yet: nothing."""
    partition = node.partitions.get((topic, index))
    return 0 if partition is None else partition.log.size
