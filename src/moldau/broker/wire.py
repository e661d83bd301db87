"""Connections and requests: from a frame to its handler, and from an answer to the outbox.

Replies leave in the order of the requests. Work need not wait for them: Produces that follow each
other on a connection are appended at once, so that one sync serves them all; any other request
waits until all before it are answered.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from struct import Struct
from typing import TYPE_CHECKING

from moldau.broker.outbox import Outbox
from moldau.broker.quotas.meter import Cost, Meter
from moldau.broker.request import TURN, Connection, Parts, Request, join
from moldau.broker.served import SERVED, Served, load
from moldau.broker.timers import Timers
from moldau.protocol.codec import Hole, decode, encode_into
from moldau.protocol.primitives import Malformed, read_uvarint

if TYPE_CHECKING:
    from moldau.protocol.schema import Message

PRODUCE = 0
_PRODUCE = b"\0\0"
API_VERSIONS = 18
# Frames that may wait on a connection behind a parked request, or their bytes; then reading stops.
MAX_WAITING = 64
MAX_WAITING_BYTES = 1 << 20
# Produces of one connection that may wait for the disk; then nothing more is begun on it.
MAX_INFLIGHT = 1000
# An answer of so many bytes takes as much of a connection's turn as a request.
TURN_BYTES = 1024

_HEADER = Struct(">hhih")
_LENGTH = 4
_RESPONSE = Struct(">ii")


class BadRequest(Exception):
    """The peer broke the protocol: it loses its connection, and the log says why."""


class Wire:
    """The part of the node that the body talks to; `Node` adds what the handlers need."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self.log = log
        self.outbox = Outbox()
        self.timers = Timers()
        self.connections: set[Connection] = set()
        self.now_ms = 0
        self.meter: Meter | None = None  # where there is something to measure
        self._apis: dict[int, Served] = {}
        # Connections on which an answer may let a waiting request begin. A list and not a call:
        # a thousand requests behind one answer must not become a thousand nested calls.
        self._unblocked: list[Connection] = []
        # Connections that have used some of their turn, and whether one has more to ask for.
        self._took_turns: set[Connection] = set()
        self._has_more = False

    def drain(self) -> Outbox:
        """What is to be done now. The body empties it."""
        while self._unblocked:
            self._next(self._unblocked.pop())
        return self.outbox

    # --- inputs -----------------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        self.connections.add(connection)

    def frame(self, connection: Connection, frame: bytes | bytearray) -> None:
        """A whole request has arrived."""
        if connection.waiting or not self._may_begin(connection, frame):
            connection.waiting.append(frame)  # type: ignore[arg-type]
        else:
            self._begin(connection, frame)

    def wants_more(self, connection: Connection) -> bool:
        """May the body go on reading from it?"""
        waiting = connection.waiting
        if not waiting:
            return not connection.unsent
        full = len(waiting) >= MAX_WAITING or sum(map(len, waiting)) >= MAX_WAITING_BYTES
        return not (full or connection.unsent)

    def drained(self, connection: Connection) -> None:
        """The peer has taken most of what was sent to it."""
        if connection.muted is not None:
            return
        connection.unsent = False
        self._unblocked.append(connection)

    def closed(self, connection: Connection) -> None:
        connection.closed = True
        connection.waiting.clear()
        if connection.muted is not None:
            connection.muted.cancel()
        self.connections.discard(connection)
        self._took_turns.discard(connection)
        for request in connection.inflight:
            if request.state is not None and hasattr(request.state, "abandon"):
                request.state.abandon()
        connection.inflight.clear()

    # --- one request ------------------------------------------------------------------------

    def _may_begin(self, connection: Connection, frame: bytes | bytearray) -> bool:
        """Only a Produce may begin before what came earlier is answered, and only behind
        Produces; where clients are measured none, because the answer to the one before may say
        that the next has to wait. When the turn of a connection is over it waits for the next
        round."""
        if connection.unsent:
            return False
        inflight = connection.inflight
        if inflight and (
            frame[:2] != _PRODUCE
            or inflight[-1].api_key != PRODUCE
            or len(inflight) >= MAX_INFLIGHT
            or self.meter is not None
        ):
            return False
        if connection.turn <= 0:
            self._has_more = True
            return False
        return True

    def _begin(self, connection: Connection, frame: bytes | bytearray) -> None:
        connection.turn -= 1
        self._took_turns.add(connection)
        repetitions = connection.repetitions
        if (
            repetitions is not None
            and frame[:2] == _PRODUCE
            and repetitions.handle(self, connection, frame)  # type: ignore[arg-type]
        ):
            return
        meter = self.meter
        began_ns = 0 if meter is None else meter.stopwatch()
        try:
            request, served = self._parse(connection, frame)
        except (BadRequest, Malformed) as error:
            self.close(connection, str(error))
            return
        connection.inflight.append(request)
        if meter is not None:
            request.cost = Cost(len(frame), began_ns)
        response = served.handle(self, request)  # type: ignore[arg-type]
        if response is not None:
            self.respond(request, response)
        if meter is not None:
            meter.handled(request)

    def close(self, connection: Connection, why: str) -> None:
        """The connection ends, and the log says why; nothing more is begun on it."""
        connection.waiting.clear()
        connection.unsent = True
        self.outbox.closes.append((connection, why))

    def mute(self, connection: Connection, ms: int) -> None:
        """Reads nothing more from it for so long. What it has been sent says so (KIP-219)."""
        connection.unsent = True
        until, earlier = self.now_ms + ms, connection.muted
        if earlier is None or earlier.deadline_ms < until:
            if earlier is not None:
                earlier.cancel()
            connection.muted = self.timers.at(until, partial(self._unmute, connection))

    def _unmute(self, connection: Connection, _now_ms: int) -> None:
        connection.muted = None
        # The body looks whether the peer has taken what it was sent, and says so: `drained`.
        self.outbox.sends.append((connection, []))

    def name_of(self, api_key: int) -> str:
        return SERVED[api_key][0]

    def _parse(self, connection: Connection, frame: bytes | bytearray) -> tuple[Request, Served]:
        if len(frame) < _HEADER.size:
            raise BadRequest(f"a request of {len(frame)} bytes is too short for a header")
        api_key, version, correlation_id, length = _HEADER.unpack_from(frame)
        served = self._apis.get(api_key) or self._load(api_key)
        known = served.low <= version <= served.high
        if not known and api_key != API_VERSIONS:
            raise BadRequest(
                f"it asks for version {version} of {served.name} (API key {api_key}); "
                f"this broker serves {served.low} to {served.high}"
            )
        position = _HEADER.size
        client_id = None
        if length >= 0:
            position += length
            client_id = str(frame[_HEADER.size : position], "utf-8", "replace")
        request = Request(connection, api_key, version, correlation_id, client_id, self.now_ms)
        if not known:
            request.version = -1  # asks for a version of ApiVersions of the future
            return request, served
        if served.flexible <= version:
            position = _skip_tags(frame, position)
        request.body = decode(served.request, version, frame, position)
        return request, served

    def _load(self, api_key: int) -> Served:
        if api_key not in SERVED:
            raise BadRequest(f"it asks for API key {api_key}, which this broker does not serve")
        served = self._apis[api_key] = load(api_key)
        return served

    # --- answers ----------------------------------------------------------------------------

    def respond(self, request: Request, response: Message | None) -> None:
        """Answers a request, once. None: it wants no answer (a Produce with acks=0)."""
        if self.meter is not None:
            self.meter.answered(request, response)
        if request.connection.closed or response is None:
            self.answer(request, [])
        else:
            self.answer(request, self.encode(request, response))

    def answer(self, request: Request, parts: Parts) -> None:
        """Answers with bytes that are ready, in its turn."""
        assert not request.answered, f"{request.api_key} was answered twice"
        request.answered = True
        request.parts = parts
        connection = request.connection
        if connection.closed:
            return
        inflight = connection.inflight
        if inflight[0] is request:
            while inflight and inflight[0].answered:
                # Also when there is nothing to send (acks=0): the body may have to read on.
                self.answer_next(connection, inflight.popleft().parts)

    def answer_next(self, connection: Connection, parts: Parts) -> None:
        """Answers the oldest request of the connection, which is no longer under way."""
        self.outbox.sends.append((connection, parts))
        if connection.waiting:
            self._unblocked.append(connection)

    def encode(self, request: Request, response: Message) -> Parts:
        """The whole frame of an answer."""
        served = self._apis[request.api_key]
        version = max(request.version, 0)
        out = bytearray(_LENGTH)
        # The header of an ApiVersions response is always version 0: its reader does not yet know
        # what the broker speaks (KIP-511).
        if version >= served.flexible and request.api_key != API_VERSIONS:
            out += bytes(5)
        else:
            out += bytes(4)
        holes: list[Hole] = []
        encode_into(out, response, version, holes)
        size = len(out) - _LENGTH + sum(value.size for _, value in holes)
        _RESPONSE.pack_into(out, 0, size, request.correlation_id)
        self.charge(request.connection, len(out))
        return join(out, holes)

    def charge(self, connection: Connection, size: int) -> None:
        """An answer of so many bytes takes of the connection's turn."""
        if size >= TURN_BYTES:
            connection.turn -= size // TURN_BYTES
            self._took_turns.add(connection)

    def _next(self, connection: Connection) -> None:
        """Begins what has waited and may now begin."""
        waiting = connection.waiting
        while waiting and not connection.closed and self._may_begin(connection, waiting[0]):
            self._begin(connection, waiting.popleft())

    # --- time -------------------------------------------------------------------------------

    def tick(self, now_ms: int) -> None:
        """A round begins: everybody has a new turn."""
        self.now_ms = now_ms
        for connection in self._took_turns:
            connection.turn = TURN
            if connection.waiting:
                self._unblocked.append(connection)
        self._took_turns.clear()
        self._has_more = False
        self.timers.run(now_ms)

    def next_deadline(self) -> int | None:
        return self.now_ms if self._has_more else self.timers.next_deadline()


def _skip_tags(frame: bytes | bytearray, position: int) -> int:
    """Tagged fields of a request header: none is defined."""
    try:
        count, position = read_uvarint(frame, position)
        for _ in range(count):
            _, position = read_uvarint(frame, position)
            size, position = read_uvarint(frame, position)
            position += size
    except IndexError:
        raise BadRequest("a request header is cut short") from None
    return position
