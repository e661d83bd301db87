"""HTTP for those who watch, in a thread and on an event loop of its own: no client, and no question
that takes its time, is waited for by the worker.

h11 reads and writes the protocol (what is malformed or too long is its business); here are the
sockets and the limits. A whole server, as aiohttp or uvicorn, would be many times the code of this,
and neither limits how long a client may take to ask.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import h11

from moldau.streams.formats.basic import Json
from moldau.streams.watching.addresses import Listening, is_loopback

MOST_CONNECTIONS = 256
MOST_HEAD = 16 * 1024  # bytes of a request line and its headers
MOST_BODY = 64 * 1024
MOST_FIELDS = 100  # behind the "?"
READ = 16 * 1024
TO_ASK_S = 30.0  # from the answer before to the last byte of a question
TO_TAKE_S = 10.0  # an answer
TO_CLOSE_S = 1.0
SAFE = ("GET", "HEAD", "OPTIONS")  # asking twice does no harm
_WITHOUT_BODY = (204, 304)

_LOG = logging.getLogger("moldau.streams")
_JSON = Json()


class Request(NamedTuple):
    """`path` as it was sent, percent-encoded. `query`: of several of a name the first. The names of
    headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    target: str
    body: bytes = b""


class Response(NamedTuple):
    """How long its body is, and how it is sent, is not among its headers; but to HEAD, which gets
    none, a length that another process told."""

    status: int
    body: bytes
    type: str = "application/json"
    headers: Mapping[str, str] = {}


Answer = Callable[[Request], Awaitable[Response]]


class HttpServer:
    """`answer` is called on the server's loop, and may be called again before it is done."""

    def __init__(self, listening: Listening, answer: Answer) -> None:
        self.listening = listening
        self._answer = answer
        self._loop = asyncio.new_event_loop()
        self._silent: dict[asyncio.StreamWriter, None] = {}  # the one who was longest so is first
        self._open = 0
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="moldau-http", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Answers that are under way are cut off."""
        if self._thread.is_alive():
            with suppress(RuntimeError):  # it has ended meanwhile
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(TO_CLOSE_S * 2)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        servers = [
            await asyncio.start_server(self._client, sock=one) for one in self.listening.sockets
        ]
        await self._stopping.wait()
        for one in servers:
            one.close()
        under_way = asyncio.all_tasks() - {asyncio.current_task()}
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way, timeout=TO_CLOSE_S)

    # --- connections ------------------------------------------------------------------------

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        if self._open > MOST_CONNECTIONS:
            self._make_room(writer)
        writer.transport.set_write_buffer_limits(0)  # drained is what the kernel has
        try:
            await self._conversation(h11.Connection(h11.SERVER, MOST_HEAD), reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # it left, or took too long
        finally:
            self._open -= 1
            self._silent.pop(writer, None)
            writer.transport.abort()

    def _make_room(self, newest: asyncio.StreamWriter) -> None:
        """Closes whom nobody has heard of for longest."""
        victim = next(iter(self._silent), newest)
        self._silent.pop(victim, None)
        victim.transport.abort()

    async def _conversation(
        self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            self._silent[writer] = None
            try:
                async with asyncio.timeout(TO_ASK_S):
                    request = await _request(connection, reader, writer)
            except h11.RemoteProtocolError as error:
                if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                    said = error_of(error.error_status_hint, f"this cannot be read: {error}")
                    await _write(connection, writer, _Ready.of(said))
                    await _heard_out(reader, writer)
                return
            self._silent.pop(writer, None)
            if request is None:
                return
            await _write(connection, writer, await self._answered(request))
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _answered(self, request: Request) -> _Ready:
        if self.listening.is_loopback and not _is_here(request.headers.get("host")):
            refusal = error_of(
                403,
                "this address is for programs of this machine: ask it as localhost, or start the "
                "worker with --http 0.0.0.0:PORT",
            )
            return _Ready.of(refusal, request.method)
        try:
            return _Ready.of(await self._answer(request), request.method)
        except Exception:
            _LOG.exception("%s %s", request.method, request.target)
            failure = error_of(500, "the answer failed; the worker's log says how")
            return _Ready.of(failure, request.method)


class _Ready(NamedTuple):
    """What can be sent."""

    head: h11.Response
    body: bytes

    @classmethod
    def of(cls, response: Response, method: str = "GET") -> _Ready:
        """Raises what is wrong with it."""
        body = response.body
        if not isinstance(body, (bytes, bytearray, memoryview)):
            raise TypeError(f"a body is bytes, not {type(body).__name__}")
        given = {name.lower(): text for name, text in response.headers.items()}
        length = given.pop("content-length", None) if method == "HEAD" and not body else None
        headers = {
            "content-type": response.type,
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            **given,
            "content-length": length or str(len(body)),
        }
        if response.status in _WITHOUT_BODY:
            body = b""
            del headers["content-length"]
        for name in ("transfer-encoding", "connection"):
            headers.pop(name, None)
        told = [(bytes_of(name), bytes_of(text)) for name, text in headers.items()]
        head = h11.Response(status_code=response.status, headers=told)
        return cls(head, b"" if method == "HEAD" else bytes(body))


async def _request(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    """None: the client has left. Raises h11.RemoteProtocolError."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                writer.write(connection.send(go_on) or b"")
            connection.receive_data(await reader.read(READ))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MOST_BODY:
                raise h11.RemoteProtocolError("its body is too long", error_status_hint=413)
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            return _read(head, bytes(body))
        else:  # ConnectionClosed, or PAUSED behind an upgrade
            return None


def _read(head: h11.Request, body: bytes) -> Request:
    target = head.target.decode("ascii")
    path, _, query = target.partition("?")
    headers = {text_of(name): text_of(value) for name, value in head.headers}
    try:
        pairs = parse_qsl(query, True, errors="surrogateescape", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise h11.RemoteProtocolError(f"it has more than {MOST_FIELDS} fields") from None
    first = dict(reversed(pairs))
    return Request(head.method.decode("ascii"), path, first, headers, target, body)


async def _write(connection: h11.Connection, writer: asyncio.StreamWriter, answer: _Ready) -> None:
    events = (answer.head, h11.Data(data=answer.body), h11.EndOfMessage())
    writer.write(b"".join(connection.send(event) or b"" for event in events))
    async with asyncio.timeout(TO_TAKE_S):
        await writer.drain()


async def _heard_out(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A connection that is closed with something unread takes the answer with it."""
    writer.write_eof()
    async with asyncio.timeout(TO_CLOSE_S):
        while await reader.read(READ):
            pass


def text_of(header: bytes) -> str:
    return header.decode(errors="surrogateescape")


def bytes_of(header: str) -> bytes:
    return header.encode(errors="surrogateescape")


def json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, _JSON.encode(value) + b"\n", headers=headers or {})


def error_of(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    return json({"error": sentence}, status, headers)


def _is_here(host: str | None) -> bool:
    """A page of the web may let its own name point to this machine, and read what is here."""
    return host is None or is_loopback(host.rsplit(":", 1)[0] if not host.endswith("]") else host)
