"""A node without a body: fed with requests, drained of answers, on a disk in memory."""

from __future__ import annotations

import random
from struct import unpack_from
from typing import Any, TypeVar

from moldau.broker.loggers import Loggers
from moldau.broker.node import Node
from moldau.broker.request import Connection
from moldau.cluster.image import Endpoint
from moldau.protocol.codec import decode, encode
from moldau.protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from moldau.protocol.messages.header import RequestHeader
from moldau.protocol.records import Record, build
from moldau.protocol.schema import Message
from moldau.server.settings import resolve
from moldau.sim.disk import MemoryDisk
from moldau.storage.manager import LogManager

M = TypeVar("M", bound=Message)
START_MS = 1_700_000_000_000


class Stage:
    """One node and the time that it is told."""

    def __init__(
        self, disk: MemoryDisk | None = None, now_ms: int = START_MS, **config: object
    ) -> None:
        overrides = [f"{name.replace('_', '.')}={value}" for name, value in config.items()]
        settings = resolve(user_data="/data", port=9092, overrides=overrides)
        self.disk = disk or MemoryDisk()
        self.said: list[str] = []
        self.now_ms = now_ms
        self.spent_ns = 0  # what its stopwatch shows
        self.dice = random.Random(7)
        self.logs = LogManager.open(
            self.disk, "/data", settings, self.now_ms, self.said.append, self.dice.randbytes
        )
        self.node = Node(
            settings,
            self.logs,
            self.dice,
            Loggers(self.said.append),
            lambda: self.spent_ns,
            self.now_ms,
        )
        self.node.start({"PLAINTEXT": Endpoint("localhost", 9092)})
        self.correlation_id = 0
        self.client = self.connect()
        self.sync()

    def connect(self) -> Connection:
        number = len(self.node.connections) + 1
        peer = Connection(number, "PLAINTEXT", ("127.0.0.1", 9092), "127.0.0.1", None)
        self.node.opened(peer)
        return peer

    def send(self, request: Message, version: int, peer: Connection | None = None) -> int:
        """In a round of its own. Its correlation id."""
        self.tick(0)
        self.node.frame(peer or self.client, self.frame(request, version))
        return self.correlation_id

    def frame(self, request: Message, version: int) -> bytes:
        """The next request, as it stands on the wire behind its length."""
        self.correlation_id += 1
        first, last = type(request).flexible
        header = RequestHeader(
            request_api_key=request.api_key,
            request_api_version=version,
            correlation_id=self.correlation_id,
            client_id="stage",
        )
        head = encode(header, 1) + (b"\0" if first <= version <= last else b"")
        return head + encode(request, version)

    def answers(self) -> dict[int, bytes]:
        """What has left since the last call, by correlation id, without length and id."""
        outbox = self.node.drain()
        sends, outbox.sends = outbox.sends, []
        frames = [b"".join(_bytes_of(part) for part in parts) for _, parts in sends if parts]
        assert all(unpack_from(">i", f)[0] == len(f) - 4 for f in frames)
        return {unpack_from(">i", f, 4)[0]: f[8:] for f in frames}

    def ask(self, request: Message, version: int, answer: type[M]) -> M | None:
        """The answer, or None when the request is parked."""
        number = self.send(request, version)
        frame = self.answers().get(number)
        return None if frame is None else self.decode(answer, version, frame)

    def must(self, request: Message, version: int, answer: type[M]) -> M:
        """The answer, which comes at once or after a sync."""
        number = self.send(request, version)
        frames = self.answers()
        self.sync()
        frames |= self.answers()
        return self.decode(answer, version, frames[number])

    @staticmethod
    def decode(answer: type[M], version: int, frame: bytes) -> M:
        first, last = answer.flexible
        return decode(answer, version, frame, 1 if first <= version <= last else 0)

    def sync(self) -> None:
        """The disk keeps everything that the node wants kept."""
        outbox = self.node.drain()
        while outbox.syncs:
            logs, outbox.syncs = outbox.syncs, {}
            for log in logs:
                job = log.sync_job()
                for file in job.files:
                    file.sync()
                for directory in job.directories:
                    self.disk.sync_dir(directory)
                self.node.synced(log, job.offset)

    def tick(self, ms: int) -> None:
        self.now_ms += ms
        self.node.tick(self.now_ms)

    def topic(self, name: str, partitions: int = 1, **configs: object) -> bytes:
        """Its id."""
        request = CreateTopicsRequest(
            topics=[
                CreatableTopic(
                    name=name,
                    num_partitions=partitions,
                    replication_factor=1,
                    configs=[
                        CreatableTopicConfig(name=key.replace("_", "."), value=str(value))
                        for key, value in configs.items()
                    ],
                )
            ],
            timeout_ms=1000,
        )
        (result,) = self.must(request, 7, CreateTopicsResponse).topics
        assert result.error_code == 0, result
        return result.topic_id


def batch(*values: bytes, **fields: Any) -> bytes:
    return build([Record(0, START_MS, None, value) for value in values], **fields)


def _bytes_of(part: Any) -> bytes:
    if isinstance(part, bytes | bytearray | memoryview):
        return bytes(part)
    data: bytes = part.file.pread(part.length, part.position)
    return data
