"""What stands before every request and response."""

from __future__ import annotations

from moldau.protocol import schema as s


class RequestHeader(s.Message, versions="1"):
    """Version 2 is this and tagged fields behind it: the client id stays a classic string, so that
    a broker can read it whatever the version (KIP-482)."""

    request_api_key: int = s.int16()
    request_api_version: int = s.int16()
    correlation_id: int = s.int32()
    client_id: str | None = s.string(nullable="1")


class ResponseHeader(s.Message, versions="0-1", flexible="1+"):
    correlation_id: int = s.int32()
