"""A dead-letter topic, as `moldau dlq` reads it and sends its records back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from moldau.client.near_names import nearest
from moldau.protocol.config.definition import MAX_LONG
from moldau.streams.engine.outputs import Header, Output
from moldau.streams.engine.redriving import back, told_by
from moldau.streams.errors import StreamsError
from moldau.streams.running.first_contact import ask
from moldau.streams.running.internal_topics import MOST_BYTES

BATCH = 500  # redriven, then noted
POLL_S = 1.0
TIMEOUT_S = 30.0
TO_ANSWER_S = 5.0


class Letter(NamedTuple):
    """`told` is what its headers say of the failure; `headers` are the others, as they came."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[Header]

    @property
    def told(self) -> dict[str, str]:
        return told_by(self.headers)


class DeadLetterTopic:
    """`config`: librdkafka's, of all that it asks the Kafka with. Raises StreamsError where there
    is no such topic, KafkaException for trouble with Kafka."""

    def __init__(
        self, bootstrap_servers: str, topic: str, config: Mapping[str, Any] | None = None
    ) -> None:
        settings = {"bootstrap.servers": bootstrap_servers, **(config or {})}
        known = ask(settings, patience_s=TO_ANSWER_S)
        if topic not in known:
            near = nearest(topic, known)
            hint = f"; did you mean {near!r}?" if near else ""
            raise StreamsError(f"there is no topic {topic!r} at {bootstrap_servers}{hint}")
        self.topic = topic
        self._known = known
        self._name = uuid4().hex  # tells its notes from those of another
        self._noted: dict[int, tuple[int, str]] = {}
        self._settings = {"log_level": 3, **settings}
        self._consumer = Consumer(
            {
                **self._settings,
                "group.id": f"{topic}-redrive",  # keeps how far it has come
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
            }
        )
        self._places = [TopicPartition(topic, number) for number in range(known[topic])]

    def close(self) -> None:
        self._consumer.close()

    def letters(self) -> Iterator[Letter]:
        """All of them, up to where the topic ends now."""
        return self._read([TopicPartition(one.topic, one.partition, 0) for one in self._places])

    def letter(self, partition: int, offset: int) -> Letter:
        """The one there. Raises StreamsError."""
        if partition < len(self._places) and offset <= MAX_LONG:
            for one in self._read([TopicPartition(self.topic, partition, offset)]):
                if one.offset == offset:
                    return one
                break
        raise StreamsError(f"{self.topic} has no record at {partition}:{offset}")

    def redrive(self) -> Iterator[int]:
        """Sends those back that were not yet, and yields how many so far. What was sent is noted
        every BATCH letters: begun again, it goes on there. Of two at once one stops, when it finds
        what the other has noted. Raises StreamsError."""
        producer = Producer(
            {"message.max.bytes": MOST_BYTES, **self._settings, "enable.idempotence": True}
        )
        count = 0
        begin = self._consumer.committed(self._places, TIMEOUT_S)
        self._noted = _told(begin)
        batch: list[Letter] = []
        for letter in self._read(begin):
            batch.append(letter)
            if len(batch) == BATCH:
                self._send(producer, batch)
                count += len(batch)
                batch = []
                yield count
        if batch:
            self._send(producer, batch)
            yield count + len(batch)

    def _send(self, producer: Producer, letters: list[Letter]) -> None:
        failures: list[str] = []
        self._refuse_another()

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failures.append(f"{message.topic()}: {error.str()}")

        for one in letters:
            try:
                output = self._back(one)
                producer.produce(
                    output.topic,
                    output.value,
                    output.key,
                    output.partition or 0,
                    on_delivery=delivered,
                    timestamp=max(0, output.timestamp or 0),
                    headers=output.headers,
                )
            except (StreamsError, KafkaException) as error:
                said = error.args[0].str() if isinstance(error, KafkaException) else str(error)
                raise StreamsError(f"{self.topic} {one.partition}:{one.offset}: {said}") from None
        left = producer.flush(TIMEOUT_S)
        if left or failures:
            why = failures[0] if failures else f"no answer in {TIMEOUT_S:.0f} s"
            count = left + len(failures)
            raise StreamsError(f"{count} letter{'s' * (count > 1)} not sent: {why}")
        self._refuse_another()
        ends = {one.partition: (one.offset + 1, self._name) for one in letters}
        places = [TopicPartition(self.topic, number, *end) for number, end in ends.items()]
        self._consumer.commit(offsets=places, asynchronous=False)
        self._noted |= ends

    def _refuse_another(self) -> None:
        """Raises StreamsError."""
        if _told(self._consumer.committed(self._places, TIMEOUT_S)) != self._noted:
            raise StreamsError(
                f"{self.topic} is being sent back by another `moldau dlq redrive` as well: this "
                f"one stops, and leaves the rest to it; at most {BATCH} letters went twice"
            )

    def _back(self, letter: Letter) -> Output:
        """Raises StreamsError for one that no program would read there: a broker may make a topic
        that is missing."""
        output = back(letter.key, letter.value, letter.timestamp, letter.headers)
        task, tasks = output.partition or 0, self._known.get(output.topic)
        if tasks is None:
            raise StreamsError(
                f"there is no topic {output.topic!r} by which it would go back to step "
                f"{letter.told['step']!r}: was a step renamed, or the program reset? Start it once"
            )
        if not 0 <= task < tasks:
            raise StreamsError(
                f"it is of task {task}, and {output.topic} has {tasks} partitions: was the program "
                f"reset for a topic with fewer?"
            )
        return output

    def _read(self, begin: list[TopicPartition]) -> Iterator[Letter]:
        self._consumer.assign(begin)
        left = {one.partition for one in begin}
        while left:
            for message in self._consumer.consume(BATCH, POLL_S):
                error = message.error()
                if error is None:
                    yield _letter(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition() or 0)
                else:
                    raise KafkaException(error)


def _told(places: Iterable[TopicPartition]) -> dict[int, tuple[int, str]]:
    """How far a redrive has come, and which."""
    return {one.partition: (one.offset, one.metadata or "") for one in places}


def _letter(message: Any) -> Letter:
    return Letter(
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        list(message.headers() or ()),
    )
