"""Work that goes to the leaders of partitions: find them, ask each once, try again what may pass.

Apache Kafka: clients/admin/internals/PartitionLeaderStrategy and AdminApiDriver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from moldau.client.admin import MAY_PASS, Admin
from moldau.client.connection import Connection
from moldau.client.errors import KafkaError, Refused, TimedOut
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.metadata import MetadataResponse

TopicPartition = tuple[str, int]
R = TypeVar("R")
# A broker that has not yet heard of a topic answers with the first of these.
_WILL_BE_KNOWN = MAY_PASS | {
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.BROKER_NOT_AVAILABLE,
    ErrorCode.KAFKA_STORAGE_ERROR,
}
_NOT_YET = "This server does not host this topic-partition."

# Asks a leader about some of its partitions.
Ask = Callable[[Connection, list[TopicPartition]], Mapping[TopicPartition, "R | KafkaError"]]


def by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[int]]:
    topics: dict[str, list[int]] = {}
    for topic, partition in partitions:
        topics.setdefault(topic, []).append(partition)
    return topics


def by_leader(
    admin: Admin,
    name: str,
    partitions: Sequence[TopicPartition],
    ask: Ask[R],
    timeout_ms: int | None = None,
    *,
    awaits_topics: bool = True,
) -> dict[TopicPartition, R | KafkaError]:
    """What `ask` said of each partition, in the given order, or why there is no answer.

    With `awaits_topics` a topic that is not there may still come until the deadline passes;
    without, it is an error at once.
    """
    waiting = list(partitions)
    done: dict[TopicPartition, R | KafkaError] = {}

    def attempt(connection: Connection) -> None:
        metadata = admin.metadata(connection, list(by_topic(waiting)))
        led, failed = _leaders(metadata, waiting, awaits_topics)
        done.update(failed)
        for leader, places in led.items():
            done.update(_settled(ask(admin.broker(leader), places)))
        waiting[:] = [place for place in waiting if place not in done]
        if waiting:
            raise Refused(ErrorCode.LEADER_NOT_AVAILABLE, _NOT_YET)

    if waiting:
        try:
            admin.call(f"{name}(api=METADATA)", admin.anyone, attempt, timeout_ms)
        except TimedOut as error:
            done.update(dict.fromkeys(waiting, error))
    return {place: done[place] for place in partitions}


def _settled(
    answers: Mapping[TopicPartition, R | KafkaError],
) -> dict[TopicPartition, R | KafkaError]:
    return {
        place: answer
        for place, answer in answers.items()
        if not (isinstance(answer, Refused) and answer.code in _WILL_BE_KNOWN)
    }


def _leaders(
    metadata: MetadataResponse, wanted: list[TopicPartition], awaits_topics: bool
) -> tuple[dict[int, list[TopicPartition]], dict[TopicPartition, KafkaError]]:
    """The partitions by leader, and those that will never have one."""
    places = set(wanted)
    led: dict[int, list[TopicPartition]] = {}
    failed: dict[TopicPartition, KafkaError] = {}
    for topic in metadata.topics:
        name = topic.name or ""
        if _fails(topic.error_code, awaits_topics):
            for place in (place for place in wanted if place[0] == name):
                failed[place] = _topic_error(topic.error_code, place)
            continue
        for p in topic.partitions:
            place = (name, p.partition_index)
            if place in places and p.leader_id >= 0:
                led.setdefault(p.leader_id, []).append(place)
    return led, failed


def _fails(code: int, awaits_topics: bool) -> bool:
    if code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
        return not awaits_topics
    return code != 0 and code not in _WILL_BE_KNOWN


def _topic_error(code: int, place: TopicPartition) -> Refused:
    topic = place[0]
    reason = {
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: f"because metadata for topic `{topic}` "
        "could not be found",
        ErrorCode.INVALID_TOPIC_EXCEPTION: f"due to invalid topic `{topic}`",
        ErrorCode.TOPIC_AUTHORIZATION_FAILED: "due to topic authorization failure",
    }.get(ErrorCode(code), f"due to unexpected error for topic `{topic}`")
    return Refused(code, "Failed to fetch metadata for partition {}-{} ".format(*place) + reason)
