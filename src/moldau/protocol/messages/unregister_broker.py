"""UnregisterBroker (API key 64)."""

from __future__ import annotations

from moldau.protocol import schema as s


class UnregisterBrokerRequest(s.Message, versions="0", flexible="0+", key=64):
    broker_id: int = s.int32()


class UnregisterBrokerResponse(s.Message, versions="0", flexible="0+", key=64):
    throttle_time_ms: int = s.int32()
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+")
