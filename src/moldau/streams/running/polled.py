"""What a poll brought, as columns: a question to each of librdkafka's messages costs as much as a
step of the program, so few are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message

from moldau.streams.engine.reading import Records

_EOF = KafkaError._PARTITION_EOF
# The latter: a broker that leads a new topic may not know that yet.
_GONE = (KafkaError._AUTO_OFFSET_RESET, KafkaError.UNKNOWN_TOPIC_OR_PART)
GONE = -1

Place = tuple[str, int]


def by_place(messages: list[Message]) -> dict[Place, list[Message]]:
    """By topic and partition, in order."""
    if not messages:
        return {}
    topics, partitions = list(map(Message.topic, messages)), list(map(Message.partition, messages))
    first = (topics[0], partitions[0])
    if topics.count(first[0]) == partitions.count(first[1]) == len(messages):
        return {first: messages}
    parts: dict[Place, list[Message]] = {}
    for place, message in zip(zip(topics, partitions, strict=True), messages, strict=True):
        part = parts.get(place)
        if part is None:
            part = parts[place] = []
        part.append(message)
    return parts


def without_ends(messages: list[Message]) -> tuple[list[Message], int | None]:
    """Those that are records; and where their partition ends, if nothing came behind that. GONE:
    what comes next is not there. Raises KafkaException."""
    if not any(map(Message.error, messages)):
        return messages, None
    for message in messages:
        error = message.error()
        if error is not None and error.code() not in (_EOF, *_GONE):
            raise KafkaException(error)
    last = messages[-1]
    end = None
    if (error := last.error()) is not None:
        end = GONE if error.code() in _GONE else last.offset() or 0
    return [message for message in messages if message.error() is None], end


def records(messages: list[Message]) -> Records:
    """Of one partition, at least one. When they were sent and their headers are read where somebody
    asks, which is seldom."""
    return Records(
        _offsets(messages),
        _Asked(messages, _timestamp),
        list(map(Message.key, messages)),
        list(map(Message.value, messages)),
        _Asked(messages, Message.headers),
    )


def _offsets(messages: list[Message]) -> Sequence[int]:
    """They rise; where the first and the last leave room for no others, they need not be asked."""
    first: int = messages[0].offset()
    last: int = messages[-1].offset()
    if last - first == len(messages) - 1:
        return range(first, last + 1)
    return list(map(Message.offset, messages))


def _timestamp(message: Message) -> int:
    at: int = message.timestamp()[1]
    return at


class _Asked(Sequence[Any]):
    def __init__(self, messages: list[Message], question: Callable[[Message], Any]) -> None:
        self._messages = messages
        self._question = question

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Any]:
        return map(self._question, self._messages)

    def __getitem__(self, at: Any) -> Any:
        found = self._messages[at]
        return _Asked(found, self._question) if isinstance(at, slice) else self._question(found)
