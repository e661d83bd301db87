"""A relay before a broker that changes its answers: how a planted difference gets into a suite."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from struct import Struct as Layout
from types import TracebackType

from moldau.protocol.codec import decode, encode
from moldau.protocol.schema import Message
from tests.conformance.requests import answer_class, name_of, request_class

_LENGTH = Layout(">i")
_HEAD = Layout(">hhi")  # API key, version, correlation id
Plant = Callable[[Message], Message | None]
"""Changes an answer, or holds it back (None)."""


class Relay:
    """Listens on `address` and passes on to `target`; answers of the API go through `plant`."""

    def __init__(self, target: str, api: str, plant: Plant) -> None:
        self.target = target
        self._request = request_class(api)
        self._plant = plant
        self._open = ExitStack()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Relay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()
        self._open.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            host, port = self.target.rsplit(":", 1)
            try:
                broker = socket.create_connection((host, int(port)))
            except OSError:  # it is down
                client.close()
                continue
            self._open.enter_context(client)
            self._open.enter_context(broker)
            asked: dict[int, int] = {}  # version, by correlation id
            for run in (self._requests, self._answers):
                threading.Thread(target=run, args=(client, broker, asked), daemon=True).start()

    def _requests(
        self, client: socket.socket, broker: socket.socket, asked: dict[int, int]
    ) -> None:
        with suppress(OSError):  # who has gone meanwhile
            for frame in _frames(client):
                api_key, version, correlation_id = _HEAD.unpack_from(frame)
                if api_key == self._request.api_key:
                    asked[correlation_id] = version
                broker.sendall(_LENGTH.pack(len(frame)) + frame)
        broker.close()

    def _answers(self, client: socket.socket, broker: socket.socket, asked: dict[int, int]) -> None:
        with suppress(OSError):
            for frame in _frames(broker):
                (correlation_id,) = _LENGTH.unpack_from(frame)
                version = asked.pop(correlation_id, None)
                changed = frame if version is None else self._changed(frame, version)
                if changed is not None:
                    client.sendall(_LENGTH.pack(len(changed)) + changed)
        client.close()

    def _changed(self, frame: bytes, version: int) -> bytes | None:
        answer = answer_class(self._request)
        flexible = answer.flexible[0] <= version <= answer.flexible[1]
        head = 5 if flexible and name_of(answer) != "ApiVersions" else 4
        planted = self._plant(decode(answer, version, frame, head))
        return None if planted is None else frame[:head] + encode(planted, version)


def _frames(peer: socket.socket) -> Iterator[bytes]:
    """Until the peer is gone."""
    with peer.makefile("rb") as stream:
        while True:
            try:
                head = stream.read(_LENGTH.size)
                if len(head) < _LENGTH.size:
                    return
                yield stream.read(*_LENGTH.unpack(head))
            except (OSError, ValueError):
                return
