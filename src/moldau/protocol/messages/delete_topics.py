"""DeleteTopics (API key 20)."""

from __future__ import annotations

from moldau.protocol import schema as s


class DeleteTopicState(s.Struct):
    name: str | None = s.string("6+", nullable="6+", default=None)
    topic_id: bytes = s.uuid("6+")


class DeleteTopicsRequest(s.Message, versions="1-6", flexible="4+", key=20):
    topics: list[DeleteTopicState] = s.array(DeleteTopicState, "6+")
    topic_names: list[str] = s.array("string", "0-5")
    timeout_ms: int = s.int32()


class DeletableTopicResult(s.Struct):
    name: str | None = s.string(nullable="6+")
    topic_id: bytes = s.uuid("6+")
    error_code: int = s.int16()
    error_message: str | None = s.string("5+", nullable="5+", default=None)


class DeleteTopicsResponse(s.Message, versions="1-6", flexible="4+", key=20):
    throttle_time_ms: int = s.int32()
    responses: list[DeletableTopicResult] = s.array(DeletableTopicResult)
