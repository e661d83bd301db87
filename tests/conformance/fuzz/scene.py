"""What the steps of a sequence draw from, and what is learned from their answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from moldau.protocol.errors import ErrorCode
from moldau.protocol.schema import Message
from tests.apache_kafka import settle
from tests.conformance.both import Both, Pair, Waiting
from tests.conformance.requests import UNKNOWN_ID, name_of, request

PARTITIONS = 2
KINDS: Sequence[dict[str, str]] = (
    {},
    {"message_timestamp_type": "LogAppendTime"},
    {"compression_type": "gzip"},
    {"cleanup_policy": "compact"},
    {"max_message_bytes": "300"},
    {"segment_bytes": "1048576", "index_interval_bytes": "0"},
)
# What is parked is not answered so soon; our broker would.
PARKED_S = 0.03
EMPTIED_S = 0.3
# What its controller decides a broker of Apache Kafka does a little later.
DECIDED = ("AlterConfigs", "CreatePartitions", "CreateTopics", "IncrementalAlterConfigs")


class Member:
    """One who may be in the group, on a connection of its own."""

    def __init__(self, number: int, both: Both, instance: str | None) -> None:
        self.number = number
        self.both = both
        self.instance = instance
        self.id: Pair | str = ""
        self.joined = False
        self.synced = False
        self.waiting: Waiting | None = None


class Drawn(NamedTuple):
    """A request, its version, and which member asks it, if any."""

    asked: Message
    version: int
    by: Member | None = None


class Scene:
    def __init__(self, both: Both, kind: Random) -> None:
        self.both = both
        self.topics: list[str] = []
        self.ids: list[Pair] = []
        for _ in range(2):
            self.add(both.topic(PARTITIONS, **kind.choice(KINDS)))
        self.group = both.group()
        self.producers = [both.producer() for _ in range(2)]
        self.epochs = [0, 0]
        self.sequences: dict[tuple[int, str, int], int] = {}
        self.members = [
            Member(number, both.connect(), kind.choice((None, None, f"instance-{number}")))
            for number in range(2)
        ]
        self.generation = -1
        self.session: Pair | int = 0
        self.session_by_id = False
        self.epoch = 0

    def add(self, topic: str) -> None:
        self.topics.append(topic)
        self.ids.append(self.both.topic_id(topic))

    # --- drawing ----------------------------------------------------------------------------

    def topic(self, rng: Random) -> str:
        return "no-such-topic" if rng.random() < 0.05 else rng.choice(self.topics)

    def named(self, rng: Random, name: str = "name") -> dict[str, Any]:
        """A topic by name and id: which of them counts is the version's."""
        which = rng.randrange(len(self.topics))
        if rng.random() < 0.05:
            return {name: "no-such-topic", "topic_id": UNKNOWN_ID}
        return {name: self.topics[which], "topic_id": self.ids[which]}

    def partition(self, rng: Random) -> int:
        return rng.choice((0, 0, 0, 1, 1, 2))

    def free(self, rng: Random) -> Member | None:
        """A member whose connection waits for nothing."""
        free = [member for member in self.members if member.waiting is None]
        return rng.choice(free) if free else None

    # --- asking -----------------------------------------------------------------------------

    def ask(self, drawn: Drawn) -> None:
        asked, version, member = drawn
        if member is None:
            self.learn(asked, self.both.ask(asked, version))
        else:
            member.waiting = member.both.send(asked, version)
        for one in self.members:
            if one.waiting is not None and not self.both.judge.found and self._arrived(one):
                waiting, one.waiting = one.waiting, None
                self._learn_of(one, waiting.asked, waiting.answer(within_s=5))

    def _arrived(self, member: Member) -> bool:
        both = member.both
        return not both.is_silent("ours", PARKED_S) or not both.is_silent("theirs", 0)

    def _let_empty(self) -> None:
        """A group that its last member leaves becomes empty at once or, when somebody was given an
        id and has not joined, by a timer, of 0 ms mostly: the next request is not to be faster."""
        deadline = time.monotonic() + EMPTIED_S
        asked = request("DescribeGroups", groups=[self.group])
        while _is_emptying(self.both.quietly(asked)) and time.monotonic() < deadline:
            time.sleep(0.01)

    def end(self) -> None:
        """Its topics go: there will be thousands."""
        for member in self.members:
            member.both.close()
        self.both.quietly(request("DeleteTopics", topics=[{"name": name} for name in self.topics]))

    # --- learning ---------------------------------------------------------------------------

    def learn(self, asked: Any, answers: Pair) -> None:
        """What later steps build on."""
        name, ours = name_of(asked), answers.ours
        if self.both.judge.found:
            return
        if name == "Fetch" and asked.session_epoch >= 0 and not ours.error_code:
            self.session = answers.session_id
            self.epoch = asked.session_epoch + 1
        elif name in DECIDED:
            settle(self.both.addresses.theirs)
            if name == "CreateTopics" and not asked.validate_only:
                for topic in ours.topics:
                    if not topic.error_code:
                        self.add(topic.name)

    def _learn_of(self, member: Member, asked: Any, answers: Pair) -> None:
        name, ours = name_of(asked), answers.ours
        if self.both.judge.found:
            return
        error = ErrorCode(ours.error_code)
        if name == "JoinGroup" and ours.member_id:
            member.id, member.synced = answers.member_id, False
            if not error:
                member.joined, self.generation = True, ours.generation_id
        elif name == "SyncGroup" and not error:
            member.synced = True
        elif name == "LeaveGroup" and not error:
            member.id, member.joined = "", False
            self._let_empty()
        elif error is ErrorCode.REBALANCE_IN_PROGRESS:
            member.joined = False
        elif error is ErrorCode.UNKNOWN_MEMBER_ID:
            member.id, member.joined = "", False


def _is_emptying(answers: Pair) -> bool:
    groups = (answers.theirs.groups[0], answers.ours.groups[0])
    return any(g.group_state == "PreparingRebalance" and not g.members for g in groups)
