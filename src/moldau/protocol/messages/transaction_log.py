"""Keys and values of the records of `__transaction_state`."""

from __future__ import annotations

from moldau.protocol import schema as s


class TransactionLogKey(s.Message, versions="0", key=0):
    transactional_id: str = s.string()


class PartitionsSchema(s.Struct):
    topic: str = s.string()
    partition_ids: list[int] = s.array("int32")


class TransactionLogValue(s.Message, versions="0-1", flexible="1+", key=0):
    producer_id: int = s.int64()
    previous_producer_id: int = s.int64("1+", tag=0, default=-1)
    next_producer_id: int = s.int64("1+", tag=1, default=-1)
    producer_epoch: int = s.int16()
    next_producer_epoch: int = s.int16("1+", tag=3, default=-1)
    transaction_timeout_ms: int = s.int32()
    transaction_status: int = s.int8()
    transaction_partitions: list[PartitionsSchema] | None = s.array(PartitionsSchema, nullable="0+")
    transaction_last_update_timestamp_ms: int = s.int64()
    transaction_start_timestamp_ms: int = s.int64()
    client_transaction_version: int = s.int16("1+", tag=2)
