"""Where a member of a group goes on, told to librdkafka: by itself it would ask the same, then wait
for a tenth of a second before it looks where a partition begins in which nothing is committed."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

# Who chooses how partitions are shared out may choose that they come one by one.
_SHARED_OUT_BY = ("partition.assignment.strategy", "group.protocol", "group.remote.assignor")
_EARLIEST = ("earliest", "smallest", "beginning")
_LATEST = ("latest", "largest", "end")
_ANSWER_S = 10.0


def are_given_together(config: Container[str]) -> bool:
    """Does each assignment hold all partitions of the member? `config`: what the user chose."""
    return not any(name in config for name in _SHARED_OUT_BY)


def begin_of(reset: str) -> int | None:
    """librdkafka's word for where auto.offset.reset lets a partition begin; None: an error."""
    from confluent_kafka import OFFSET_BEGINNING, OFFSET_END

    if reset in _EARLIEST:
        return int(OFFSET_BEGINNING)
    return int(OFFSET_END) if reset in _LATEST else None


def committed(consumer: Any, partitions: Sequence[Any]) -> list[Any]:
    """What the group has committed of each; below 0: nothing. Raises KafkaException."""
    from confluent_kafka import KafkaException

    known: list[Any] = consumer.committed(partitions, timeout=_ANSWER_S)
    for one in known:
        if one.error is not None:
            raise KafkaException(one.error)
    return known


def go_on(consumer: Any, partitions: Sequence[Any], begin: int) -> None:
    """Assigns them, from what is committed, else from `begin`. To be called in `on_assign`; when
    the group cannot be asked now, librdkafka does all of it by itself."""
    from confluent_kafka import KafkaException

    try:
        known = committed(consumer, partitions)
    except KafkaException:
        return
    for one in known:
        if one.offset < 0:
            one.offset = begin
    consumer.assign(known)
