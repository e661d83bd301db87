"""Everything at once for a while: does memory stay flat, and do answers stay quick?"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from struct import Struct
from typing import TypeVar

from confluent_kafka import Consumer, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from tests.attacks.raw import Raw

from bench.brokers import Running
from bench.limits.measured import MB, Pinger, Result, Scenario, running
from bench.process import cpu_seconds, memory_bytes

SECONDS = float(os.environ.get("MOLDAU_LIMITS_MIXED_S", "600"))
RATE = int(os.environ.get("MOLDAU_LIMITS_MIXED_RATE", "500"))  # records per second
PARTITIONS = 6
MEMBERS = 3
SAMPLE_EVERY_S = 5.0
LATE_MS = 50  # end to end
REJOIN_EVERY_S = 60.0
TOPIC_EVERY_S = 5.0
CONNECTIONS_PER_S = 5
# Members hear of a rebalance with a heartbeat. With the default of 3 s between two, whether a tenth
# of the records meets one depends on how far the members' heartbeats are apart, which changes.
HEARTBEAT_MS = 500
DRAIN_S = 30.0  # for what the group has not read when the load ends
# Segments go within the run, so that what goes with them is seen to go. A producer asks for a topic
# that is deleted again after five minutes, and would have it made anew.
SETTINGS = {
    "log.retention.check.interval.ms": "10000",
    "log.initial.task.delay.ms": "10000",
    "auto.create.topics.enable": "false",
}
TOPIC = {
    "segment.bytes": str(1 << 20),
    "retention.bytes": str(2 << 20),
    "file.delete.delay.ms": "1000",
}
_STAMP = Struct(">q")
_PADDING = bytes(992)
T = TypeVar("T")


class Load:
    """Runs its parts in threads until it is told to stop; a part that fails fails the run."""

    def __init__(self, broker: Running) -> None:
        self.broker = broker
        self.common = {"bootstrap.servers": broker.address, "log_level": 0}
        self.stop = threading.Event()
        self.failed: list[BaseException] = []
        self.arrived: list[tuple[float, float]] = []  # when, after how many seconds
        self.sent = self.rejoined = self.topics = self.connected = 0
        self.seen: set[int] = set()
        self.until = float("inf")
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        admin = AdminClient(self.common)
        admin.create_topics([NewTopic("mixed", PARTITIONS, 1, config=TOPIC)])["mixed"].result(30)
        parts = [self._produce, self._rejoin, self._come_and_go, self._connect]
        for part in [*parts, *[self._consume] * MEMBERS]:
            self._threads.append(threading.Thread(target=self._guarded, args=(part,)))
            self._threads[-1].start()

    def end(self) -> None:
        self.until = time.perf_counter() + DRAIN_S
        self.stop.set()
        for thread in self._threads:
            thread.join()
        if self.failed:
            raise self.failed[0]

    def _guarded(self, part: Callable[[], None]) -> None:
        try:
            part()
        except BaseException as error:
            self.failed.append(error)
            self.stop.set()

    def _produce(self) -> None:
        producer = Producer(self.common | {"enable.idempotence": True, "linger.ms": 5})
        begin = time.perf_counter()
        while not self.stop.wait(0.01):
            due = int((time.perf_counter() - begin) * RATE)
            for number in range(self.sent, due):
                value = _STAMP.pack(time.perf_counter_ns()) + _PADDING
                producer.produce("mixed", value, str(number), on_delivery=self._delivered)
            self.sent = due
            producer.poll(0)
        if producer.flush(30):
            raise KafkaException("not all records were acknowledged")

    def _delivered(self, error: object, _message: object) -> None:
        if error:
            self.failed.append(RuntimeError(f"a record was refused: {error}"))

    def _consumer(self) -> Consumer:
        consumer = Consumer(
            self.common
            | {
                "group.id": "mixed",
                "auto.offset.reset": "earliest",
                "auto.commit.interval.ms": 1000,
                "heartbeat.interval.ms": HEARTBEAT_MS,
            }
        )
        consumer.subscribe(["mixed"])
        return consumer

    def _consume(self) -> None:
        consumer = self._consumer()
        while not self.stop.is_set() or (len(self.seen) < self.sent and not self.failed):
            if not self._taken(consumer.poll(0.1)) and time.perf_counter() > self.until:
                self.failed.append(RuntimeError(f"{len(self.seen)} of {self.sent} records came"))
        consumer.close()

    def _taken(self, message: Message | None) -> bool:
        value, key = (message.value(), message.key()) if message else (None, None)
        if value is None or key is None:
            return False
        now = time.perf_counter()
        self.arrived.append((now, now - _STAMP.unpack_from(value)[0] / 1e9))
        self.seen.add(int(key))
        return True

    def _rejoin(self) -> None:
        """A member comes and goes."""
        while not self.stop.wait(REJOIN_EVERY_S):
            consumer = self._consumer()
            self._taken(consumer.poll(5))
            consumer.close()
            self.rejoined += 1

    def _come_and_go(self) -> None:
        """A topic is made, written to, and deleted."""
        admin, producer = AdminClient(self.common), Producer(self.common)
        while not self.stop.wait(TOPIC_EVERY_S):
            name = f"passing-{self.topics}"
            admin.create_topics([NewTopic(name, 3, 1)])[name].result(30)
            producer.produce(name, b"v")
            producer.flush(30)
            admin.delete_topics([name])[name].result(30)
            self.topics += 1

    def _connect(self) -> None:
        while not self.stop.wait(1 / CONNECTIONS_PER_S):
            with Raw(self.broker.address) as raw:
                raw.ping()
            self.connected += 1


def measure(folder: Path) -> Result:
    result = Result()
    with running(folder, SETTINGS) as broker:
        load = Load(broker)
        with Pinger(broker.address) as pinger:
            load.start()
            begin, before = time.perf_counter(), cpu_seconds(broker.pid)
            memory = []
            while time.perf_counter() - begin < SECONDS and not load.stop.wait(SAMPLE_EVERY_S):
                memory.append(memory_bytes(broker.pid) / MB)
            used = cpu_seconds(broker.pid) - before
            seconds = time.perf_counter() - begin
            load.end()
        _done(result, load, seconds, used)
        _flatness(result, memory, load.arrived, pinger.waits)
        result.add("files open at the end", len(os.listdir(f"/proc/{broker.pid}/fd")), "")
    return result


def _done(result: Result, load: Load, seconds: float, used: float) -> None:
    result.add("length of the run", seconds, "s")
    result.add("records sent and acknowledged (1 kB, idempotent, acks=all)", load.sent, "")
    result.add("of them, records that the group was given", len(load.seen), "")
    result.add("given twice, when members came and went", len(load.arrived) - len(load.seen), "")
    result.add("times that a member joined and left", load.rejoined, "")
    result.add("topics made, written and deleted", load.topics, "")
    result.add("connections opened and closed", load.connected, "")
    result.add("the broker's share of a core", 100 * used / seconds, "%")


def _flatness(
    result: Result, memory: list[float], arrived: list[tuple[float, float]], pings: list[float]
) -> None:
    """By thirds of the run: what grows shows in the last."""
    for number, name in enumerate(("first", "second", "third")):
        result.add(f"{name} third: memory (PSS), median", _median(_third(memory, number)), "MB")
        waits = sorted(wait * 1e3 for _, wait in _third(arrived, number))
        for title, part in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
            value = waits[int(len(waits) * part)] if waits else 0.0
            result.add(f"{name} third: end to end, {title}", value, "ms")
        late = sum(wait > LATE_MS for wait in waits) / max(1, len(waits))
        result.add(f"{name} third: longer than {LATE_MS} ms, of all", 100 * late, "%")
        longest = max(_third(pings, number), default=0.0) * 1e3
        result.add(f"{name} third: longest wait of an ApiVersions", longest, "ms")


def _third(values: list[T], number: int) -> list[T]:
    return values[len(values) * number // 3 : len(values) * (number + 1) // 3]


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else 0.0


SCENARIO = Scenario(
    "mixed",
    f"Mixed load, {SECONDS / 60:.0f} minutes",
    f"An idempotent producer sends {RATE} records of 1 kB a second to {PARTITIONS} partitions with "
    f"small segments and retention, a group of {MEMBERS} reads and commits every second; every "
    f"{REJOIN_EVERY_S:.0f} s a member joins and leaves, every {TOPIC_EVERY_S:.0f} s a topic is "
    f"made, written and deleted, and {CONNECTIONS_PER_S} times a second somebody connects. While "
    f"the group is shared out anew (the members hear of it with their next heartbeat, every "
    f"{HEARTBEAT_MS} ms) its records wait, which p99 shows. Every record must come to the group, "
    "or the run fails.",
    measure,
)
