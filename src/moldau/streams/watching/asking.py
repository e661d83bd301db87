"""Asks another process over HTTP, once, and waits no longer than it should. No thread waits
meanwhile: a process does not end before its threads do, and one more question than there are
threads would wait behind slow ones."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import NamedTuple

import h11

from moldau.streams.watching.http import Response, bytes_of, text_of

TO_ANSWER_S = 3.0
READ = 64 * 1024
_OF_THE_CONNECTION = {
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


class Unanswered(Exception):
    """Nobody there, or no answer in time: the text says which. `was_asked`: what was asked may have
    been done."""

    def __init__(self, text: str, was_asked: bool) -> None:
        super().__init__(text)
        self.was_asked = was_asked


class _Question(NamedTuple):
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    def events(self, host: str, port: int) -> list[h11.Event]:
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        told = {**self.headers, "host": where, "connection": "close"}
        if self.body or self.method not in ("GET", "HEAD"):
            told["content-length"] = str(len(self.body))
        headers = [(bytes_of(name), bytes_of(text)) for name, text in told.items()]
        head = h11.Request(method=self.method, target=self.target, headers=headers)
        return [head, h11.Data(data=self.body), h11.EndOfMessage()]


def handed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of a request or of an answer that go on to another process."""
    return {name: text for name, text in headers.items() if name not in _OF_THE_CONNECTION}


def ask(host: str, port: int, target: str, **options: object) -> Response:
    """As `asked`, where there is no event loop."""
    return asyncio.run(asked(host, port, target, **options))  # type: ignore[arg-type]


async def asked(
    host: str,
    port: int,
    target: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout_s: float = TO_ANSWER_S,
) -> Response:
    """`target`: path and query, percent-encoded. Raises Unanswered."""
    was_asked = False
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port)
            was_asked = True
            try:
                question = _Question(method, target, headers or {}, body)
                return await _exchange(reader, writer, question.events(host, port))
            finally:
                writer.transport.abort()
    except TimeoutError:
        said = f"gives no answer in {timeout_s:g} s"
    except OSError as error:
        said = f"does not answer: {os.strerror(error.errno) if error.errno else error}"
    except h11.ProtocolError as error:
        said = f"does not answer: {error}"
    raise Unanswered(f"{host}:{port} {said}", was_asked)


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: list[h11.Event]
) -> Response:
    connection = h11.Connection(h11.CLIENT)
    writer.write(b"".join(connection.send(event) or b"" for event in question))
    await writer.drain()
    head: h11.Response | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(READ))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            return _read(head, bytes(body))


def _read(head: h11.Response, body: bytes) -> Response:
    headers = {text_of(name): text_of(value) for name, value in head.headers}
    type_ = headers.pop("content-type", "application/octet-stream")
    return Response(head.status_code, body, type_, headers)
