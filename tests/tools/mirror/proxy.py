"""A way to the broker on which requests can be delayed for as long as a test wants: also beyond the
death of who sent them, as networks do."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

PRODUCE = 0


class Proxy:
    """Forwards connections to `upstream`. While `holding`, Produce requests with `mark` in them
    stay here, and with them what comes behind on their connection, until `release`."""

    def __init__(self, mark: bytes) -> None:
        self.mark = mark
        self.upstream = 0
        self.holding = False
        self.held = threading.Event()
        self.arrived = threading.Event()
        self._go = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def _begin(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        self._go.set()
        for one in self._sockets:
            # Wakes who reads from it or waits for connections.
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for one in self._sockets:
            one.close()

    def release(self) -> None:
        """What was held goes on its way; returns when the broker has answered it."""
        self.holding = False
        self._go.set()
        assert self.arrived.wait(60), "the broker never answered what was held"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self.upstream))
            except OSError:
                client.close()
                continue
            held = threading.Event()
            self._sockets += (client, broker)
            self._begin(self._to_broker, client, broker, held)
            self._begin(self._to_client, broker, client, held)

    def _to_broker(
        self, client: socket.socket, broker: socket.socket, held: threading.Event
    ) -> None:
        for frame in _frames(client):
            is_produce = frame[4:6] == PRODUCE.to_bytes(2, "big")
            if self.holding and is_produce and self.mark in frame:
                self.held.set()
                self._go.wait()
                held.set()
            try:
                broker.sendall(frame)
            except OSError:
                return
        if not held.is_set():
            _end(broker)

    def _to_client(
        self, broker: socket.socket, client: socket.socket, held: threading.Event
    ) -> None:
        for frame in _frames(broker):
            if held.is_set():
                self.arrived.set()
            try:
                client.sendall(frame)
            except OSError:
                if not held.is_set():
                    return
        _end(client)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _frames(connection: socket.socket) -> Iterator[bytes]:
    """Whole messages with their length, until the connection ends."""
    with connection.makefile("rb") as stream:
        while True:
            try:
                head = stream.read(4)
                if len(head) < 4:
                    return
                (size,) = struct.unpack(">i", head)
                yield head + stream.read(size)
            except OSError:
                return


@contextmanager
def proxy(mark: bytes) -> Iterator[Proxy]:
    one = Proxy(mark)
    try:
        yield one
    finally:
        one.close()
