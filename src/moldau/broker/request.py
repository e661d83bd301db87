"""A request on its way through the node, and the connection it came by."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moldau.broker.quotas.meter import Cost
    from moldau.broker.repetition import Repetitions
    from moldau.broker.timers import Timer
    from moldau.protocol.codec import Hole

# A response ready to be sent: buffers, and regions of files with a `size`.
Parts = list[Any]

# Requests that one connection may begin in a round; then it is the turn of others. Without it
# 300 KB of pipelined Metadata requests held up all other clients for a minute.
TURN = 256
# Whom everybody is taken for that has not authenticated (KafkaPrincipal.ANONYMOUS).
ANONYMOUS = "ANONYMOUS"


class Connection:
    """What the node knows of one connection: where it came in and what is under way on it."""

    __slots__ = (
        "advertised",
        "closed",
        "id",
        "inflight",
        "listener",
        "local_address",
        "muted",
        "peer_host",
        "principal",
        "repetitions",
        "software",
        "turn",
        "unsent",
        "waiting",
    )

    def __init__(
        self,
        id: int,
        listener: str,
        local_address: tuple[str, int],
        peer_host: str,
        advertised: tuple[str, int] | None,
    ) -> None:
        self.id = id
        self.listener = listener
        self.local_address = local_address
        self.peer_host = peer_host
        # The address that this listener advertises; None: the one the client dialled.
        self.advertised = advertised
        self.software = ("", "")  # name and version, from ApiVersions (KIP-511)
        self.inflight: deque[Request] = deque()  # begun and not yet sent, in order
        self.waiting: deque[bytes] = deque()  # frames whose turn has not come
        self.turn = TURN  # how many more requests may begin in this round
        # Begin nothing new: the body still holds more than it should, or the peer is over quota.
        self.unsent = False
        self.muted: Timer | None = None  # until it may go on; None: it is not over quota
        self.principal = ANONYMOUS
        self.closed = False
        self.repetitions: Repetitions | None = None  # of Produces, see broker/repetition.py


class Request:
    """One request. It is also the token that is parked: answered once, by `Node.respond`."""

    __slots__ = (
        "answered",
        "api_key",
        "body",
        "client_id",
        "connection",
        "correlation_id",
        "cost",
        "now_ms",
        "parts",
        "state",
        "version",
    )

    def __init__(
        self,
        connection: Connection,
        api_key: int,
        version: int,
        correlation_id: int,
        client_id: str | None,
        now_ms: int,
    ) -> None:
        self.connection = connection
        self.api_key = api_key
        self.version = version
        self.correlation_id = correlation_id
        self.client_id = client_id
        self.now_ms = now_ms
        self.body: Any = None
        self.state: Any = None  # of a handler that parks the request
        self.answered = False
        self.cost: Cost | None = None  # where something is measured
        self.parts: Parts = []

    @property
    def closed(self) -> bool:
        return self.connection.closed


def join(out: bytearray, holes: list[Hole]) -> Parts:
    """The output with its holes filled by what belongs there, as a list of pieces to send."""
    if not holes:
        return [out]
    view = memoryview(out)
    parts: Parts = []
    start = 0
    for position, value in holes:
        if position > start:
            parts.append(view[start:position])
            start = position
        parts.extend(value.regions)
    if start < len(out):
        parts.append(view[start:])
    return parts
