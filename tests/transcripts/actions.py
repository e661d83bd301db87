"""What stories make ready before and between commands, with unmodified confluent-kafka."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, NewTopic

from moldau.protocol.uuids import to_text

EPOCH_MS = 1_700_000_000_000  # 2023-11-14T22:13:20Z
_PATIENCE_S = 90
_TRANSACTION_CONFIG = {
    "compression.type": "uncompressed",
    "min.insync.replicas": "1",
    "cleanup.policy": "compact",
    "segment.bytes": "104857600",
    "unclean.leader.election.enable": "false",
}


def until(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"waited {_PATIENCE_S} s for {what}"
        time.sleep(0.05)


class Actions:
    """The actions of stories, by name; arguments are the words behind it."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._members: dict[str, list[_Member]] = {}

    def do(self, text: str) -> None:
        name, *words = text.split(None, 3) if text.startswith("record ") else text.split()
        getattr(self, name.replace("-", "_"))(*words)

    def topic(self, name: str, partitions: str = "1", *configs: str) -> None:
        made = dict(config.split("=", 1) for config in configs)
        topic = NewTopic(name, int(partitions), 1, config=made)
        self._admin.create_topics([topic])[name].result()
        until(f"topic {name}", lambda: name in self._topics())

    def delete_topic(self, name: str) -> None:
        self._admin.delete_topics([name])[name].result()
        until(f"topic {name} to be gone", lambda: name not in self._topics())

    def produce(self, topic: str, partition: str, count: str, *options: str) -> None:
        """value-I of second I; options: keys, size=N, start=I, codec=NAME."""
        given = _options(options)
        producer = self._producer({"compression.type": given.get("codec", "none")})
        start, size = int(given.get("start", 0)), int(given.get("size", 0))
        for i in range(start, start + int(count)):
            producer.produce(
                topic,
                f"value-{i}".ljust(size, "."),
                f"key-{i}" if "keys" in given else None,
                int(partition),
                timestamp=EPOCH_MS + 1000 * i,
            )
        assert producer.flush(_PATIENCE_S) == 0

    def record(self, topic: str, partition: str, text: str) -> None:
        """One record from JSON: key, value, ts, headers; null is null."""
        given = json.loads(text)
        headers = [(k, None if v is None else v.encode()) for k, v in given.get("headers", [])]
        producer = self._producer()
        producer.produce(
            topic,
            given["value"],
            given["key"],
            int(partition),
            timestamp=given["ts"],
            headers=headers,
        )
        assert producer.flush(_PATIENCE_S) == 0

    def commit(self, group: str, topic: str, partition: str, offset: str) -> None:
        config = {"bootstrap.servers": self._bootstrap, "group.id": group}
        consumer = ck.Consumer({**config, "enable.auto.commit": False, "log_level": 0})
        place = ck.TopicPartition(topic, int(partition), int(offset))
        consumer.commit(offsets=[place], asynchronous=False)
        consumer.close()

    def group_start(self, name: str, topics: str, members: str, *options: str) -> None:
        """One after the other, so that the assignment of static members is always the same.
        Options: static, assignor=NAME, protocol=consumer."""
        self._members[name] = [
            _Member(self._bootstrap, name, i, topics.split(","), _options(options))
            for i in range(1, int(members) + 1)
        ]
        until(f"group {name}", lambda: self._is_settled(name, topics.split(",")))

    def group_stop(self, name: str) -> None:
        for member in self._members.pop(name):
            member.stop()
        until(f"the end of {name}", lambda: self._described(name).state.name == "EMPTY")

    def delete_records(self, topic: str, partition: str, offset: str) -> None:
        place = ck.TopicPartition(topic, int(partition), int(offset))
        for future in self._admin.delete_records([place]).values():
            future.result()

    # --- for the runner

    def end_offset(self, topic: str, partition: int) -> int:
        consumer = ck.Consumer({"bootstrap.servers": self._bootstrap, "group.id": "none"})
        place = ck.TopicPartition(topic, partition)
        end: int = consumer.get_watermark_offsets(place, timeout=_PATIENCE_S)[1]
        consumer.close()
        return end

    def topic_id(self, name: str) -> str:
        found = self._admin.describe_topics(ck.TopicCollection([name]))[name].result().topic_id
        halves = (found.get_most_significant_bits(), found.get_least_significant_bits())
        mask = (1 << 64) - 1
        return to_text(b"".join((half & mask).to_bytes(8, "big") for half in halves))

    def clean(self) -> None:
        """No topics but the two internal ones, which must be there; no groups."""
        for name in list(self._members):
            self.group_stop(name)
        self.delete_groups()
        self._make_internal_topics()
        mine = [name for name in self._topics() if not name.startswith("__")]
        if mine:
            for future in self._admin.delete_topics(mine).values():
                future.result()
        until("topics to be gone", lambda: not set(mine) & set(self._topics()))

    def delete_groups(self, but: tuple[str, ...] = ()) -> None:
        groups = [g.group_id for g in self._admin.list_consumer_groups().result().valid]
        going = [group for group in groups if group not in but]
        if going:
            for future in self._admin.delete_consumer_groups(going).values():
                future.result()

    def known_topics(self) -> dict[str, Any]:
        return dict(self._admin.list_topics(timeout=_PATIENCE_S).topics)

    def _make_internal_topics(self) -> None:
        if "__consumer_offsets" not in self._topics():
            self.topic("warm-up")
            until("the coordinator", self._can_commit)
            self._admin.delete_consumer_groups(["warm-up"])["warm-up"].result()
        if "__transaction_state" not in self._topics():
            configs = [f"{name}={value}" for name, value in _TRANSACTION_CONFIG.items()]
            self.topic("__transaction_state", "50", *configs)

    def _can_commit(self) -> bool:
        try:
            self.commit("warm-up", "warm-up", "0", "0")
        except ck.KafkaException:
            return False
        return True

    def _topics(self) -> list[str]:
        return list(self._admin.list_topics(timeout=_PATIENCE_S).topics)

    def _producer(self, config: dict[str, str] | None = None) -> ck.Producer:
        ours = {"bootstrap.servers": self._bootstrap, "linger.ms": 0, "log_level": 0}
        return ck.Producer({**ours, **(config or {})})

    def _described(self, name: str) -> Any:
        return self._admin.describe_consumer_groups([name])[name].result()

    def _is_settled(self, name: str, topics: list[str]) -> bool:
        """All members are there and all partitions are given to them."""
        group = self._described(name)
        assigned = [p for member in group.members for p in member.assignment.topic_partitions]
        known = self._admin.list_topics(timeout=_PATIENCE_S).topics
        return (
            group.state.name == "STABLE"
            and len(group.members) == len(self._members[name])
            and len(assigned) == sum(len(known[topic].partitions) for topic in topics)
        )


def _options(words: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def _member_config(group: str, number: int, options: dict[str, str]) -> dict[str, Any]:
    config: dict[str, Any] = {"group.id": group, "client.id": f"{group}-c{number}"}
    if "static" in options:
        config["group.instance.id"] = f"{group}-i{number}"
    if options.get("protocol") == "consumer":
        config["group.protocol"] = "consumer"
        if "assignor" in options:
            config["group.remote.assignor"] = options["assignor"]
    else:
        config["session.timeout.ms"] = 6000
        config["heartbeat.interval.ms"] = 1000
        config["partition.assignment.strategy"] = options.get("assignor", "range")
    return config


class NotReady(Exception):
    """Something cannot be made ready for a story."""


class _Member:
    """A member of a group, in a thread; ready when it has an assignment."""

    def __init__(
        self, bootstrap: str, group: str, number: int, topics: list[str], options: dict[str, str]
    ) -> None:
        self._consumer = ck.Consumer(
            {
                "bootstrap.servers": bootstrap,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "log_level": 0,
                **_member_config(group, number, options),
            }
        )
        self._stopping = threading.Event()
        self._joined = threading.Event()
        self._consumer.subscribe(topics, on_assign=lambda *_: self._joined.set())
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()
        if not self._joined.wait(_PATIENCE_S):
            self.stop()
            raise NotReady(f"{group}-c{number} got no assignment")

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._consumer.poll(0.1)
        self._consumer.close()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(_PATIENCE_S)
