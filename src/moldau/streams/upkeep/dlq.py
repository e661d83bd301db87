"""A dead-letter topic, as `moldau dlq` reads it and sends its records back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from moldau.client.near_names import nearest
from moldau.protocol.config.definition import MAX_LONG
from moldau.streams.engine.outputs import Header, Output
from moldau.streams.engine.redriving import back, parts
from moldau.streams.errors import StreamsError
from moldau.streams.running.first_contact import ask
from moldau.streams.running.internal_topics import MOST_BYTES
from moldau.streams.running.rights import READ, refuse_hidden
from moldau.streams.upkeep.sent_back import (
    BATCH,
    TIMEOUT_S,
    SentBack,
    begin_at,
    is_letter,
    reader,
    to_their_ends,
)

TO_ANSWER_S = 5.0


class Letter(NamedTuple):
    """`headers` are all of it; `told` is what those say that tell of the failure. `sent_back`: when
    it first was, ms since 1970."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[Header]
    sent_back: int | None

    @property
    def told(self) -> dict[str, str]:
        return parts(self.headers)[1]

    @property
    def came_with(self) -> list[Header]:
        """Those that its record had."""
        return parts(self.headers)[0]


class DeadLetterTopic:
    """`config`: librdkafka's, of all that it asks the Kafka with. Raises StreamsError where there
    is no such topic, KafkaException for trouble with Kafka."""

    def __init__(
        self, bootstrap_servers: str, topic: str, config: Mapping[str, Any] | None = None
    ) -> None:
        settings = {"bootstrap.servers": bootstrap_servers, **(config or {})}
        known = ask(settings, patience_s=TO_ANSWER_S)
        if topic not in known:
            refuse_hidden(AdminClient(settings), [topic], READ, topic, bootstrap_servers)
            near = nearest(topic, known)
            hint = f"; did you mean {near!r}?" if near else ""
            raise StreamsError(f"there is no topic {topic!r} at {bootstrap_servers}{hint}")
        self.topic = topic
        self._known = known
        self._settings = {"log_level": 3, **settings}
        self._partitions = range(known[topic])
        self._sent = SentBack(self._settings, topic, self._partitions)
        self._consumer = reader(self._settings, topic, "read_committed")

    def close(self) -> None:
        self._sent.close()
        self._consumer.close()

    def letters(self) -> Iterator[Letter]:
        """All of them, up to where the topic ends now."""
        self._sent.follow()
        return self._read(dict.fromkeys(self._partitions, 0))

    def letter(self, partition: int, offset: int) -> Letter:
        """The one there. Raises StreamsError."""
        if partition in self._partitions and offset <= MAX_LONG:
            self._sent.follow()
            for one in self._read({partition: offset}):
                if one.offset == offset:
                    return one
                break
        raise StreamsError(f"{self.topic} has no letter at {partition}:{offset}")

    def redrive(self, *, again: bool = False) -> Iterator[int]:
        """Sends those back that were not yet, or `again` all of them, and yields how many so far.
        What was sent is noted every BATCH letters: begun anew, it goes on there. Of two at once one
        stops, when it finds that the other has begun. Raises StreamsError."""
        self._sent.follow()
        if self._sent.are_all and not again:
            return
        sending = _Sending(self._settings)
        sending.send([self._sent.beginning()])
        self._sent.follow()
        count = 0
        batch: list[Letter] = []
        begin = {one: 0 if again else self._sent.end(one) for one in self._partitions}
        for letter in self._read(begin):
            batch.append(letter)
            if len(batch) == BATCH:
                self._send(sending, batch)
                count += len(batch)
                batch = []
                yield count
        if batch:
            self._send(sending, batch)
            yield count + len(batch)

    def _send(self, sending: _Sending, letters: list[Letter]) -> None:
        self._sent.follow()
        sending.send([self._back(one) for one in letters])
        self._sent.follow()
        self._note(sending, letters)

    def _note(self, sending: _Sending, letters: list[Letter]) -> None:
        ends = {one.partition: one.offset + 1 for one in letters}
        sending.send([self._sent.note(*place) for place in ends.items()])

    def _back(self, letter: Letter) -> Output:
        """Raises StreamsError."""
        try:
            output = back(letter.key, letter.value, letter.timestamp, letter.headers)
            self._refuse_unread(output, letter.told["step"])
        except StreamsError as error:
            place = f"{self.topic} {letter.partition}:{letter.offset}"
            raise StreamsError(f"{place}: {error}") from None
        return output

    def _refuse_unread(self, output: Output, step: str) -> None:
        """Raises StreamsError for what no program would read there: a broker may make a topic that
        is missing."""
        task, tasks = output.partition or 0, self._known.get(output.topic)
        if tasks is None:
            raise StreamsError(
                f"there is no topic {output.topic!r} by which it would go back to step "
                f"{step!r}: was a step renamed, or the program reset? Start it once"
            )
        if not 0 <= task < tasks:
            raise StreamsError(
                f"it is of task {task}, and {output.topic} has {tasks} partitions: was the program "
                f"reset for a topic with fewer?"
            )

    def _read(self, begin: dict[int, int]) -> Iterator[Letter]:
        begin_at(self._consumer, self.topic, begin)
        for message in to_their_ends(self._consumer, self.topic, begin):
            if is_letter(message):
                yield self._letter(message)

    def _letter(self, message: Message) -> Letter:
        partition, offset = message.partition() or 0, message.offset() or 0
        return Letter(
            partition,
            offset,
            message.timestamp()[1],
            message.key(),
            message.value(),
            list(message.headers() or ()),
            self._sent.when(partition, offset),
        )


class _Sending:
    """A producer that is waited for."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._producer = Producer(
            {"message.max.bytes": MOST_BYTES, **settings, "enable.idempotence": True}
        )

    def send(self, outputs: Sequence[Output]) -> None:
        """Raises StreamsError where one of them does not get there."""
        failures: list[str] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failures.append(f"{message.topic()}: {error.str()}")

        for one in outputs:
            try:
                self._producer.produce(
                    one.topic,
                    one.value,
                    one.key,
                    one.partition or 0,
                    on_delivery=delivered,
                    timestamp=max(0, one.timestamp or 0),
                    headers=one.headers,
                )
            except KafkaException as error:
                raise StreamsError(f"{one.topic}: {error.args[0].str()}") from None
        left = self._producer.flush(TIMEOUT_S)
        if left or failures:
            why = failures[0] if failures else f"no answer in {TIMEOUT_S:.0f} s"
            count = left + len(failures)
            raise StreamsError(f"{count} record{'s' * (count > 1)} not sent: {why}")
