"""One blocking connection to one broker: connect, agree on versions, ask and get an answer.

Records travel by librdkafka, but for who must see and choose what it hides: see `batches`.
"""

from __future__ import annotations

import socket
from struct import Struct as Layout
from typing import NamedTuple, TypeVar

from moldau.client.addresses import sought
from moldau.client.errors import Refused, Unreachable, Unsupported, WrongPeer
from moldau.protocol.codec import decode, decode_from, encode, encode_into
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from moldau.protocol.messages.header import RequestHeader, ResponseHeader
from moldau.protocol.primitives import Malformed
from moldau.protocol.schema import Message

M = TypeVar("M", bound=Message)
_LENGTH = Layout(">i")
_LARGEST_ANSWER = 100 * 1024 * 1024
_API_VERSIONS = 18
# Closing drops what the other side has not taken yet, also when this process is killed.
_DROP_UNSENT = Layout("ii").pack(1, 0)


class Sent(NamedTuple):
    """A request that is under way: what is needed to read its answer."""

    correlation_id: int
    version: int
    flexible: bool


class Connection:
    """A connection that is open and knows the broker's `versions`, by API key. Use it from one
    thread."""

    def __init__(self, host: str, port: int, client_id: str, timeout_s: float) -> None:
        """Raises Unreachable, WrongPeer."""
        self.address = f"{host}:{port}"
        self._client_id = client_id
        self._correlation_id = 0
        self._answers = 0
        self.versions: dict[int, tuple[int, int]] = {}
        try:
            self._socket = socket.create_connection((sought(host), port), timeout_s)
        except OSError as error:
            raise self._no_connection(error) from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._learn_versions()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def supports(self, request: type[Message]) -> bool:
        return request.api_key in self.versions

    def ask(
        self,
        request: Message,
        answer: type[M],
        *,
        newest: int = 99,
        oldest: int = 0,
        timeout_s: float = 30,
    ) -> M:
        """Sends in the newest version that both know, from `oldest` to `newest`.

        Raises Unreachable when the connection breaks, Unsupported, WrongPeer.
        """
        version = self._choose(type(request), oldest, newest)
        return self._exchange(request, answer, version, timeout_s)

    def _choose(self, request: type[Message], oldest: int, newest: int) -> int:
        low, high = max(oldest, request.versions[0]), request.versions[1]
        if request.api_key not in self.versions:
            name = request.__name__.removesuffix("Request")
            raise Unsupported(
                f"The node does not support {name}",
                f"{self.address} does not serve this API: it is older, or not a full Kafka.",
            )
        their_low, their_high = self.versions[request.api_key]
        version = min(high, their_high, newest)
        if version < max(low, their_low):
            raise Unsupported(
                f"The node does not support any version of {request.__name__} that we speak",
                f"{self.address} serves versions {their_low} to {their_high}, "
                f"we speak {low} to {high}.",
            )
        return version

    def _learn_versions(self) -> None:
        request = ApiVersionsRequest(client_software_name="moldau", client_software_version="0.1.0")
        response = self._exchange(request, ApiVersionsResponse, 3, 30)
        if response.error_code == ErrorCode.UNSUPPORTED_VERSION:
            # The broker is older than Kafka 2.4: it answers in version 0, with its range.
            response = self._exchange(ApiVersionsRequest(), ApiVersionsResponse, 0, 30)
        if response.error_code:
            raise Refused(response.error_code)
        self.versions = {k.api_key: (k.min_version, k.max_version) for k in response.api_keys}

    def send(self, request: Message, *, newest: int = 99, timeout_s: float = 30) -> Sent:
        """Sends without waiting for the answer; answers come in the order of the requests.

        Raises Unreachable, Unsupported, WrongPeer.
        """
        return self._send(request, self._choose(type(request), 0, newest), timeout_s)

    def receive(self, sent: Sent, answer: type[M], timeout_s: float = 30) -> M:
        """The answer to the oldest request that is under way. Raises Unreachable, WrongPeer."""
        self._socket.settimeout(timeout_s)
        try:
            frame = self._receive_frame()
        except OSError as error:
            raise self._lost(error) from None
        self._answers += 1
        return self._decode(frame, answer, sent)

    def drop_unsent(self) -> None:
        """From now on nothing that is on its way survives this connection: without this, the
        operating system goes on sending for a process that was killed."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_UNSENT)

    def _exchange(self, request: Message, answer: type[M], version: int, timeout_s: float) -> M:
        return self.receive(self._send(request, version, timeout_s), answer, timeout_s)

    def _send(self, request: Message, version: int, timeout_s: float) -> Sent:
        self._correlation_id += 1
        cls = type(request)
        flexible = cls.flexible[0] <= version <= cls.flexible[1]
        header = RequestHeader(
            request_api_key=cls.api_key,
            request_api_version=version,
            correlation_id=self._correlation_id,
            client_id=self._client_id,
        )
        # In version 2 of the header the client id stays a classic string; only tags are added.
        payload = bytearray(4) + encode(header, 1) + (b"\x00" if flexible else b"")
        encode_into(payload, request, version, [])
        _LENGTH.pack_into(payload, 0, len(payload) - 4)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.sendall(payload)
        except OSError as error:
            raise self._lost(error) from None
        return Sent(self._correlation_id, version, flexible)

    def _decode(self, frame: bytearray, answer: type[M], sent: Sent) -> M:
        is_versions = answer.api_key == _API_VERSIONS
        version = sent.version
        try:
            head, position = decode_from(
                ResponseHeader, 1 if sent.flexible and not is_versions else 0, frame
            )
            if head.correlation_id != sent.correlation_id:
                raise Malformed(f"it answers request {head.correlation_id}, which was never sent")
            if is_versions and frame[position : position + 2] == b"\x00\x23":
                version = 0
            return decode(answer, version, frame, position)
        except Malformed as error:
            raise WrongPeer(
                f"{self.address} does not answer as a Kafka broker: {error}.",
                "Check host and port.",
            ) from None

    def _receive_frame(self) -> bytearray:
        head = self._receive(4)
        (length,) = _LENGTH.unpack(head)
        if not 4 <= length <= _LARGEST_ANSWER:
            raise WrongPeer(f"{self.address} {_who_is(bytes(head))}.", "Check host and port.")
        return self._receive(length)

    def _receive(self, count: int) -> bytearray:
        frame = bytearray(count)
        view = memoryview(frame)
        position = 0
        while position < count:
            size = self._socket.recv_into(view[position:])
            if not size:
                raise ConnectionResetError("closed")
            position += size
        return frame

    def _no_connection(self, error: OSError) -> Unreachable:
        if isinstance(error, ConnectionRefusedError):
            return Unreachable(
                f"Nothing listens on {self.address}.",
                "Start a broker (`moldau up`), or name another with --bootstrap-server.",
            )
        if isinstance(error, socket.gaierror):
            return Unreachable(
                f"The host name of {self.address} is not known here.", "Check its spelling."
            )
        if isinstance(error, TimeoutError):
            return Unreachable(
                f"{self.address} does not answer.", "Check the host, the port and the firewall."
            )
        return Unreachable(
            f"{self.address} cannot be reached: {error.strerror or error}.",
            "Check host and port.",
        )

    def _lost(self, error: OSError) -> Unreachable | WrongPeer:
        if isinstance(error, TimeoutError):
            return Unreachable(
                f"{self.address} is connected but did not answer in time.",
                "Check that it is a Kafka broker, and how busy it is.",
            )
        if self._answers == 0:
            return WrongPeer(
                f"{self.address} closed the connection at the first request.",
                "It is not a Kafka broker, or its listener wants TLS, which this client "
                "does not speak yet: use a PLAINTEXT listener.",
            )
        if self._answers == 1:
            return Unreachable(
                f"{self.address} closed the connection after ApiVersions.",
                "Its listener probably wants SASL, which this client does not speak yet: "
                "use a PLAINTEXT listener.",
            )
        return Unreachable(f"{self.address} closed the connection.", "Its log may say why.")


def _who_is(head: bytes) -> str:
    if head[:2] == b"\x15\x03":
        return "speaks TLS, which this client does not speak yet: use a PLAINTEXT listener"
    if head == b"HTTP":
        return "is a web server, not a Kafka broker"
    if head == b"SSH-":
        return "is an SSH server, not a Kafka broker"
    return f"is not a Kafka broker: its answer begins with {head!r}"
