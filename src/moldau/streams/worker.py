"""The body of tasks: one consumer, one producer, and the tasks that the group gives this process.

A checkpoint: what the tasks made is sent and acknowledged; then their changelogs, each ending in a
marker that holds where its sources were; then the offsets are committed. With `exactly_once` all
of it is one Kafka transaction.

Partition p of all topics of a stage is one task. librdkafka has no assignor of the user's, so the
group deals out one topic of each stage, and its siblings are assigned beside it by hand.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from moldau.streams.app import App
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.state import State
from moldau.streams.engine.task import Records, Task
from moldau.streams.errors import StreamsError
from moldau.streams.internal_topics import prepare
from moldau.streams.topology import Stage, topology

BATCH = 5000
POLL_S = 0.1
TIMEOUT_S = 60.0
_EOF = KafkaError._PARTITION_EOF

Place = tuple[str, int]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Worker:
    def __init__(self, app: App, *, slot: int = 0, say: Callable[[str], None] = print) -> None:
        self._app = app
        self._say = say
        self._topology = topology(app.id, app.nodes)
        self._transactional = app.guarantee == "exactly_once"
        self._partitions = prepare(app, self._topology)
        self._tasks: dict[tuple[str, int], Task] = {}
        self._by_place: dict[Place, Task] = {}
        self._at_end: set[Place] = set()
        self._leads: dict[str, Stage] = {s.topics[0]: s for s in self._topology.stages}
        self._running = True
        self._in_transaction = False
        self._failures: list[str] = []
        self._next_checkpoint = 0.0
        base = {"bootstrap.servers": app.bootstrap_servers, **app.config}
        self._consumer_settings = {
            **base,
            "group.id": app.id,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "partition.assignment.strategy": "cooperative-sticky",
        }
        self._consumer = Consumer(self._consumer_settings)
        producer = {
            **base,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "linger.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
        }
        if self._transactional:
            producer["transactional.id"] = f"{app.id}-{slot}"
        self._producer = Producer(producer)

    # --- life -------------------------------------------------------------------------------

    def run(self) -> None:
        """Until `stop`, or until the end of the input with until="end"."""
        if self._transactional:
            self._init_transactions()
        self._consumer.subscribe(
            list(self._leads), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )
        try:
            self._schedule()
            while self._running:
                self._round()
            self._checkpoint()
        finally:
            self._consumer.close()

    def _init_transactions(self) -> None:
        try:
            self._producer.init_transactions(TIMEOUT_S)
        except KafkaException as error:
            why = error.args[0].str()
            raise StreamsError(
                f"{self._app.id}: guarantee='exactly_once' needs Kafka transactions, which "
                f"{self._app.bootstrap_servers} refuses ({why}): take 'at_least_once', or Apache "
                f"Kafka"
            ) from None

    def stop(self) -> None:
        """Ends after this round. May be called by a signal handler."""
        self._running = False

    def _round(self) -> None:
        messages = self._consumer.consume(BATCH, POLL_S)
        for place, part in _by_place(messages).items():
            self._feed(place, part)
        self._tick()
        for task in self._tasks.values():
            self._send(task)
        self._producer.poll(0)
        if time.monotonic() >= self._next_checkpoint:
            self._checkpoint()
        if self._app.until == "end" and self._tasks and self._is_done():
            self._running = False

    def _schedule(self) -> None:
        self._next_checkpoint = time.monotonic() + self._app.checkpoint_ms / 1000

    # --- records ----------------------------------------------------------------------------

    def _feed(self, place: Place, messages: list[Message]) -> None:
        task = self._by_place.get(place)
        if task is None:
            return  # revoked meanwhile
        errors = {message.error() for message in messages} - {None}
        if errors:
            messages = [message for message in messages if message.error() is None]
            self._at_end.add(place)
        else:
            self._at_end.discard(place)
        for error in errors:
            if error.code() != _EOF:
                raise KafkaException(error)
        if messages:
            task.feed(place[0], _records(messages), _now_ms())
        if self._app.until == "end" and place in self._at_end:
            task.ended(place[0])

    def _tick(self) -> None:
        """What silence closes, closes: of partitions that are read to their end."""
        now = _now_ms()
        topics = self._topology.source_topics
        for place in self._at_end & self._by_place.keys():
            topic = topics.get(place[0])
            if topic is None:
                continue
            limit = topic.close_after_silence
            limit = self._app.close_after_silence_ms if limit is None else limit
            if limit is not None:
                self._by_place[place].tick(place[0], now, limit)

    def _is_done(self) -> bool:
        return all(task.is_done for task in self._tasks.values())

    def _send(self, task: Task) -> None:
        outputs, task.outputs[:] = list(task.outputs), []
        self._produce(outputs)

    def _produce(self, outputs: Iterable[Output]) -> None:
        produce, failed = self._producer.produce, self._delivered
        for topic, partition, key, value, timestamp in outputs:
            if self._transactional and not self._in_transaction:
                self._producer.begin_transaction()
                self._in_transaction = True
            while True:
                try:
                    produce(
                        topic,
                        value,
                        key,
                        -1 if partition is None else partition,
                        on_delivery=failed,
                        timestamp=timestamp or 0,  # 0: now
                    )
                    break
                except BufferError:
                    self._producer.poll(0.05)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failures.append(f"{message.topic()}: {error.str()}")

    # --- checkpoints ------------------------------------------------------------------------

    def _checkpoint(self) -> None:
        """Raises StreamsError when something could not be sent: nothing is committed then."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.announce()
            self._send(task)
        if not self._transactional:
            self._flush()
        for task in tasks:
            self._produce(task.checkpoint())
        offsets = [
            TopicPartition(topic, task.partition, offset)
            for task in tasks
            for topic, offset in task.positions.items()
        ]
        if self._transactional:
            self._commit_transaction(offsets)
        else:
            self._flush()
            if offsets:
                self._consumer.commit(offsets=offsets, asynchronous=False)
        self._schedule()

    def _commit_transaction(self, offsets: list[TopicPartition]) -> None:
        if not self._in_transaction:
            return
        group = self._consumer.consumer_group_metadata()
        self._producer.send_offsets_to_transaction(offsets, group, TIMEOUT_S)
        self._producer.commit_transaction(TIMEOUT_S)
        self._in_transaction = False

    def _flush(self) -> None:
        left = self._producer.flush(TIMEOUT_S)
        if left or self._failures:
            why = self._failures[0] if self._failures else f"no answer in {TIMEOUT_S:.0f} s"
            raise StreamsError(f"{left + len(self._failures)} records were not sent: {why}")

    # --- rebalancing ------------------------------------------------------------------------

    def _assigned(self, consumer: Consumer, leads: list[TopicPartition]) -> None:
        places: list[TopicPartition] = []
        for lead in leads:
            stage = self._leads[lead.topic]
            task = self._restored(stage, lead.partition)
            self._tasks[stage.name, lead.partition] = task
            for topic in stage.topics:
                self._by_place[topic, lead.partition] = task
                places.append(TopicPartition(topic, lead.partition, task.positions.get(topic, 0)))
        consumer.incremental_assign(places)

    def _revoked(self, consumer: Consumer, leads: list[TopicPartition]) -> None:
        self._checkpoint()
        self._lost(consumer, leads)

    def _lost(self, consumer: Consumer, leads: list[TopicPartition]) -> None:
        places = []
        for lead in leads:
            stage = self._leads[lead.topic]
            self._tasks.pop((stage.name, lead.partition), None)
            for topic in stage.topics:
                self._by_place.pop((topic, lead.partition), None)
                self._at_end.discard((topic, lead.partition))
                places.append(TopicPartition(topic, lead.partition))
        consumer.incremental_unassign(places)

    def _restored(self, stage: Stage, partition: int) -> Task:
        state = State()
        place = TopicPartition(self._topology.changelog(stage), partition, 0)
        marker = state.restore(self._changelog(place))
        return Task(self._topology, stage, partition, self._partitions, state, marker)

    def _changelog(self, place: TopicPartition) -> Iterable[tuple[bytes, bytes | None]]:
        reader = Consumer({**self._consumer_settings, "group.id": f"{self._app.id}-restore"})
        try:
            reader.assign([place])
            while True:
                for message in reader.consume(BATCH, POLL_S):
                    error = message.error()
                    if error is None:
                        yield message.key(), message.value()
                    elif error.code() == _EOF:
                        return
                    else:
                        raise KafkaException(error)
        finally:
            reader.close()


def _by_place(messages: list[Message]) -> dict[Place, list[Message]]:
    parts: dict[Place, list[Message]] = {}
    last: Any = None
    for message in messages:
        place = (message.topic(), message.partition())
        if place != last:
            part = parts.setdefault(place, [])
            last = place
        part.append(message)
    return parts


def _records(messages: list[Message]) -> Records:
    return Records(
        [message.offset() for message in messages],
        [message.timestamp()[1] for message in messages],
        [message.key() for message in messages],
        [message.value() for message in messages],
    )


def run(app: App, *, slot: int = 0) -> None:
    """A worker that ends cleanly on SIGINT and SIGTERM: it checkpoints and leaves the group. A
    second signal ends it at once; what was not checkpointed is done again."""
    worker = Worker(app, slot=slot)

    def stop(number: int, _frame: FrameType | None) -> None:
        worker.stop()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        worker.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
