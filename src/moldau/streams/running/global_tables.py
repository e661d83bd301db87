"""Reads the topics that every worker has all of: to their ends before the first record, and on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from moldau.streams.app import App
from moldau.streams.engine.global_store import GlobalStore, Span
from moldau.streams.engine.state import State
from moldau.streams.engine.state_memory import shrink
from moldau.streams.errors import StreamsError
from moldau.streams.program import Topic
from moldau.streams.running.changelogs import offset_behind
from moldau.streams.running.kept_tables import KeptTable, KeptTables

BATCH = 5000
POLL_S = 0.1
TO_ANSWER_S = 60.0


class GlobalTables:
    """`tables`: by topic, what is there now; from `fill` to `close`."""

    def __init__(
        self,
        app: App,
        topics: Mapping[str, Topic],
        partitions: Mapping[str, int],
        slot: int,
        admin: AdminClient,
        say: Callable[[str], None],
    ) -> None:
        """`slot`: of the processes of this machine, which one."""
        self.tables: dict[str, GlobalStore] = {}
        self._app = app
        self._topics = topics
        self._partitions = partitions
        self._opening = KeptTables(app, slot, admin, say)
        self._kept: dict[str, KeptTable] = {}
        self._spans: dict[str, dict[int, Span]] = {}
        self._consumer: Consumer | None = None

    def fill(self) -> None:
        """To the ends. Raises StreamsError, KafkaException."""
        if not self._topics:
            return
        for name, topic in self._topics.items():
            self._kept[name] = kept = self._opening.open(topic, self._partitions[name])
            self._spans[name] = kept.spans
        self._consumer = self._opened()
        self._read_to_the_ends(self._consumer.assignment())
        self.tables.update((name, kept.rows) for name, kept in self._kept.items())

    def _opened(self) -> Consumer:
        consumer = Consumer(
            {
                **self._app.consumer_settings,
                "group.id": f"{self._app.id}-global",  # has no members: nothing is committed
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
            }
        )
        consumer.assign(
            [
                TopicPartition(name, number, at)
                for name, spans in self._spans.items()
                for number, (_, at) in spans.items()
            ]
        )
        return consumer

    def _read_to_the_ends(self, places: list[TopicPartition]) -> None:
        open_ = {(one.topic, one.partition) for one in places}
        until = time.monotonic() + TO_ANSWER_S
        while open_:
            messages = self._take(POLL_S)
            shrink(self.states, self._app.state_memory)
            if messages:
                until = time.monotonic() + TO_ANSWER_S
            for message in messages:
                if message.error() is not None:
                    open_.discard((message.topic() or "", message.partition() or 0))
            if time.monotonic() > until:
                names = ", ".join(sorted({topic for topic, _ in open_}))
                raise StreamsError(f"global table {names}: no answer in {TO_ANSWER_S:.0f} s")

    def follow(self) -> None:
        """What has come since."""
        self._take(0.0)
        for kept in self._kept.values():
            kept.flush_due()

    @property
    def states(self) -> list[State]:
        """For `state_memory.py`."""
        return [kept.rows.state for kept in self._kept.values()]

    def close(self) -> None:
        """Raises StreamsError where the disk does not take the rest."""
        self.tables.clear()
        for name, kept in self._kept.items():
            kept.close(is_true_now=self._is_at_end(name))
        self._kept.clear()
        if self._consumer is not None:
            self._consumer.close()

    def _is_at_end(self, name: str) -> bool:
        """As far as the brokers have told."""
        if self._consumer is None:
            return False
        ends = self._consumer.get_watermark_offsets
        return all(
            ends(TopicPartition(name, number), cached=True)[1] == at
            for number, (_, at) in self._spans[name].items()
        )

    def _take(self, wait_s: float) -> list[Message]:
        if self._consumer is None:
            return []
        messages: list[Message] = self._consumer.consume(BATCH, wait_s)
        by_topic: dict[str, list[Message]] = {}
        for message in messages:
            topic, number, at = (
                message.topic() or "",
                message.partition() or 0,
                offset_behind(message),
            )
            if at < 0:
                continue
            self._spans[topic][number] = (self._spans[topic][number][0], at)
            by_topic.setdefault(topic, [])
            if message.error() is None:
                by_topic[topic].append(message)
        for topic, some in by_topic.items():
            keys, values = [one.key() for one in some], [one.value() for one in some]
            self._kept[topic].rows.put(keys, values, self._spans[topic])
        return messages
