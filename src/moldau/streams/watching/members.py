"""Which process of a program has which task, and where it is asked: `APP-members`, a compacted
topic of one partition.

A record for each process: the key is its name (machine and process id), the value JSON:
{"process", "machine", "pid", "slot", "host", "port", "tasks": {stage: [partitions]}}. `host` and
`port` are null where it answers nobody. It is written anew when the tasks change, and deleted at a
clean end. Of two processes that name the same task the later record is right: what a process that
was killed has left there is overtaken by whoever is given its tasks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import msgspec
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from moldau.streams.app import App
from moldau.streams.errors import StreamsError
from moldau.streams.running.changelogs import end_of
from moldau.streams.running.internal_topics import make
from moldau.streams.topology import members_topic
from moldau.streams.watching.addresses import is_loopback

BATCH = 500
POLL_S = 0.1
TO_READ_S = 30.0
TO_SEND_S = 5.0


class Member(msgspec.Struct, frozen=True):
    process: str
    machine: str
    pid: int
    slot: int
    host: str | None = None
    port: int | None = None
    tasks: dict[str, list[int]] = {}


def why_not_asked(member: Member, me: Member) -> str | None:
    """None: this process can ask it."""
    if member.host is None or member.port is None:
        return f"{member.process} has that, and answers nobody: give it --http"
    if member.machine != me.machine and is_loopback(member.host):
        return (
            f"{member.process} has that, and answers on its own machine only: start it with "
            f"--http 0.0.0.0:PORT"
        )
    return None


def refuse_without(app: App) -> None:
    """Raises StreamsError when no worker of the program has ever answered."""
    known = AdminClient(app.client_settings).list_topics(timeout=TO_READ_S).topics
    if members_topic(app.id) not in known:
        raise StreamsError(f"{app.id} has no workers that answer: start them with --http")


class Membership:
    """Tells the others of this process; for the worker's thread. Makes the topic where it is
    missing. Raises StreamsError."""

    def __init__(self, app: App, me: Member) -> None:
        self.me = me
        self._topic = members_topic(app.id)
        admin = AdminClient(app.client_settings)
        if self._topic not in admin.list_topics(timeout=TO_READ_S).topics:
            make(admin, [NewTopic(self._topic, 1, -1, config={"cleanup.policy": "compact"})])
        self._producer = Producer({**app.client_settings, "enable.idempotence": True})
        self._send(msgspec.json.encode(me))

    def tell(self, tasks: Iterable[tuple[str, int]]) -> None:
        """Which tasks (stage and partition) it has now."""
        by_stage: dict[str, list[int]] = {}
        for stage, partition in sorted(tasks):
            by_stage.setdefault(stage, []).append(partition)
        if by_stage != self.me.tasks:
            self.me = msgspec.structs.replace(self.me, tasks=by_stage)
            self._send(msgspec.json.encode(self.me))

    def close(self, seconds: float = TO_SEND_S) -> None:
        """It ends, and has nothing any more. Others hear it when brokers take it in that time."""
        self._send(None)
        self._producer.flush(seconds)

    def _send(self, value: bytes | None) -> None:
        self._producer.produce(self._topic, value, self.me.process, 0)
        self._producer.poll(0)


class Members:
    """What they tell; may be asked by any thread. Raises StreamsError."""

    def __init__(self, app: App) -> None:
        self._topic = members_topic(app.id)
        self._lock = threading.Lock()
        self._decode = msgspec.json.Decoder(Member).decode
        self._known: dict[str, Member] = {}  # the latest is the last
        self._is_closed = False
        end = end_of(AdminClient(app.client_settings), TopicPartition(self._topic, 0))
        self._consumer = Consumer(
            {
                **app.client_settings,
                "group.id": f"{app.id}-members-of-nobody",  # nothing is committed
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
            }
        )
        self._consumer.assign([TopicPartition(self._topic, 0, 0)])
        self._fill(end)

    def _fill(self, end: int) -> None:
        position, until = 0, time.monotonic() + TO_READ_S
        while position < end:
            for message in self._consumer.consume(BATCH, POLL_S):
                position = max(position, self._take(message))
            if time.monotonic() > until:
                raise StreamsError(f"{self._topic} cannot be read: no answer in {TO_READ_S:.0f} s")

    def now(self) -> list[Member]:
        """Those that have tasks, as far as it has been heard; each task has one of them."""
        with self._lock:
            if not self._is_closed:
                for message in self._consumer.consume(BATCH, 0):
                    self._take(message)
            known = list(self._known.values())
        taken: set[tuple[str, int]] = set()
        found = []
        for member in reversed(known):
            tasks = {
                stage: [one for one in partitions if (stage, one) not in taken]
                for stage, partitions in member.tasks.items()
            }
            taken |= {(stage, one) for stage, some in tasks.items() for one in some}
            if any(tasks.values()):
                found.append(msgspec.structs.replace(member, tasks=tasks))
        return found

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._consumer.close()

    def _take(self, message: Message) -> int:
        """The position behind it."""
        error, offset = message.error(), message.offset() or 0
        if error is not None:  # the end, or trouble that librdkafka sees to
            return offset if error.code() == KafkaError._PARTITION_EOF else 0
        name, value = (message.key() or b"").decode(), message.value()
        self._known.pop(name, None)
        if value is not None:
            self._known[name] = self._decode(value)
        return offset + 1
