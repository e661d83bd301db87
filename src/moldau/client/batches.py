"""Record batches as they are, read and appended: what librdkafka neither shows nor lets choose.

Producer ids, sequence numbers, the offsets of a batch, control batches, transactions that were
aborted. For tools that copy logs; who produces and consumes records uses confluent-kafka.

Each request is sent and received apart, so that several brokers work at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from moldau.client.admin import Admin
from moldau.client.connection import Connection, Sent
from moldau.client.errors import Refused
from moldau.client.leaders import TopicPartition
from moldau.client.offsets import READ_COMMITTED
from moldau.protocol.messages.fetch import (
    AbortedTransaction,
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
)
from moldau.protocol.messages.init_producer_id import (
    InitProducerIdRequest,
    InitProducerIdResponse,
)
from moldau.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from moldau.protocol.uuids import ZERO

TopicIds = Mapping[str, bytes]
# The first versions that name topics by their id: one that was deleted and created again is
# then another topic, and is refused.
_FETCH_BY_NAME = 12
_PRODUCE_BY_NAME = 12


class Fetched(NamedTuple):
    """`records` holds whole batches, and perhaps a last one that is cut off."""

    error_code: int
    log_start: int
    high_watermark: int
    stable_end: int
    aborted: list[AbortedTransaction]
    records: memoryview


class Appended(NamedTuple):
    error_code: int
    base_offset: int
    message: str | None


class FetchLimits(NamedTuple):
    """A partition's first batch is sent whole, however large it is."""

    partition_bytes: int = 1 << 20
    total_bytes: int = 32 << 20
    wait_ms: int = 0
    isolation: int = READ_COMMITTED


def _have_ids(topics: Mapping[str, object], ids: TopicIds) -> bool:
    return all(ids.get(topic, ZERO) != ZERO for topic in topics)


def send_fetch(
    connection: Connection,
    offsets: Mapping[TopicPartition, int],
    ids: TopicIds,
    limits: FetchLimits,
    timeout_s: float = 30,
) -> Sent:
    """Asks a leader for what is at these offsets and behind."""
    topics: dict[str, FetchTopic] = {}
    for (topic, partition), offset in offsets.items():
        part = topics.setdefault(topic, FetchTopic(topic=topic, topic_id=ids.get(topic, ZERO)))
        part.partitions.append(
            FetchPartition(
                partition=partition,
                fetch_offset=offset,
                partition_max_bytes=limits.partition_bytes,
            )
        )
    request = FetchRequest(
        max_wait_ms=limits.wait_ms,
        min_bytes=1 if limits.wait_ms else 0,
        max_bytes=limits.total_bytes,
        isolation_level=limits.isolation,
        topics=list(topics.values()),
    )
    newest = 99 if _have_ids(topics, ids) else _FETCH_BY_NAME
    return connection.send(request, newest=newest, timeout_s=timeout_s)


def receive_fetch(
    connection: Connection, sent: Sent, ids: TopicIds, timeout_s: float = 30
) -> dict[TopicPartition, Fetched]:
    """Raises Refused when the request as a whole was."""
    answer = connection.receive(sent, FetchResponse, timeout_s)
    if answer.error_code:
        raise Refused(answer.error_code)
    names = {uuid: name for name, uuid in ids.items()}
    return {
        (t.topic or names.get(t.topic_id, ""), p.partition_index): Fetched(
            p.error_code,
            p.log_start_offset,
            p.high_watermark,
            p.last_stable_offset,
            p.aborted_transactions or [],
            memoryview(b"") if p.records is None else p.records,
        )
        for t in answer.responses
        for p in t.partitions
    }


def send_produce(
    connection: Connection,
    batches: Mapping[TopicPartition, bytes],
    ids: TopicIds,
    timeout_ms: int = 30_000,
) -> Sent:
    """Appends one batch to each partition, with acks=all."""
    topics: dict[str, TopicProduceData] = {}
    for (topic, partition), batch in batches.items():
        part = topics.setdefault(topic, TopicProduceData(name=topic, topic_id=ids.get(topic, ZERO)))
        part.partition_data.append(PartitionProduceData(index=partition, records=batch))
    request = ProduceRequest(acks=-1, timeout_ms=timeout_ms, topic_data=list(topics.values()))
    newest = 99 if _have_ids(topics, ids) else _PRODUCE_BY_NAME
    return connection.send(request, newest=newest, timeout_s=timeout_ms / 1000)


def receive_produce(
    connection: Connection, sent: Sent, ids: TopicIds, timeout_s: float = 40
) -> dict[TopicPartition, Appended]:
    answer = connection.receive(sent, ProduceResponse, timeout_s)
    names = {uuid: name for name, uuid in ids.items()}
    return {
        (t.name or names.get(t.topic_id, ""), p.index): Appended(
            p.error_code, p.base_offset, p.error_message
        )
        for t in answer.responses
        for p in t.partition_responses
    }


def new_producer_id(admin: Admin) -> int:
    """A producer id that nobody else has, for idempotent batches. Its epochs begin at 0."""

    def attempt(connection: Connection) -> int:
        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0)
        answer = admin.ask(connection, request, InitProducerIdResponse)
        if answer.error_code:
            raise Refused(answer.error_code)
        return answer.producer_id

    return admin.call("initProducerId", admin.anyone, attempt)
