"""What ends a consumer of Java's, told from librdkafka's: it goes on where Java's throws."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_PATIENCE_S = 0.5


def is_missing(error: Any) -> bool:
    """The topic or partition is not there, or not yet."""
    from confluent_kafka import KafkaError

    return error.code() in (
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    )


def any_missing(messages: Iterable[Any]) -> bool:
    return any(is_missing(message.error()) for message in messages if message.error() is not None)


def is_fatal(error: Any) -> bool:
    """Java waits for a topic that is not there, and for what may pass."""
    from confluent_kafka import KafkaError

    is_passing = error.code() == KafkaError._MAX_POLL_EXCEEDED or error.retriable()
    return not (is_passing or is_missing(error))


class End:
    """Why a consumer of these topics is over, as long as no record came."""

    def __init__(self, consumer: Any, topics: Iterable[str]) -> None:
        self._consumer = consumer
        self._unsure = list(topics)

    def why(self, messages: Iterable[Any]) -> str | None:
        """Of messages of which none is a record."""
        for message in messages:
            if is_fatal(message.error()):
                return f"{message.error().str()}."
        return self.why_no_topic()

    def why_no_topic(self) -> str | None:
        """librdkafka takes a name that no topic can have for a topic that is not there."""
        from confluent_kafka import KafkaError, KafkaException

        while self._unsure:
            topic = self._unsure[-1]
            try:
                error = self._consumer.list_topics(topic, _PATIENCE_S).topics[topic].error
            except KafkaException:
                return None  # nobody answers yet
            if error is not None and error.code() == KafkaError.TOPIC_EXCEPTION:
                return f"Invalid topics: [{topic}]."
            self._unsure.pop()
        return None
