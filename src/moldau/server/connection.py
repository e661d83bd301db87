"""A socket: bytes in, frames to the node; parts of answers out, regions of files by sendfile."""

from __future__ import annotations

import os
import socket
from collections import deque
from typing import TYPE_CHECKING, Any

from moldau.protocol.frames import BadFrame, FrameCutter
from moldau.server.reactor import READ, WRITE

if TYPE_CHECKING:
    from moldau.broker.request import Connection as Peer
    from moldau.broker.request import Parts
    from moldau.server.server import Server

# Above this many unsent bytes the node begins no further request of the connection, so a client
# that never reads costs this much memory and one answer.
UNSENT_LIMIT = 1 << 20
# A region up to this size is read and sent together with its neighbours: one call instead of two.
SMALL_REGION = 16 * 1024
SENDFILE_CHUNK = 1 << 20
SEND_CHUNK = 1 << 18
MAX_PARTS_PER_CALL = 64
# What stands before a region goes out with its first bytes: else the peer is woken for the head of
# an answer, and again for the rest (measured: 9% of the broker's CPU time for 1 KiB records out).
MORE = getattr(socket, "MSG_MORE", 0)


class Connection:
    __slots__ = (
        "_cutter",
        "_fd",
        "_has_regions",
        "_interest",
        "_out",
        "_server",
        "_socket",
        "_unsent",
        "_warming",
        "last_active_ms",
        "name",
        "peer",
    )

    def __init__(self, server: Server, sock: socket.socket, peer: Peer, frame_limit: int) -> None:
        self._server = server
        self._socket = sock
        self._fd = sock.fileno()
        self._cutter = FrameCutter(frame_limit)
        self._out: deque[Any] = deque()
        self._has_regions = False  # among what is to be sent
        self._unsent = 0
        self._warming = False  # a region is being read from the disk
        self._interest = READ
        self.peer = peer
        self.name = f"{peer.peer_host}:{sock.getpeername()[1]}"
        self.last_active_ms = server.node.now_ms
        server.reactor.register(self._fd, READ, self.ready)

    def ready(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if events & READ and self._interest & READ:
            self._receive()

    # --- in ---------------------------------------------------------------------------------

    def _receive(self) -> None:
        cutter, node = self._cutter, self._server.node
        self.last_active_ms = node.now_ms
        room = cutter.room()
        buffer = self._server.buffer if room is None else room
        try:
            count = self._socket.recv_into(buffer)
        except BlockingIOError:
            return
        except OSError as error:
            self.close(f"{error.strerror}")
            return
        if count == 0:
            self.close("")
            return
        if room is not None:
            frame = cutter.filled(count)
            if frame is not None:
                node.frame(self.peer, frame)
        else:
            try:
                for small in cutter.feed(buffer[:count]):
                    node.frame(self.peer, small)
            except BadFrame as error:
                self.close(str(error))
                return
        self._want()

    def _want(self) -> None:
        """What to wait for: more requests while the node wants more, room to send while there is
        something to send."""
        peer = self.peer
        if self._interest == READ and not (self._out or peer.waiting or peer.unsent):
            return  # as it is, nearly always
        interest = READ if self._server.node.wants_more(self.peer) else 0
        if self._out and not self._warming:
            interest |= WRITE
        if interest == self._interest or self._fd < 0:
            return
        reactor = self._server.reactor
        if not interest:
            reactor.unregister(self._fd)
        elif not self._interest:
            reactor.register(self._fd, interest, self.ready)
        else:
            reactor.modify(self._fd, interest, self.ready)
        self._interest = interest

    # --- out --------------------------------------------------------------------------------

    def send(self, parts: Parts) -> None:
        if self._fd < 0:
            return
        for part in parts:
            if isinstance(part, (bytes, bytearray, memoryview)):
                self._unsent += len(part)
                self._out.append(part)
            else:
                self._unsent += part.length
                self._out.append(_Sending(part))
                self._has_regions = True

    def flush(self) -> None:
        """Sends what can be sent now; the rest when there is room."""
        if self._fd < 0 or self._warming:
            return
        if not self._out:
            self._sent()
        elif self._has_regions or self._unsent > SMALL_REGION:
            self._flush()
        else:
            self._flush_small()

    def _flush_small(self) -> None:
        """The short way for a few small answers, which is what there is nearly always."""
        out = self._out
        try:
            sent = self._socket.send(out[0] if len(out) == 1 else b"".join(out))
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.close(error.strerror or str(error))
            return
        self._unsent -= sent
        if self._unsent:
            self._drop(sent)
        else:
            out.clear()
        self._sent()

    def _flush(self) -> None:
        out = self._out
        try:
            while out:
                head = out[0]
                sent = self._send_region(head) if isinstance(head, _Sending) else self._send_bytes()
                if sent == 0:
                    break
                self._unsent -= sent
        except BlockingIOError:
            pass
        except OSError as error:
            self.close(error.strerror or str(error))
            return
        if not out:
            self._has_regions = False
        self._sent()

    def _sent(self) -> None:
        """What follows from how much is left to send."""
        node = self._server.node
        if self._unsent > UNSENT_LIMIT:
            self.peer.unsent = True
        elif self.peer.unsent and not self.peer.closed:
            node.drained(self.peer)
        self._want()

    def _send_bytes(self) -> int:
        """One call for all the buffers up to the next large region."""
        out = self._out
        batch: list[Any] = []
        total = flags = 0
        for part in out:
            if isinstance(part, _Sending):
                if part.length > SMALL_REGION:
                    flags = MORE
                    break
                if batch and not part.is_warm(part.length):
                    break
                part = part.small()
            batch.append(part)
            total += len(part)
            if len(batch) == MAX_PARTS_PER_CALL or total > SEND_CHUNK:
                break
        if len(batch) > 1:
            sent = self._socket.sendmsg(batch, (), flags)
        else:
            sent = self._socket.send(batch[0], flags)
        self._drop(sent)
        return sent

    def _drop(self, count: int) -> None:
        """Takes `count` sent bytes off the front."""
        out = self._out
        while count:
            head = out[0]
            length = head.length if isinstance(head, _Sending) else len(head)
            if length <= count:
                out.popleft()
                count -= length
                continue
            if isinstance(head, _Sending):
                head.skip(count)
            else:
                out[0] = memoryview(head)[count:]
            return

    def _send_region(self, region: _Sending) -> int:
        size = min(region.length, SENDFILE_CHUNK)
        if not region.is_warm(size):
            self._warm(region, size)
            return 0
        if region.length <= SMALL_REGION:
            return self._send_bytes()
        sent = os.sendfile(self._fd, region.fd, region.position, size)
        if sent == 0:
            raise OSError(5, f"the file of a log ends before byte {region.position}")
        region.skip(sent)
        if region.length == 0:
            self._out.popleft()
        return sent

    def _warm(self, region: _Sending, size: int) -> None:
        """Reads from the disk in a thread, so that nobody else waits for it."""
        self._warming = True
        self._server.readers.run(lambda: region.read_ahead(size), self._warmed)

    def _warmed(self, problem: BaseException | None) -> None:
        self._warming = False
        if problem is not None:
            self.close(f"its records could not be read: {problem}")
        elif self._fd >= 0:
            self._flush()

    # --- the end ----------------------------------------------------------------------------

    def close(self, why: str) -> None:
        """Closes at once; `why` is empty when the peer simply went."""
        if self._fd < 0:
            return
        if self._interest:
            self._server.reactor.unregister(self._fd)
        self._fd = -1
        self._out.clear()
        self._socket.close()
        self._server.connection_closed(self, why)


class _Sending:
    """A region under way. Holds the file, so that retention may remove it meanwhile."""

    __slots__ = ("_file", "_warm_to", "fd", "length", "position")

    def __init__(self, region: Any) -> None:
        self._file = region.file
        self._warm_to = region.position  # up to here it was in memory when we looked
        self.fd = region.file.fileno()
        self.position = region.position
        self.length = region.length

    def skip(self, count: int) -> None:
        self.position += count
        self.length -= count

    def small(self) -> bytes:
        return os.pread(self.fd, self.length, self.position)

    def is_warm(self, size: int) -> bool:
        """Are the next bytes in memory? Looks at both ends; what lies between came with them."""
        end = self.position + size
        if end > self._warm_to:
            if not (_in_memory(self.fd, self.position) and _in_memory(self.fd, end - 1)):
                return False
            self._warm_to = end
        return True

    def read_ahead(self, size: int) -> None:
        """In a thread."""
        os.pread(self.fd, size, self.position)
        self._warm_to = self.position + size


_ONE_BYTE = bytearray(1)
_NO_WAIT = getattr(os, "RWF_NOWAIT", None)


def _in_memory(fd: int, position: int) -> bool:
    """Whether a read there would not wait for the disk. Where one can't tell: yes."""
    if _NO_WAIT is None:
        return True
    try:
        os.preadv(fd, [_ONE_BYTE], position, _NO_WAIT)
    except BlockingIOError:
        return False
    except OSError:  # this file system does not say
        return True
    return True
