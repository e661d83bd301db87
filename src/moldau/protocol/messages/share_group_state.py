"""Keys and values of the records of `__share_group_state` (KIP-932)."""

from __future__ import annotations

from moldau.protocol import schema as s


class ShareSnapshotKey(s.Message, versions="0", key=0):
    group_id: str = s.string()
    topic_id: bytes = s.uuid()
    partition: int = s.int32()


class StateBatch(s.Struct):
    first_offset: int = s.int64()
    last_offset: int = s.int64()
    delivery_state: int = s.int8()
    delivery_count: int = s.int16()


class ShareSnapshotValue(s.Message, versions="0", flexible="0+", key=0):
    snapshot_epoch: int = s.int32()
    state_epoch: int = s.int32()
    leader_epoch: int = s.int32()
    start_offset: int = s.int64()
    delivery_complete_count: int = s.int32("0+", tag=0, default=-1)
    create_timestamp: int = s.int64()
    write_timestamp: int = s.int64()
    state_batches: list[StateBatch] = s.array(StateBatch)


class ShareUpdateKey(s.Message, versions="0", key=1):
    group_id: str = s.string()
    topic_id: bytes = s.uuid()
    partition: int = s.int32()


class ShareUpdateValue(s.Message, versions="0", flexible="0+", key=1):
    snapshot_epoch: int = s.int32()
    leader_epoch: int = s.int32()
    start_offset: int = s.int64()
    delivery_complete_count: int = s.int32("0+", tag=0, default=-1)
    state_batches: list[StateBatch] = s.array(StateBatch)
