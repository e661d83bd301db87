"""Which letters of a dead-letter topic were sent back: notes say so, which are records of that
topic too, behind the letters of their partition that they speak of.

So there is a note for as long as there is one of its letters. What a group has committed goes a
week later (`offsets.retention.minutes`), and dead letters are kept for good.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import uuid4

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from moldau.streams.engine.outputs import Output
from moldau.streams.engine.redriving import told_by
from moldau.streams.errors import StreamsError

# Keys of notes: how far letters are sent back, and that somebody begins to send. Where the topic is
# compacted the last of each stays, which says all.
_SENT, _BEGINS = b"moldau-dlq-sent", b"moldau-dlq-begins"
BATCH = 500
POLL_S = 1.0
TIMEOUT_S = 30.0


class _Note(msgspec.Struct):
    """All letters of its partition before `end` are sent back; `by` is whose note it is."""

    end: int
    by: str


class SentBack:
    """The notes of a topic. `settings` are librdkafka's."""

    def __init__(self, settings: Mapping[str, Any], topic: str, partitions: Iterable[int]) -> None:
        self._topic = topic
        self._name = uuid4().hex
        self._has_begun = False
        self._positions = dict.fromkeys(partitions, 0)
        self._last = dict.fromkeys(self._positions, -1)  # letter
        self._steps: dict[int, list[tuple[int, int]]] = {one: [] for one in self._positions}
        # Behind an open transaction of the program's, a note is one all the same.
        self._consumer = reader(settings, topic, "read_uncommitted")
        begin_at(self._consumer, topic, self._positions)

    def close(self) -> None:
        self._consumer.close()

    def follow(self) -> None:
        """Reads the notes that are there by now. Raises StreamsError where another has begun to
        send since this one has, and KafkaException."""
        for message in to_their_ends(self._consumer, self._topic, self._positions):
            self._take(message)

    def _take(self, message: Message) -> None:
        partition, note = message.partition() or 0, _note_in(message)
        if note is None:
            self._last[partition] = message.offset() or 0
        elif message.key() == _BEGINS:
            if self._has_begun and note.by != self._name:
                raise StreamsError(
                    f"{self._topic} is being sent back by another `moldau dlq redrive` as well: "
                    f"this one stops, and leaves the rest to it; at most {BATCH} letters went twice"
                )
            self._has_begun |= note.by == self._name
        elif note.end > self.end(partition):
            self._steps[partition].append((note.end, message.timestamp()[1]))

    def end(self, partition: int) -> int:
        """All before it were sent back."""
        steps = self._steps[partition]
        return steps[-1][0] if steps else 0

    def when(self, partition: int, offset: int) -> int | None:
        """When that letter was first sent back, ms since 1970. None: it was not."""
        steps = self._steps[partition]
        at = bisect_right(steps, offset, key=lambda step: step[0])
        return steps[at][1] if at < len(steps) else None

    @property
    def are_all(self) -> bool:
        """No letter is left that was not."""
        return all(last < self.end(partition) for partition, last in self._last.items())

    def beginning(self) -> Output:
        """The note that says that this one begins to send. Of two the one that began last goes
        on."""
        return self._output(min(self._positions), _BEGINS, 0)

    def note(self, partition: int, end: int) -> Output:
        """Sent again from the first on, there may be others behind it that were sent before."""
        return self._output(partition, _SENT, max(end, self.end(partition)))

    def _output(self, partition: int, key: bytes, end: int) -> Output:
        value = msgspec.json.encode(_Note(end, self._name))
        return Output(self._topic, partition, key, value, None)


def is_letter(message: Message) -> bool:
    return _note_in(message) is None


def _note_in(message: Message) -> _Note | None:
    if message.key() not in (_SENT, _BEGINS) or "step" in told_by(message.headers() or ()):
        return None
    try:
        return msgspec.json.decode(message.value() or b"", type=_Note)
    except msgspec.DecodeError:
        return None  # of somebody else


def reader(settings: Mapping[str, Any], topic: str, isolation: str) -> Consumer:
    return Consumer(
        {
            **settings,
            "group.id": f"{topic}-redrive",  # commits nothing
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "isolation.level": isolation,
        }
    )


def begin_at(consumer: Consumer, topic: str, positions: Mapping[int, int]) -> None:
    """By partition."""
    consumer.assign([TopicPartition(topic, *place) for place in positions.items()])


def to_their_ends(consumer: Consumer, topic: str, positions: dict[int, int]) -> Iterator[Message]:
    """What lies from `positions` on, which are moved along, up to where the partitions end now;
    some of what comes meanwhile too. Raises KafkaException."""
    ends = {
        one: consumer.get_watermark_offsets(TopicPartition(topic, one), TIMEOUT_S)[1]
        for one in positions
    }
    while any(positions[one] < end for one, end in ends.items()):
        for message in consumer.consume(BATCH, POLL_S):
            error, partition, offset = message.error(), message.partition() or 0, message.offset()
            if error is None:
                positions[partition] = (offset or 0) + 1
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:  # behind control records too
                positions[partition] = max(positions[partition], offset or 0)
            elif error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:  # it is in no group
                raise KafkaException(error)
