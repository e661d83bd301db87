"""Where a worker answers: what people write, and the sockets of it."""

from __future__ import annotations

import ipaddress
import socket
from typing import NamedTuple

from moldau.streams.errors import StreamsError

LOOPBACK = "localhost"
BACKLOG = 128


class Listening(NamedTuple):
    """`host` as it was written, `port` as it is."""

    sockets: list[socket.socket]
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)

    @property
    def advertised(self) -> str:
        """Where others find it: an address of all interfaces is none to go to."""
        return socket.gethostname() if self.host in ("", "0.0.0.0", "::") else self.host

    @property
    def url(self) -> str:
        host = self.advertised
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def parse(text: str) -> tuple[str, int]:
    """Of HOST:PORT, or PORT alone: this machine only. Raises StreamsError."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise StreamsError(f"--http {text}: write HOST:PORT, or PORT, as in --http localhost:8080")
    return host.strip("[]") or LOOPBACK, int(port)


def listen(text: str) -> Listening:
    """`localhost` is two addresses, and both are listened to. Raises StreamsError."""
    host, port = parse(text)
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            if sockets and not port:
                break  # the second would have another port
            sockets.append(_bound(family, address))
    except OSError as error:
        for one in sockets:
            one.close()
        raise StreamsError(f"--http {text} cannot be listened to: {error.strerror}") from None
    return Listening(sockets, host, sockets[0].getsockname()[1])


def connectable(host: str) -> str:
    """Where what listens there is reached from this machine."""
    return {"": LOOPBACK, "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _bound(family: int, address: object) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)  # type: ignore[arg-type]
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def is_loopback(host: str) -> bool:
    """Is it this machine and no other?"""
    if host.lower() == LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
