"""Records of partitions, as an administrator deals with them: deleting the oldest."""

from __future__ import annotations

from collections.abc import Mapping

from moldau.client.admin import Admin
from moldau.client.connection import Connection
from moldau.client.errors import KafkaError, Refused
from moldau.client.leaders import TopicPartition, by_leader, by_topic


def delete_records(
    admin: Admin, before: Mapping[TopicPartition, int], timeout_ms: int | None = None
) -> dict[TopicPartition, int | KafkaError]:
    """Deletes what lies below an offset (-1: all). The new start of each log, or why not."""
    from moldau.protocol.messages.delete_records import (
        DeleteRecordsPartition,
        DeleteRecordsRequest,
        DeleteRecordsResponse,
        DeleteRecordsTopic,
    )

    def ask(
        connection: Connection, partitions: list[TopicPartition]
    ) -> dict[TopicPartition, int | KafkaError]:
        topics = [
            DeleteRecordsTopic(
                name=topic,
                partitions=[
                    DeleteRecordsPartition(partition_index=i, offset=before[topic, i])
                    for i in indexes
                ],
            )
            for topic, indexes in by_topic(partitions).items()
        ]
        request = DeleteRecordsRequest(topics=topics, timeout_ms=admin.settings.api_timeout_ms)
        answer = admin.ask(connection, request, DeleteRecordsResponse)
        return {
            (t.name, p.partition_index): Refused(p.error_code) if p.error_code else p.low_watermark
            for t in answer.topics
            for p in t.partitions
        }

    return by_leader(admin, "deleteRecords", list(before), ask, timeout_ms)
