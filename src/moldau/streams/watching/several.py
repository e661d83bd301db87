"""Several processes behind one address: what each tells, told together, and the rest asked of one
of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from moldau.streams.watching.asking import TO_ANSWER_S, Unanswered, asked, handed_on
from moldau.streams.watching.document import Document, Process
from moldau.streams.watching.http import SAFE, Request, Response, error_of

_decode = msgspec.json.Decoder(Document).decode


class Peer(NamedTuple):
    """Where a process answers. `name`: for people. `port` None: it has not said so yet."""

    name: str
    host: str
    port: int | None


class Peers:
    def __init__(self, app: str) -> None:
        self._app = app

    async def document(self, peers: Sequence[Peer]) -> Document:
        """What they tell, asked all at once."""
        return together(self._app, await asyncio.gather(*map(told_by, peers)))

    async def one(self, peers: Sequence[Peer], request: Request) -> Response:
        """What the first of them answers that does."""
        for peer in peers:
            if peer.port is None:
                continue
            try:
                return await _handed_on(peer.host, peer.port, request)
            except Unanswered as error:
                if error.was_asked and request.method not in SAFE:
                    return error_of(502, f"{peer.name}: {error}; it may have done what was asked")
        return error_of(503, "no process answers yet", {"retry-after": "1"})

    def document_now(self, peers: Sequence[Peer]) -> Document:
        """Likewise, where there is no event loop."""
        return asyncio.run(self.document(peers))


def together(app: str, told: Sequence[list[Process] | str]) -> Document:
    found = [process for one in told if not isinstance(one, str) for process in one]
    found.sort(key=lambda one: (one.machine, one.slot, one.pid))
    return Document(app, found, [one for one in told if isinstance(one, str)])


async def told_by(peer: Peer) -> list[Process] | str:
    """Or why it tells nothing."""
    if peer.port is None:
        return f"{peer.name} is starting"
    try:
        answer = await asked(peer.host, peer.port, "/metrics.json")
        return _decode(answer.body).processes
    except Unanswered as error:
        return f"{peer.name}: {error}"
    except msgspec.DecodeError as error:
        return f"{peer.name}: {peer.host}:{peer.port} is no worker: {error}"


async def _handed_on(host: str, port: int, request: Request) -> Response:
    """It may have to ask another."""
    return await asked(
        host,
        port,
        request.target,
        method=request.method,
        headers=handed_on(request.headers),
        body=request.body,
        timeout_s=11 * TO_ANSWER_S,
    )
