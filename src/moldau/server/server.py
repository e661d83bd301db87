"""One broker process: listeners, connections, the node, the disk threads and the clock."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from moldau.broker.loggers import NETWORK
from moldau.broker.request import Connection as Peer
from moldau.broker.timers import Timers
from moldau.cluster.image import Endpoint
from moldau.server import descriptors
from moldau.server.connection import Connection
from moldau.server.reactor import READ, Reactor
from moldau.server.syncer import Syncer
from moldau.server.workers import Workers

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.quotas.connections import Admission
    from moldau.server.listeners import Listener
    from moldau.storage.disk import Disk
    from moldau.storage.log import Log

RECEIVE_BUFFER = 1 << 18
READ_THREADS = 4
ACCEPTS_PER_ROUND = 256
MAPPED_IPV4 = "::ffff:"  # how a socket for both families names an IPv4 address


# Refused connections that are held for a while, so that their clients do not come back at once.
MAX_HELD = 1000
# What the system says that has no room for another connection, and how soon it is asked again:
# the connection stays ready to be taken, so the loop would ask all the time.
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
NO_ROOM_PAUSE_MS = 500


def _sooner(one: int | None, other: int | None) -> int | None:
    return min((deadline for deadline in (one, other) if deadline is not None), default=None)


class BindError(Exception):
    """A listener can't have its address. The text says which, why and what to do."""


class SyncFailed(Exception):
    """A log could not be put on disk: the process stops, and recovery decides what is there."""


def bind(listener: Listener, backlog: int) -> list[socket.socket]:
    """Listening sockets, one for each address that the host's name stands for: localhost is
    127.0.0.1 and ::1, and clients choose either. Raises BindError."""
    sockets: list[socket.socket] = []
    port = listener.port
    for family, host in _addresses(listener):
        try:
            sock = _listen(family, host, port, backlog)
        except OSError as error:
            if sockets and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                continue  # no IPv6 here
            for other in sockets:
                other.close()
            raise BindError(_why_not(listener, error)) from None
        sockets.append(sock)
        port = sock.getsockname()[1]
    return sockets


def _addresses(listener: Listener) -> list[tuple[int, str]]:
    if not listener.host:
        return [(socket.AF_INET6, "::") if socket.has_dualstack_ipv6() else (socket.AF_INET, "")]
    # As bytes where it can be: for a text Python loads its tables of international names.
    host = listener.host.encode() if listener.host.isascii() else listener.host
    try:
        found = socket.getaddrinfo(host, listener.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise BindError(
            f"Listener {listener.name} names host {listener.host!r}, which this machine can't "
            f"find ({error.strerror}). Use an address of this machine, or 0.0.0.0 for all."
        ) from None
    addresses = dict.fromkeys((int(family), str(address[0])) for family, *_, address in found)
    return sorted(addresses, key=lambda pair: pair[0] != socket.AF_INET)


def _listen(family: int, host: str, port: int, backlog: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            everything = host == "::"
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if everything else 1)
        sock.bind((host, port))
        sock.listen(backlog)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def port_of(sockets: list[socket.socket]) -> int:
    return int(sockets[0].getsockname()[1])


def endpoint(listener: Listener, sockets: list[socket.socket]) -> Endpoint:
    """How the metadata log names the listener: as it is advertised, else as it is bound."""
    host, port = listener.advertised or (listener.host or socket.gethostname(), 0)
    return Endpoint(host, port or port_of(sockets))


def _why_not(listener: Listener, error: OSError) -> str:
    host = listener.host or "every address of this machine"
    where = f"{host}, port {listener.port}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {listener.port} on {host} is taken. Stop what has it (`moldau status` "
            f"shows your brokers), or choose another with --port (0 picks a free one)."
        )
    if error.errno == errno.EACCES:
        return f"No right to listen on {where}: ports below 1024 need root. Choose one with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"Listener {listener.name} names {host}, which is no address of this machine. Use one "
            f"of its own, or 0.0.0.0 for all; what clients are told is advertised.listeners."
        )
    return f"Can't listen on {where} ({listener.name}): {error.strerror or error}."


class Server:
    """Feeds the node and does what its outbox says."""

    def __init__(self, node: Node, disk: Disk, data_dir: str, reactor: Reactor) -> None:
        self.node = node
        self.reactor = reactor
        self.buffer = memoryview(bytearray(RECEIVE_BUFFER))
        self._log = node.loggers[NETWORK]
        self._connections: dict[Peer, Connection] = {}
        self._listeners: list[socket.socket] = []
        self._paused: set[socket.socket] = set()  # of the listeners
        self._held: set[socket.socket] = set()  # accepted, and neither served nor closed yet
        self._count = 0
        self._has_room = True
        self._failure: str | None = None
        node.connection_quotas.possible = descriptors.for_connections()
        settings: Mapping[str, Any] = node.settings.broker
        self._frame_limit: int = settings["socket.request.max.bytes"]
        self._timers = Timers()
        self._idle_ms: int = settings["connections.max.idle.ms"]
        self._next_idle_check: int | None = None
        self.readers = Workers("read", READ_THREADS, reactor.call_from_thread)
        self._syncer = Syncer(disk, data_dir, reactor.call_from_thread, self._synced, self._failed)

    # --- life -------------------------------------------------------------------------------

    def listen(self, listener: Listener, sockets: list[socket.socket]) -> None:
        for sock in sockets:
            self._listeners.append(sock)
            self._watch(listener, sock)

    def _watch(self, listener: Listener, sock: socket.socket) -> None:
        self.reactor.register(sock.fileno(), READ, partial(self._accept, listener, sock))

    def run(self) -> None:
        """Serves until `reactor.stop`. Raises SyncFailed."""
        self.reactor.run(self.node.tick, self._settle, self._clock_moved)
        self._stop_listening()
        self._answer_what_was_begun()
        if self._failure:
            raise SyncFailed(self._failure)

    def close(self) -> None:
        self._stop_listening()
        for connection in list(self._connections.values()):
            connection.close("")
        self._syncer.close()
        self.readers.close()

    def _stop_listening(self) -> None:
        for sock in self._listeners:
            if sock not in self._paused:
                self.reactor.unregister(sock.fileno())
            sock.close()
        for sock in self._held:
            sock.close()
        self._listeners.clear()
        self._held.clear()

    def _answer_what_was_begun(self) -> None:
        """What is in a log and waits for the disk is answered: a client that is not told sends it
        again, and one without idempotence then has it twice. And a sync that fails must be heard
        of, or the folder would pass for one that was stopped cleanly."""
        for peer in self._connections:
            peer.waiting.clear()
        while self._syncer.is_busy and self._failure is None:
            self.reactor.wait_for_threads()
            self._settle()

    # --- connections ------------------------------------------------------------------------

    def _accept(self, listener: Listener, server_socket: socket.socket, _events: int) -> None:
        for _ in range(ACCEPTS_PER_ROUND):
            try:
                sock, address = server_socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in NO_ROOM:
                    self._wait_for_room(listener, server_socket, error)
                    return
                continue  # the peer went away before it was accepted
            self._has_room = True
            host = address[0].removeprefix(MAPPED_IPV4)
            now_ms = self.node.now_ms
            admission = self.node.connection_quotas.arrived(listener.name, host, now_ms)
            if admission.refused:
                self._refuse(sock, host, admission)
            elif admission.wait_ms:
                self._open_later(listener, server_socket, sock, host, admission.wait_ms)
                return
            else:
                self._open(listener, sock, host)

    def _refuse(self, sock: socket.socket, host: str, admission: Admission) -> None:
        say = self._log.debug if admission.wait_ms else self._log.warn
        say(f"Refused a connection from {host}: {admission.refused}.")
        if admission.wait_ms and len(self._held) < MAX_HELD:
            # A client that is closed at once comes back at once.
            self._held.add(sock)
            due = self.node.now_ms + admission.wait_ms
            self._timers.at(due, lambda _now_ms: self._let_go(sock))
        else:
            sock.close()

    def _let_go(self, sock: socket.socket) -> None:
        self._held.discard(sock)
        sock.close()

    def _wait_for_room(
        self, listener: Listener, server_socket: socket.socket, error: OSError
    ) -> None:
        """Says so once, until a connection could be taken again."""
        if self._has_room:
            self._log.error(
                f"No room for a new connection ({error.strerror}): {len(self._connections)} are "
                f"open. It waits. Close some, or raise the limit on open files (ulimit -n)."
            )
        self._has_room = False
        self._pause(listener, server_socket, NO_ROOM_PAUSE_MS)

    def _open_later(
        self,
        listener: Listener,
        server_socket: socket.socket,
        sock: socket.socket,
        host: str,
        wait_ms: int,
    ) -> None:
        """Takes no connection of that socket until it is time for this one."""
        self._held.add(sock)

        def open_it() -> None:
            self._held.discard(sock)
            self._open(listener, sock, host)

        self._pause(listener, server_socket, wait_ms, open_it)

    def _pause(
        self,
        listener: Listener,
        server_socket: socket.socket,
        wait_ms: int,
        first: Callable[[], None] = lambda: None,
    ) -> None:
        """Takes no connection of that socket for so long."""
        self.reactor.unregister(server_socket.fileno())
        self._paused.add(server_socket)

        def resume(_now_ms: int) -> None:
            first()
            self._paused.discard(server_socket)
            self._watch(listener, server_socket)

        self._timers.at(self.node.now_ms + wait_ms, resume)

    def _open(self, listener: Listener, sock: socket.socket, peer_host: str) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._count += 1
        host, port = sock.getsockname()[:2]
        local = (host.removeprefix(MAPPED_IPV4), port)
        advertised = listener.advertised
        if advertised and not advertised[1]:
            advertised = (advertised[0], port)
        peer = Peer(self._count, listener.name, local, peer_host, advertised)
        try:
            connection = Connection(self, sock, peer, self._frame_limit)
        except OSError:  # gone already
            sock.close()
            self.node.connection_quotas.left(listener.name, peer_host)
            return
        self._connections[peer] = connection
        self.node.opened(peer)
        if self._next_idle_check is None and self._idle_ms > 0:
            self._next_idle_check = self.node.now_ms + self._idle_ms

    def connection_closed(self, connection: Connection, why: str) -> None:
        if why:
            self._log.info(f"Closed the connection of {connection.name}: {why}.")
        peer = connection.peer
        del self._connections[peer]
        self.node.connection_quotas.left(peer.listener, peer.peer_host)
        self.node.closed(peer)

    def _clock_moved(self, by_ms: int) -> None:
        self._log.warn(
            f"The clock was set {abs(by_ms) / 1000:.0f} s {'forward' if by_ms > 0 else 'back'}."
        )
        self.node.clock_moved(by_ms)
        self._timers.clock_moved(by_ms)
        for connection in self._connections.values():
            connection.last_active_ms += by_ms
        if self._next_idle_check is not None:
            self._next_idle_check += by_ms

    def _close_idle(self, now: int) -> None:
        """connections.max.idle.ms. One look a period is enough: like Apache Kafka's, it is a
        floor, and an idle broker should sleep."""
        oldest = now
        for connection in list(self._connections.values()):
            if connection.last_active_ms + self._idle_ms > now or connection.peer.inflight:
                oldest = min(oldest, connection.last_active_ms)
            else:
                connection.close("")
        self._next_idle_check = oldest + self._idle_ms if self._connections else None

    # --- effects ----------------------------------------------------------------------------

    def _settle(self) -> int | None:
        """Does what the node wants done, until it wants nothing more."""
        while True:
            outbox = self.node.drain()
            if outbox.syncs:
                logs, outbox.syncs = outbox.syncs, {}
                self._syncer.sync(logs)
            if outbox.sends:
                sends, outbox.sends = outbox.sends, []
                self._send(sends)
                continue
            if outbox.closes:
                closes, outbox.closes = outbox.closes, []
                for peer, why in closes:
                    if peer in self._connections:
                        self._connections[peer].close(why)
                continue
            break
        return self._deadline()

    def _send(self, sends: list[tuple[Peer, list[object]]]) -> None:
        touched: dict[Connection, None] = {}
        for peer, parts in sends:
            connection = self._connections.get(peer)
            if connection is not None:
                connection.send(parts)
                touched[connection] = None
        for connection in touched:
            connection.flush()

    def _deadline(self) -> int | None:
        deadline = self.node.next_deadline()
        if self._held or self._paused:
            self._timers.run(self.node.now_ms)
            deadline = _sooner(deadline, self._timers.next_deadline())
        idle = self._next_idle_check
        if idle is None:
            return deadline
        if idle <= self.node.now_ms:
            self._close_idle(self.node.now_ms)
            idle = self._next_idle_check
        return idle if deadline is None or (idle is not None and idle < deadline) else deadline

    def _synced(self, log: Log, offset: int) -> None:
        self.node.synced(log, offset)

    def _failed(self, log: Log, error: BaseException) -> None:
        self.node.logs.sync_failed = True
        self._failure = (
            f"The disk refused to keep {log.topic}-{log.partition}: {error}. "
            f"Nothing of what waited for it was acknowledged. The broker stops; start it again, "
            f"and it takes what is on disk."
        )
        self.reactor.stop()
