"""InitProducerId (API key 22)."""

from __future__ import annotations

from moldau.protocol import schema as s


class InitProducerIdRequest(s.Message, versions="0-6", flexible="2+", key=22):
    transactional_id: str | None = s.string(nullable="0+")
    transaction_timeout_ms: int = s.int32()
    producer_id: int = s.int64("3+", default=-1)
    producer_epoch: int = s.int16("3+", default=-1)
    enable2_pc: bool = s.boolean("6+")
    keep_prepared_txn: bool = s.boolean("6+")


class InitProducerIdResponse(s.Message, versions="0-6", flexible="2+", key=22):
    throttle_time_ms: int = s.int32()
    error_code: int = s.int16()
    producer_id: int = s.int64(default=-1)
    producer_epoch: int = s.int16()
    ongoing_txn_producer_id: int = s.int64("6+", default=-1)
    ongoing_txn_producer_epoch: int = s.int16("6+", default=-1)
