"""Peers that are no Kafka, or not a whole one: each answers a connection in its own way."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Behaviour = Callable[[socket.socket], None]


@contextmanager
def listening(behave: Behaviour) -> Iterator[str]:
    """The address of a server that behaves so with every connection, then closes it."""
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(server, behave), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def _serve(server: socket.socket, behave: Behaviour) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(10)
            behave(connection)


def says(answer: bytes) -> Behaviour:
    """Reads a request, says this, and closes."""

    def behave(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    return behave


def relay(target: str, requests: int) -> Behaviour:
    """Passes so many requests and answers on, then closes: what a SASL listener does to a
    client that does not log in."""
    host, port = target.rsplit(":", 1)

    def behave(connection: socket.socket) -> None:
        with socket.create_connection((host, int(port)), 10) as upstream:
            for _ in range(requests):
                upstream.sendall(connection.recv(1 << 16))
                connection.sendall(upstream.recv(1 << 20))
            connection.recv(1 << 16)

    return behave
