"""The consumer behind kafka-console-consumer: librdkafka, behaving as Java's consumer does.

Commits are made here, not by librdkafka: Java commits the position of every assigned partition,
also of those where nothing was read, and never what was fetched but not shown.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from moldau.client.errors import BadSettings
from moldau.tools.consumer_errors import End, is_missing
from moldau.tools.formatters import Formatter, record_of
from moldau.tools.group_start import are_given_together, begin_of, committed
from moldau.tools.java_regex import BadRegex, compile_java
from moldau.tools.topic_maker import TopicMaker

_SLICE_S = 0.1
_BATCH = 500
_INTERNAL = ("__consumer_offsets", "__transaction_state", "__share_group_state")
_REFRESH_S = 5.0
_ANSWER_S = 10.0
_SOON_S = 0.005
# As long as librdkafka would wait; a topic that is not there is told of only then.
_LOOKING_S = 0.5


class ConsoleReader:
    """Choose what to read (subscribe, include or assign), then run."""

    def __init__(
        self,
        typed: Mapping[str, str],
        tool: Mapping[str, str],
        say: Callable[[str], None],
        *,
        is_new_group: bool,
    ) -> None:
        """Raises BadSettings."""
        from confluent_kafka import Consumer, KafkaException

        from moldau.tools.java_client import librdkafka_config

        self.count = 0
        self._say = say
        self._said: set[str] = set()
        config = librdkafka_config(typed, tool, "consumer", say)
        self._is_committing = str(config.pop("enable.auto.commit", "true")).lower() == "true"
        self._commit_every_s = int(config.pop("auto.commit.interval.ms", 5000)) / 1000
        reset = str(config.get("auto.offset.reset", ""))
        self._begins_early = reset in ("earliest", "smallest")
        self._begin = begin_of(reset) if are_given_together(typed) else None
        self._is_new_group = is_new_group
        self._servers = str(config["bootstrap.servers"])
        shows_internal = typed.get("exclude.internal.topics", "true").lower() == "false"
        self._hidden = () if shows_internal else _INTERNAL
        self._positions: dict[tuple[str, int], int] = {}
        self._committed_at = time.monotonic()
        self._pattern: Any = None
        self._topics: list[str] = []
        self._is_assigned = False
        self._refreshed_at = 0.0
        self._signal = 0
        config |= {"enable.auto.commit": False, "error_cb": self._on_error}
        self._maker = TopicMaker(config)
        try:
            self._consumer = Consumer(config)
        except KafkaException as error:
            raise BadSettings(error.args[0].str()) from None

    # --- what to read

    def subscribe(self, topic: str) -> None:
        """Raises BadSettings."""
        if not topic:
            raise BadSettings("Topic collection to subscribe to cannot contain an empty topic")
        self._subscribe([topic])

    def include(self, regex: str) -> None:
        """All topics whose whole name matches, as they come and go. Raises BadRegex,
        BadSettings."""
        if not regex:
            raise BadSettings("Topic pattern to subscribe to cannot be empty")
        try:
            self._pattern = compile_java(regex)
        except BadRegex as error:
            raise BadRegex(f"{regex!r} is no regular expression: {error}.") from None

    def assign(self, topic: str, partition: int, offset: int) -> None:
        """One partition, without a group. -1 is the end, -2 the beginning. Raises BadSettings."""
        if not topic:
            raise BadSettings("Topic partitions to assign to cannot have an empty topic")
        from confluent_kafka import TopicPartition

        self._topics, self._is_assigned = [topic], True
        place = TopicPartition(topic, partition, offset)
        if offset < 0:
            self._look_up(place)
        self._consumer.assign([place])

    def _look_up(self, place: Any) -> None:
        """Where the partition begins or ends. librdkafka would ask for the leader of one that it
        does not know yet, wait for half a second, and ask it then."""
        from confluent_kafka import OFFSET_BEGINNING, KafkaException

        deadline = time.monotonic() + _LOOKING_S
        while (left := deadline - time.monotonic()) > 0:
            try:
                begin, end = self._consumer.get_watermark_offsets(place, left)
            except KafkaException:  # perhaps by a connection that was just being given up
                time.sleep(_SOON_S)
            else:
                place.offset = begin if place.offset == OFFSET_BEGINNING else end
                return

    def _subscribe(self, topics: list[str]) -> None:
        self._topics = topics
        callbacks: dict[str, Any] = {}
        if self._is_committing:
            callbacks = {"on_assign": self._on_assign, "on_revoke": self._on_revoke}
        elif self._is_new_group and self._begin is not None:
            callbacks = {"on_assign": self._begin_anew}
        self._consumer.subscribe(topics, **callbacks)

    def _begin_anew(self, consumer: Any, partitions: list[Any]) -> None:
        """Nobody has committed anything: librdkafka need not ask."""
        for partition in partitions:
            partition.offset = self._begin
        consumer.assign(partitions)

    # --- reading

    def run(
        self,
        formatter: Formatter,
        limit: int | None,
        timeout_ms: int | None,
        skips_errors: bool,
    ) -> int:
        """Shows records until there are enough, none comes, or a signal. The exit code."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        self._end = End(self._consumer, self._topics)
        try:
            return self._show_all(formatter, limit, timeout_ms, skips_errors)
        finally:
            self.close()

    def _show_all(
        self, formatter: Formatter, limit: int | None, timeout_ms: int | None, skips_errors: bool
    ) -> int:
        out = sys.stdout.buffer
        while limit is None or self.count < limit:
            wanted = _BATCH if limit is None else min(_BATCH, limit - self.count)
            messages = self._receive(wanted, timeout_ms)
            if not messages:
                break
            for message in messages:
                self.count += 1
                self._positions[message.topic(), message.partition()] = message.offset() + 1
                try:
                    formatter.write(record_of(message), out)
                except ValueError as error:
                    self._say(f"A record cannot be shown: {error} ({_place(message)}).")
                    if not skips_errors:
                        return 1
            try:
                out.flush()
            except BrokenPipeError:
                self._say("Unable to write to standard out, closing consumer.")
                break
            self._commit_in_time()
        return 128 + self._signal if self._signal else 0

    def _receive(self, wanted: int, timeout_ms: int | None) -> list[Any]:
        """The next records; empty when it is time to end."""
        begin = time.monotonic()
        while not self._signal:
            self._refresh()
            left = _SLICE_S if timeout_ms is None else timeout_ms / 1000 - time.monotonic() + begin
            if left <= 0:
                return []
            messages = self._consumer.consume(wanted, min(_SLICE_S, left))
            good = [message for message in messages if message.error() is None]
            if good:
                return good
            if (why := self._end.why(messages)) is not None:
                self._say_once(why)
                return []
            for message in messages:
                if is_missing(message.error()):
                    self._await_topic(message.error())
            self._commit_in_time()
        return []

    def _await_topic(self, error: Any) -> None:
        if self._maker.make(self._topics) and not self._is_assigned:
            self._subscribe(self._topics)  # looks for it at once
        self._say_once(f"{error.str()}. Waiting for it; kafka-topics --list shows what is there.")

    def _refresh(self) -> None:
        """With --include: which topics match now."""
        if self._pattern is None or time.monotonic() - self._refreshed_at < _REFRESH_S:
            return
        from confluent_kafka import KafkaException

        try:
            names = self._consumer.list_topics(timeout=_ANSWER_S).topics
        except KafkaException:
            return
        self._refreshed_at = time.monotonic()
        found = sorted(
            name for name in names if self._pattern.fullmatch(name) and name not in self._hidden
        )
        if found and found != self._topics:
            self._subscribe(found)

    # --- committing

    def _on_assign(self, consumer: Any, partitions: list[Any]) -> None:
        """Where each partition begins, so that it is committed even if nothing comes."""
        from confluent_kafka import KafkaException

        try:
            known = committed(consumer, partitions)
            for place in known:
                if place.offset < 0:
                    low, high = consumer.get_watermark_offsets(place, timeout=_ANSWER_S)
                    place.offset = low if self._begins_early else high
                self._positions[place.topic, place.partition] = place.offset
        except KafkaException as error:
            self._say_once(f"Where the partitions begin is not known: {error.args[0].str()}.")
            return
        if self._begin is not None:
            consumer.assign(known)

    def _on_revoke(self, _consumer: Any, partitions: list[Any]) -> None:
        self._commit()
        for partition in partitions:
            self._positions.pop((partition.topic, partition.partition), None)

    def _commit_in_time(self) -> None:
        if time.monotonic() - self._committed_at >= self._commit_every_s:
            self._commit()

    def _commit(self) -> None:
        self._committed_at = time.monotonic()
        if not self._is_committing or not self._positions:
            return
        from confluent_kafka import KafkaException, TopicPartition

        offsets = [TopicPartition(*place, offset) for place, offset in self._positions.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            self._say(f"Offsets were not committed: {error.args[0].str()}.")

    def close(self) -> None:
        self._commit()
        self._positions.clear()
        self._consumer.close()

    # --- what happens meanwhile

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number

    def _on_error(self, error: Any) -> None:
        from confluent_kafka import KafkaError

        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._say_once(
                f"Nothing answers on {self._servers}. Start a broker (`moldau up`), or name "
                "another with --bootstrap-server."
            )

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._say(text)


def _place(message: Any) -> str:
    return f"{message.topic()}-{message.partition()} at offset {message.offset()}"
