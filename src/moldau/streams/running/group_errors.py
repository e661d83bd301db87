"""What a consumer is told of its group, or of a topic as a whole, and of no partition: librdkafka
tries again for as long as it lives, and a worker that passed over it would wait for its partitions
without a word."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from confluent_kafka import KafkaError, Message

from moldau.streams.app import App
from moldau.streams.errors import StreamsError
from moldau.streams.running.rights import lacking

_FOR_GOOD = {
    KafkaError.INVALID_SESSION_TIMEOUT,
    KafkaError.INVALID_GROUP_ID,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError._FATAL,
}
_TOLD_ELSEWHERE = {  # by TopicWatch, and by what happens to the tasks
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._MAX_POLL_EXCEEDED,
}
_ADVICE = {
    KafkaError.INVALID_SESSION_TIMEOUT: "choose a session.timeout.ms in config= that the brokers "
    "allow, or change their group.min.session.timeout.ms and group.max.session.timeout.ms",
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: "a consumer that is no worker of this program is in "
    "the group: stop it, or give the program an id of its own",
    KafkaError.GROUP_MAX_SIZE_REACHED: "fewer workers, or a larger group.max.size of the brokers",
}


class GroupErrors:
    def __init__(self, app: App, say: Callable[[str], None]) -> None:
        self._id = app.id
        self._servers = app.bootstrap_servers
        self._say = say
        self._said: set[str] = set()

    def look(self, messages: Iterable[Message]) -> None:
        """Raises StreamsError for what waiting does not mend."""
        for message in messages:
            error = message.error()
            if error is not None and error.code() not in _TOLD_ELSEWHERE:
                self._told(error)

    def _told(self, error: KafkaError) -> None:
        code, text = error.code(), error.str()
        if code == KafkaError.GROUP_AUTHORIZATION_FAILED:
            raise lacking(self._id, self._servers, [f"READ on group {self._id}"])
        advice = f": {_ADVICE[code]}" if code in _ADVICE else ""
        told = f"{self._id}: it is given nothing to read: {text}{advice}"
        if code in _FOR_GOOD:
            raise StreamsError(told)
        if text not in self._said:
            self._said.add(text)
            self._say(told)
