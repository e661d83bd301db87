"""The log directories of brokers, and what lies in them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from moldau.client.admin import Admin
from moldau.client.connection import Connection
from moldau.client.errors import Refused

TopicPartition = tuple[str, int]


class Replica(NamedTuple):
    """`lag` is how many records it is behind; a future one is being moved into this directory."""

    size: int
    lag: int
    is_future: bool


class LogDir(NamedTuple):
    """`error` is None when the directory is online; sizes are bytes, -1 when not known."""

    path: str
    error: Refused | None
    replicas: dict[TopicPartition, Replica]
    total_bytes: int
    usable_bytes: int


def describe_log_dirs(admin: Admin, brokers: Iterable[int]) -> dict[int, list[LogDir]]:
    """All replicas of each broker. Raises KafkaError for the first that does not answer."""
    from moldau.protocol.messages.describe_log_dirs import (
        DescribeLogDirsRequest,
        DescribeLogDirsResponse,
    )

    def attempt(connection: Connection) -> list[LogDir]:
        request = DescribeLogDirsRequest(topics=None)
        answer = admin.ask(connection, request, DescribeLogDirsResponse)
        if answer.error_code:
            raise Refused(answer.error_code)
        return [
            LogDir(
                result.log_dir,
                Refused(result.error_code) if result.error_code else None,
                {
                    (t.name, p.partition_index): Replica(
                        p.partition_size, p.offset_lag, p.is_future_key
                    )
                    for t in result.topics
                    for p in t.partitions
                },
                result.total_bytes,
                result.usable_bytes,
            )
            for result in answer.results
        ]

    return {
        broker: admin.call("describeLogDirs", partial(admin.broker, broker), attempt)
        for broker in brokers
    }
