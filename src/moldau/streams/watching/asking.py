"""Asks another process over HTTP, once, and waits no longer than it should."""

from __future__ import annotations

import http.client
from collections.abc import Mapping

from moldau.streams.watching.http import Response

TO_ANSWER_S = 3.0
_KEPT = ("content-type", "retry-after", "location", "set-cookie", "allow")
_OF_THE_CONNECTION = {"host", "connection", "content-length", "transfer-encoding", "expect"}


class Unanswered(Exception):
    """Nobody there, or no answer in time: the text says which."""


def handed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of a request that go on to another process."""
    return {name: text for name, text in headers.items() if name not in _OF_THE_CONNECTION}


def ask(
    host: str,
    port: int,
    target: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout_s: float = TO_ANSWER_S,
) -> Response:
    """`target`: path and query, percent-encoded. Raises Unanswered. Waits: not on an event loop."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request(method, target, body or None, dict(headers or {}))
        answer = connection.getresponse()
        told = {name: value for name in _KEPT if (value := answer.headers.get(name))}
        type_ = told.pop("content-type", "application/octet-stream")
        return Response(answer.status, answer.read(), type_, told)
    except TimeoutError:
        raise Unanswered(f"{host}:{port} gives no answer in {timeout_s:g} s") from None
    except (OSError, http.client.HTTPException) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else repr(error)
        raise Unanswered(f"{host}:{port} does not answer: {said}") from None
    finally:
        connection.close()
