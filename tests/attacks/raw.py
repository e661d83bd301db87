"""A connection that says what it is told to, right or wrong: the attackers' client."""

from __future__ import annotations

import socket
from struct import pack, unpack, unpack_from
from types import TracebackType
from typing import Any, TypeVar

from moldau.protocol.codec import decode, encode
from moldau.protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from moldau.protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from moldau.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicsResponse
from moldau.protocol.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    PartitionData,
)
from moldau.protocol.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from moldau.protocol.records import (
    HEADER_SIZE,
    Record,
    batches,
    build,
    iterate,
    parse_header,
    seal,
)
from moldau.protocol.schema import Message, Struct

M = TypeVar("M", bound=Message)
API_VERSIONS = 18
NOW = 1_750_000_000_000


def frame(request: Message, version: int, correlation_id: int = 1, client: str = "raw") -> bytes:
    """The whole request with its length in front."""
    cls = type(request)
    name = client.encode()
    head = pack(f">hhih{len(name)}s", cls.api_key, version, correlation_id, len(name), name)
    tags = b"\0" if cls.flexible[0] <= version <= cls.flexible[1] else b""
    payload = head + tags + encode(request, version)
    return pack(">i", len(payload)) + payload


class Raw:
    """One connection. Every wait ends after `timeout_s` with TimeoutError."""

    def __init__(self, address: str, timeout_s: float = 30, receive_buffer: int = 0) -> None:
        host, port = address.rsplit(":", 1)
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout_s)
        self.socket.connect(("127.0.0.1" if host == "localhost" else host, int(port)))
        self._next = 0

    def __enter__(self) -> Raw:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, request: Message, version: int, client: str = "raw") -> int:
        """Sends it; the correlation id."""
        self._next += 1
        self.socket.sendall(frame(request, version, self._next, client))
        return self._next

    def receive(self) -> bytes:
        """The next answer, from the correlation id on."""
        return self._exactly(unpack(">i", self._exactly(4))[0])

    def receive_id(self) -> int:
        return int(unpack_from(">i", self.receive())[0])

    def ask(self, request: Message, answer: type[M], version: int) -> M:
        expected = self.send(request, version)
        return self.answer(answer, version, expected)

    def answer(self, answer: type[M], version: int, expected: int) -> M:
        data = self.receive()
        assert unpack_from(">i", data)[0] == expected, "answers left out of order"
        flexible = answer.flexible[0] <= version <= answer.flexible[1]
        return decode(answer, version, data, 5 if flexible and answer.api_key != 18 else 4)

    def ping(self) -> None:
        response = self.ask(ApiVersionsRequest(), ApiVersionsResponse, 0)
        assert response.error_code == 0

    def is_closed_by_peer(self) -> bool:
        """Waits until the peer closes; False when it sends something instead."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            chunk = self.socket.recv(min(count - len(data), 1 << 20))
            if not chunk:
                raise ConnectionResetError("the broker closed the connection")
            data += chunk
        return bytes(data)

    def receive_into(self, view: memoryview) -> memoryview:
        """Fills it."""
        filled = 0
        while filled < len(view):
            count = self.socket.recv_into(view[filled:])
            if not count:
                raise ConnectionResetError("the broker closed the connection")
            filled += count
        return view

    # --- whole conversations ----------------------------------------------------------------

    def create(self, name: str, partitions: int = 1, **config: str) -> None:
        self._create(name, partitions, config)

    def create_with(self, name: str, config: dict[str, str], partitions: int = 1) -> None:
        self._create(name, partitions, config)

    def delete(self, name: str) -> None:
        request = DeleteTopicsRequest(topic_names=[name], timeout_ms=30_000)
        answer = self.ask(request, DeleteTopicsResponse, 3)
        assert answer.responses[0].error_code == 0, answer

    def _create(self, name: str, partitions: int, config: dict[str, str]) -> None:
        response = self.ask(create_request(name, partitions, config), CreateTopicsResponse, 5)
        assert response.topics[0].error_code == 0, response

    def produce(
        self, topic: str, records: bytes, *, acks: int = -1, partition: int = 0, version: int = 9
    ) -> PartitionProduceResponse:
        request = produce_request(topic, records, acks=acks, partition=partition)
        return self.ask(request, ProduceResponse, version).responses[0].partition_responses[0]

    def fetch(
        self, topic: str, offset: int = 0, *, partition: int = 0, max_bytes: int = 1 << 25
    ) -> PartitionData:
        request = fetch_request(topic, offset, partition=partition, max_bytes=max_bytes)
        return self.ask(request, FetchResponse, 12).responses[0].partitions[0]

    def values(self, topic: str, *, partition: int = 0) -> list[bytes | None]:
        """All that can be read, by its own offsets: a gap or a repetition is an error."""
        values: list[bytes | None] = []
        start = offset = 0
        while True:
            data = self.fetch(topic, offset, partition=partition)
            assert data.error_code == 0, data.error_code
            if offset == 0:
                start = offset = data.log_start_offset
            if offset == data.high_watermark:
                return values
            for _, batch in batches(bytes(data.records)):
                for record in iterate(batch):
                    if record.offset >= offset:
                        assert record.offset == start + len(values), "a gap, or twice"
                        values.append(record.value)
                        offset = record.offset + 1


def errors_of(message: object) -> set[int]:
    """All error codes in a response, wherever they stand."""
    if isinstance(message, list):
        return set().union(*map(errors_of, message))
    if not isinstance(message, Struct):
        return set()
    found: set[int] = set()
    for field in type(message).fields:
        value = getattr(message, field.name)
        found |= {value} if field.name == "error_code" else errors_of(value)
    return found


def create_request(
    name: str, partitions: int = 1, config: dict[str, str] | None = None
) -> CreateTopicsRequest:
    configs = [CreatableTopicConfig(name=k, value=v) for k, v in (config or {}).items()]
    topic = CreatableTopic(
        name=name, num_partitions=partitions, replication_factor=-1, configs=configs
    )
    return CreateTopicsRequest(topics=[topic], timeout_ms=30_000)


def produce_request(
    topic: str, records: Any, *, acks: int = -1, partition: int = 0
) -> ProduceRequest:
    data = PartitionProduceData(index=partition, records=records)
    return ProduceRequest(
        acks=acks,
        timeout_ms=30_000,
        topic_data=[TopicProduceData(name=topic, partition_data=[data])],
    )


def fetch_request(
    topic: str,
    offset: int,
    *,
    partition: int = 0,
    max_bytes: int = 1 << 25,
    max_wait_ms: int = 0,
    min_bytes: int = 0,
) -> FetchRequest:
    wanted = FetchPartition(partition=partition, fetch_offset=offset, partition_max_bytes=max_bytes)
    return FetchRequest(
        max_wait_ms=max_wait_ms,
        min_bytes=min_bytes,
        max_bytes=max_bytes,
        session_epoch=-1,
        topics=[FetchTopic(topic=topic, partitions=[wanted])],
    )


def batch(
    *values: bytes | None, timestamp: int = NOW, key: bytes | None = b"k", **options: Any
) -> bytes:
    return build([Record(0, timestamp, key, value) for value in values], **options)


def resealed(good: bytes, *, payload: bytes | None = None, **changes: int) -> bytes:
    """The batch with other header fields, and a checksum that holds."""
    header = parse_header(good)._replace(**changes)
    return seal(header, good[HEADER_SIZE:] if payload is None else payload)


def patched(good: bytes, at: int, data: bytes) -> bytes:
    return good[:at] + data + good[at + len(data) :]
