"""A dead-letter topic, as `moldau dlq` reads it and sends its records back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from moldau.client.near_names import nearest
from moldau.streams.engine.outputs import Header
from moldau.streams.engine.redriving import back, told_by
from moldau.streams.errors import StreamsError
from moldau.streams.running.first_contact import ask

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
        for one in self._read([TopicPartition(self.topic, partition, offset)]):
            if one.offset == offset:
                return one
            break
        raise StreamsError(f"{self.topic} has no record at {partition}:{offset}")

    def redrive(self) -> Iterator[int]:
        """Sends those back that were not yet, and yields how many so far. What was sent is noted
        every BATCH letters: begun again, it goes on there. Raises StreamsError."""
        producer = Producer({**self._settings, "enable.idempotence": True})
        count = 0
        begin = self._consumer.committed(self._places, TIMEOUT_S)
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

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failures.append(f"{message.topic()}: {error.str()}")

        for one in letters:
            try:
                output = back(one.key, one.value, one.timestamp, one.headers)
            except StreamsError as error:
                raise StreamsError(f"{self.topic} {one.partition}:{one.offset}: {error}") from None
            producer.produce(
                output.topic,
                output.value,
                output.key,
                output.partition or 0,
                on_delivery=delivered,
                timestamp=output.timestamp or 0,
                headers=output.headers,
            )
        left = producer.flush(TIMEOUT_S)
        if left or failures:
            why = failures[0] if failures else f"no answer in {TIMEOUT_S:.0f} s"
            raise StreamsError(f"{left + len(failures)} letters were not sent: {why}")
        ends = {one.partition: one.offset + 1 for one in letters}
        places = [TopicPartition(self.topic, *place) for place in ends.items()]
        self._consumer.commit(offsets=places, asynchronous=False)

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


def _letter(message: Any) -> Letter:
    return Letter(
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        list(message.headers() or ()),
    )
