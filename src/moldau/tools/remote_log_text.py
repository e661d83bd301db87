"""Records of `__remote_log_metadata` as Java's toString shows them.

Apache Kafka: storage/api/…/RemoteLogSegmentMetadata.java and its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping

from moldau.protocol.messages import remote_log_metadata as r
from moldau.protocol.schema import Message
from moldau.protocol.uuids import to_text
from moldau.tools.java_messages import JavaError

_SEGMENT_STATES = {
    0: "COPY_SEGMENT_STARTED",
    1: "COPY_SEGMENT_FINISHED",
    2: "DELETE_SEGMENT_STARTED",
    3: "DELETE_SEGMENT_FINISHED",
}
_DELETE_STATES = {
    0: "DELETE_PARTITION_MARKED",
    1: "DELETE_PARTITION_STARTED",
    2: "DELETE_PARTITION_FINISHED",
}


def remote_log_text(message: Message) -> str:
    """Raises JavaError for what Kafka refuses to build."""
    match message:
        case r.RemoteLogSegmentMetadataRecord():
            return _segment(message)
        case r.RemoteLogSegmentMetadataUpdateRecord():
            return (
                f"RemoteLogSegmentMetadataUpdate{{remoteLogSegmentId="
                f"{_segment_id(message.remote_log_segment_id)}, "
                f"customMetadata={_custom(message.custom_metadata)}, "
                f"state={_state(_SEGMENT_STATES, message.remote_log_segment_state)}, "
                f"eventTimestampMs={message.event_timestamp_ms}, brokerId={message.broker_id}}}"
            )
        case r.RemotePartitionDeleteMetadataRecord():
            return (
                "RemotePartitionDeleteMetadata{topicPartition="
                f"{_partition(message.topic_id_partition)}, "
                f"state={_state(_DELETE_STATES, message.remote_partition_delete_state, 'null')}, "
                f"eventTimestampMs={message.event_timestamp_ms}, brokerId={message.broker_id}}}"
            )
    assert isinstance(message, r.RemoteLogSegmentMetadataSnapshotRecord)
    state = _state(_SEGMENT_STATES, message.remote_log_segment_state)
    return (
        f"RemoteLogSegmentMetadataSnapshot{{segmentId={to_text(message.segment_id)}, "
        f"startOffset={message.start_offset}, endOffset={message.end_offset}, "
        f"maxTimestampMs={message.max_timestamp_ms}, {_end(message, state)}"
    )


def _segment(message: r.RemoteLogSegmentMetadataRecord) -> str:
    start, end = message.start_offset, message.end_offset
    if start < 0:
        raise JavaError(
            f"Unexpected start offset = {start}. StartOffset for a remote segment cannot be "
            "negative"
        )
    if end < start:
        raise JavaError(
            f"Unexpected end offset = {end}. EndOffset for a remote segment cannot be less than "
            f"startOffset = {start}"
        )
    _epochs(message)
    state = _state(_SEGMENT_STATES, message.remote_log_segment_state)
    return (
        "RemoteLogSegmentMetadata{remoteLogSegmentId="
        f"{_segment_id(message.remote_log_segment_id)}, startOffset={start}, endOffset={end}, "
        f"brokerId={message.broker_id}, maxTimestampMs={message.max_timestamp_ms}, "
        f"eventTimestampMs={message.event_timestamp_ms}, {_end(message, state)}"
    )


def _end(
    message: r.RemoteLogSegmentMetadataRecord | r.RemoteLogSegmentMetadataSnapshotRecord, state: str
) -> str:
    return (
        f"segmentLeaderEpochs={_epochs(message)}, "
        f"segmentSizeInBytes={message.segment_size_in_bytes}, "
        f"customMetadata={_custom(message.custom_metadata)}, state={state}, "
        f"txnIdxEmpty={'true' if message.txn_index_empty else 'false'}}}"
    )


def _epochs(
    message: r.RemoteLogSegmentMetadataRecord | r.RemoteLogSegmentMetadataSnapshotRecord,
) -> str:
    offsets = {entry.leader_epoch: entry.offset for entry in message.segment_leader_epochs}
    if not offsets:
        raise JavaError("segmentLeaderEpochs can not be null or empty")
    return "{" + ", ".join(f"{epoch}={offsets[epoch]}" for epoch in sorted(offsets)) + "}"


def _state(names: Mapping[int, str], number: int, complaint: str = "state can not be null") -> str:
    if number not in names:
        raise JavaError(complaint)
    return names[number]


def _custom(data: bytes | None) -> str:
    if data is None:
        return "Optional.empty"
    return f"Optional[CustomMetadata{{{len(data)} bytes}}]"


def _segment_id(entry: r.RemoteLogSegmentIdEntry) -> str:
    place = _partition(entry.topic_id_partition)
    return f"RemoteLogSegmentId{{topicIdPartition={place}, id={to_text(entry.id)}}}"


def _partition(entry: r.TopicIdPartitionEntry) -> str:
    return f"{to_text(entry.id)}:{entry.name}-{entry.partition}"
