"""Produce, versions 3-13: appends batches and answers as durably as `acks` asks.

- Versions 0-2 are advertised and refused (KAFKA-18659).
- v8: record errors and messages. v10: the current leader, when it is another. v13: topic ids.
- acks=0: no answer. acks=1: answered when the batch is in the operating system's hands. acks=all:
  answered after the shared sync of every log that was written (DESIGN decision 4); `moldau.sync`
  switches that off (`never`) or extends it to acks=1 (`always`).
- min.insync.replicas counts at most the replicas there are (Apache Kafka: effectiveMinIsr), so
  with one broker it never refuses.
- A duplicate is answered only when the original is on disk: its first answer may never have been
  sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.broker.repetition import Repetitions
from moldau.cluster.topic_names import INTERNAL
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.produce import (
    BatchIndexAndErrorMessage,
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceResponse,
)
from moldau.storage.log import Appended, Refused
from moldau.storage.validator import check_framing, fault_of_request, is_zstd

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.partition import Partition
    from moldau.broker.request import Request

BY_TOPIC_ID = 13
_ZSTD_SINCE = 7
# Errors with which the start of the log is not told (ReplicaManager.appendToLocalLog).
_WITHOUT_START = frozenset(
    {
        ErrorCode.CORRUPT_MESSAGE,
        ErrorCode.KAFKA_STORAGE_ERROR,
        ErrorCode.MESSAGE_TOO_LARGE,
        ErrorCode.RECORD_LIST_TOO_LARGE,
    }
)
# Who may write to internal topics (KafkaApis, AdminUtils.ADMIN_CLIENT_ID).
ADMIN_CLIENT = "__admin_client"


def handle(node: Node, request: Request) -> ProduceResponse | None:
    body = request.body
    fault = _fault_of_request(body)
    topics = []
    pending: list[tuple[Partition, int]] = []
    for topic in body.topic_data:
        name, missing = topic.name, _UNKNOWN
        if request.version >= BY_TOPIC_ID:
            name, missing = node.topic_name(topic.topic_id), ErrorCode.UNKNOWN_TOPIC_ID
        results = []
        for data in topic.partition_data:
            partition = node.partition(name, data.index)
            if fault is not None:
                results.append(_refused(data.index, fault))
            elif partition is None:
                code = missing if name is None else node.why_missing(name, data.index)
                results.append(_error(data.index, code))
            else:
                results.append(_append(node, request, partition, data, pending))
        topics.append(
            TopicProduceResponse(
                name=topic.name, topic_id=topic.topic_id, partition_responses=results
            )
        )
    response = ProduceResponse(responses=topics)
    if len(pending) == 1 and len(body.topic_data) == 1 and len(results) == 1 and body.acks:
        _remember(node, request, pending[0][0], response)
    if body.acks == 0:
        _no_answer(node, request, response)
        return None
    if pending and node.sync_before_reply(body.acks):
        node.respond_when_synced(request, response, pending)
        request.body = None  # the records are in the log: they need not fill memory as well
        return None
    return response


_UNKNOWN = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def _remember(
    node: Node, request: Request, partition: Partition, response: ProduceResponse
) -> None:
    if request.version < _ZSTD_SINCE:
        return  # each batch is asked for its codec
    if node.meter is not None:
        return
    connection = request.connection
    if connection.repetitions is None:
        connection.repetitions = Repetitions()
    connection.repetitions.remember(node, request, partition, response)


def _fault_of_request(body: ProduceRequest) -> Refused | None:
    """What is wrong with the request as a whole, because of any of its batches."""
    for topic in body.topic_data:
        for data in topic.partition_data:
            fault = None if data.records is None else fault_of_request(data.records)
            if fault is None:
                continue
            if fault.code == ErrorCode.INVALID_TXN_STATE and body.transactional_id is None:
                return fault._replace(code=ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
            return fault
    return None


def _append(
    node: Node,
    request: Request,
    partition: Partition,
    data: PartitionProduceData,
    pending: list[tuple[Partition, int]],
) -> PartitionProduceResponse:
    log = partition.log
    records = data.records if data.records is not None else memoryview(b"")
    refused = _refusal(request, partition, records)
    if refused is not None:
        return _refused(data.index, refused)
    before = log.log_end_offset
    result = log.append_as_leader(records, partition.leader_epoch, request.now_ms)
    if not isinstance(result, Appended):
        knows_start = not result.is_unframed and result.code not in _WITHOUT_START
        return _refused(data.index, result, log.log_start_offset if knows_start else -1)
    if log.config.opens_batches:
        request.connection.turn = 0  # it was dear: the others first
    pending.append((partition, result.last_offset + 1))
    if log.log_end_offset != before:
        partition.appended(len(records))
    return PartitionProduceResponse(
        index=data.index,
        base_offset=result.first_offset,
        log_append_time_ms=result.log_append_time_ms,
        log_start_offset=result.log_start_offset,
    )


def _refusal(request: Request, partition: Partition, records: memoryview) -> Refused | None:
    """What is wrong before the log is asked. The frame comes first, as in Kafka."""
    if request.version < _ZSTD_SINCE and is_zstd(records):
        why = f"zstd needs version {_ZSTD_SINCE} of Produce: update the client"
        unsupported = Refused(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, why)
        return check_framing(records, partition.log.where) or unsupported
    if request.body.acks not in (0, 1, -1):
        why = f"acks is {request.body.acks}: it can be 0, 1 or -1 (all)"
        return check_framing(records, partition.log.where) or Refused(
            ErrorCode.INVALID_REQUIRED_ACKS, why
        )
    if partition.topic in INTERNAL and request.client_id != ADMIN_CLIENT:
        why = f"Cannot append to internal topic {partition.topic}"
        return Refused(ErrorCode.INVALID_TOPIC_EXCEPTION, why)
    return None


def _refused(index: int, why: Refused, log_start_offset: int = -1) -> PartitionProduceResponse:
    return PartitionProduceResponse(
        index=index,
        error_code=why.code,
        base_offset=-1,
        log_start_offset=log_start_offset,
        error_message=why.message,
        record_errors=[
            BatchIndexAndErrorMessage(batch_index=i, batch_index_error_message=text)
            for i, text in why.record_errors
        ],
    )


def _error(index: int, code: ErrorCode) -> PartitionProduceResponse:
    return PartitionProduceResponse(index=index, error_code=code, base_offset=-1)


def _no_answer(node: Node, request: Request, response: ProduceResponse) -> None:
    """acks=0 gets no answer. An error can only be shown by closing the connection, so that the
    client fetches new metadata (Kafka: KafkaApis.handleProduceRequest)."""
    errors = [p.error_code for t in response.responses for p in t.partition_responses]
    if any(errors):
        first = ErrorCode(next(code for code in errors if code))
        node.close(request.connection, f"a Produce with acks=0 failed with {first.name}")
    node.respond(request, None)
