"""Where `moldau consume` has its records from: partitions of its own choice, or a group's."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from moldau.client.offsets import LATEST, list_offsets
from moldau.tools.cli_client import PATIENCE_S
from moldau.tools.cli_frame import Failure, admin
from moldau.tools.cli_where import now_ms, parse_where, resolve
from moldau.tools.formatters import record_of
from moldau.tools.group_start import are_given_together, begin_of, go_on
from moldau.tools.record_text import Place

TopicPartition = tuple[str, int]
_SLICE_S = 0.2
_BATCH = 500


class Limits(NamedTuple):
    """`follow`: go on at the end, until nothing came for `idle_s`."""

    follow: bool
    idle_s: float | None


class Source(Protocol):
    def records(self) -> Iterator[Place]:
        """Raises Failure."""

    def written(self, place: Place) -> None:
        """The record was printed; it is told before the next is asked for."""

    def close(self) -> None: ...


def assigned(
    config: dict[str, Any],
    servers: str,
    places: Sequence[TopicPartition],
    begin: str,
    until: str | None,
    limits: Limits,
) -> Source:
    """From one place to another, or to where the partitions end now."""
    begin_where = parse_where(begin, now_ms)
    until_where = None if until is None else parse_where(until, now_ms)
    with admin(servers) as connection:
        starts = resolve(connection, places, begin_where)
        if until_where is not None:
            ends = resolve(connection, places, until_where)
        else:
            ends = list_offsets(connection, places, LATEST)
    if until_where is not None:
        limits = limits._replace(follow=False)
    return _Assigned(config, starts, ends, limits)


def joined(config: dict[str, Any], topics: list[str], limits: Limits) -> Source:
    return _Joined(config, topics, limits)


def next_batch(consumer: Any, most: int, patience_s: float) -> list[Any]:
    """What is there, as soon as there is something: `consume` alone waits until it has as many as
    it may have, or for all of its time."""
    first = consumer.poll(patience_s)
    return [] if first is None else [first, *consumer.consume(most - 1, 0)]


class _Consumer:
    """librdkafka's consumer, with ends of partitions told."""

    def __init__(self, config: dict[str, Any], limits: Limits) -> None:
        from confluent_kafka import Consumer, KafkaException

        # The end may be no record: a transaction's marker, or what was compacted away.
        ours = {"enable.partition.eof": True, "enable.auto.offset.store": False}
        try:
            self.handle = Consumer({**config, **ours})
        except KafkaException as error:
            raise Failure(f"{error.args[0].str()}.") from None
        self.limits = limits
        self.ended: set[TopicPartition] = set()

    def messages(self) -> Iterator[Any]:
        """Records, and None when there was nothing for a moment or a partition ended."""
        quiet_since = time.monotonic()
        while True:
            batch = next_batch(self.handle, _BATCH, _SLICE_S)
            if batch:
                quiet_since = time.monotonic()
            for message in batch:
                if message.error() is None:
                    self.ended.discard((message.topic(), message.partition()))
                    yield message
                else:
                    self._heed(message)
            quiet_s = time.monotonic() - quiet_since
            if self.limits.follow:
                if self.limits.idle_s is not None and quiet_s >= self.limits.idle_s:
                    return
            elif quiet_s > PATIENCE_S:
                raise Failure(f"No answer for {PATIENCE_S:.0f} s; is the broker still there?")
            yield None

    def _heed(self, message: Any) -> None:
        from confluent_kafka import KafkaError

        if message.error().code() == KafkaError._PARTITION_EOF:
            self.ended.add((message.topic(), message.partition()))
        else:
            raise Failure(f"{message.error().str()}.")


class _Assigned:
    def __init__(
        self,
        config: dict[str, Any],
        starts: dict[TopicPartition, int],
        ends: dict[TopicPartition, int],
        limits: Limits,
    ) -> None:
        self._consumer = _Consumer({**config, "enable.auto.commit": False}, limits)
        self._starts, self._ends, self._limits = starts, ends, limits

    def records(self) -> Iterator[Place]:
        from confluent_kafka import TopicPartition as At

        follow, ends = self._limits.follow, self._ends
        open_ones = {p for p, start in self._starts.items() if follow or start < ends[p]}
        self._consumer.handle.assign([At(*place, self._starts[place]) for place in open_ones])
        if not open_ones:
            return
        for message in self._consumer.messages():
            if message is not None:
                place = (message.topic(), message.partition())
                if follow or message.offset() < ends[place]:
                    yield Place(message.topic(), record_of(message))
                if message.offset() + 1 >= ends[place]:
                    open_ones.discard(place)
            open_ones -= self._consumer.ended
            if not follow and not open_ones:
                return

    def written(self, place: Place) -> None:
        """Nobody is told."""

    def close(self) -> None:
        self._consumer.handle.close()


class _Joined:
    """A member of a group. What was printed is committed, and nothing else."""

    def __init__(self, config: dict[str, Any], topics: list[str], limits: Limits) -> None:
        self._consumer = _Consumer({**config, "enable.auto.commit": True}, limits)
        self._limits = limits
        self._mine: set[TopicPartition] | None = None
        self._begin = begin_of(config["auto.offset.reset"]) if are_given_together(config) else None
        self._consumer.handle.subscribe(
            topics, on_assign=self._on_assign, on_revoke=self._on_revoke
        )

    def _on_assign(self, consumer: Any, partitions: list[Any]) -> None:
        self._mine = (self._mine or set()) | {(p.topic, p.partition) for p in partitions}
        if self._begin is not None:
            go_on(consumer, partitions, self._begin)

    def _on_revoke(self, _consumer: Any, partitions: list[Any]) -> None:
        gone = {(p.topic, p.partition) for p in partitions}
        self._mine = (self._mine or set()) - gone
        self._consumer.ended -= gone

    def records(self) -> Iterator[Place]:
        for message in self._consumer.messages():
            if message is not None:
                yield Place(message.topic(), record_of(message))
            elif self._is_done():
                return

    def _is_done(self) -> bool:
        knows = self._mine is not None and not self._limits.follow
        return knows and (self._mine or set()) <= self._consumer.ended

    def written(self, place: Place) -> None:
        from confluent_kafka import TopicPartition as At

        record = place.record
        self._consumer.handle.store_offsets(
            offsets=[At(place.topic, record.partition, record.offset + 1)]
        )

    def close(self) -> None:
        self._consumer.handle.close()
