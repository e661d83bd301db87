"""A group of three on six partitions: shared out, rearranged, nothing lost, and its lag seen."""

import re
import runpy
import sys
from argparse import Namespace
from collections import Counter, defaultdict
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from tests.examples.programs import EXAMPLES, Running, committed, create_topic, run, wait_until

ORDERS = 6_000
# Where the package was installed, so were its commands.
TOOL = Path(sys.executable).with_name("kafka-consumer-groups")


class Group:
    """Members that are running or have run, and what all of them said."""

    def __init__(self, stack: ExitStack, bootstrap_servers: str, topic: str, assignor: str) -> None:
        self._stack = stack
        self._bootstrap_servers = bootstrap_servers
        self._options = ("--topic", topic, "--group", topic, "--assignor", assignor)
        self.members: dict[str, Running] = {}

    def start(self, name: str) -> Running:
        options = (*self._options, "--name", name, "--commit-every", "20", "--pause-ms", "5")
        member = Running("group_member.py", self._bootstrap_servers, *options)
        self.members[name] = self._stack.enter_context(member)
        return member

    def owned(self, name: str) -> set[int]:
        """Partitions as printed: assigned and not revoked or lost since."""
        owned: set[int] = set()
        for line in self.members[name].lines:
            if match := re.fullmatch(rf"{name} (assigned|revoked|lost) ([\d ]+)", line):
                partitions = {int(number) for number in match[2].split()}
                owned = owned | partitions if match[1] == "assigned" else owned - partitions
        return owned

    def shared(self, *names: str) -> bool:
        """Whether these own all six partitions between them, as many each."""
        shares = [self.owned(name) for name in names]
        return set.union(*shares) == set(range(6)) and all(
            len(share) == 6 // len(names) for share in shares
        )

    def handled(self) -> dict[str, int]:
        """Order by the place where it was read, of all members."""
        lines = (line.split() for member in self.members.values() for line in member.lines)
        return {words[2]: int(words[4]) for words in lines if words[1:2] == ["handled"]}


@pytest.mark.slow
@pytest.mark.parametrize("assignor", ["range", "cooperative-sticky"])
def test_one_leaves_and_one_joins_and_nothing_is_lost(
    bootstrap_servers: str, assignor: str
) -> None:
    topic = create_topic(bootstrap_servers)
    run("produce_orders.py", bootstrap_servers, "--topic", topic, "--count", str(ORDERS))
    with ExitStack() as stack:
        group = Group(stack, bootstrap_servers, topic, assignor)
        for name in ("ann", "bob", "cat"):
            group.start(name)
        wait_until(lambda: group.shared("ann", "bob", "cat"))
        settled = len(group.members["ann"].lines)
        group.members["bob"].interrupt()
        wait_until(lambda: group.shared("ann", "cat"))
        group.start("dan")
        wait_until(lambda: group.shared("ann", "cat", "dan"))
        moved = group.members["ann"].lines[settled:]
        wait_until(lambda: len(group.handled()) == ORDERS)
        # One after the other: who leaves while the others still move cannot commit.
        group.members["ann"].interrupt()
        wait_until(lambda: group.shared("cat", "dan"))
        group.members["cat"].interrupt()
        wait_until(lambda: group.shared("dan"))
        group.members["dan"].interrupt()
        assert sum(committed(bootstrap_servers, topic, topic).values()) == ORDERS
        assert sorted(group.handled().values()) == list(range(ORDERS))
        # Whatever was repeated after a rebalance had not been committed before it.
        assert set(times_committed(group).values()) == {1}
        assert largest_revocation(moved) == (3 if assignor == "range" else 1)


class Rebalancing:
    """A consumer whose first commit comes in the middle of a rebalance."""

    def __init__(self) -> None:
        self.commits: list[list[tuple[int, int]]] = []

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
        self.commits.append([(place.partition, place.offset) for place in offsets])
        if len(self.commits) == 1:
            raise KafkaException(KafkaError(KafkaError.REBALANCE_IN_PROGRESS))


def test_what_a_rebalance_leaves_to_a_member_is_in_its_next_commit() -> None:
    made = Namespace(
        name="ann", topic="t", group="g", commit_every=20, assignor="cooperative-sticky"
    )
    made.bootstrap_server = "127.0.0.1:1"
    member = runpy.run_path(str(EXAMPLES / "group_member.py"))["Member"](made)
    consumer = member._consumer = Rebalancing()
    member._handled = {0: 5, 1: 7}
    member._commit([0, 1])
    member._revoked(consumer, [TopicPartition("t", 1)])
    member._commit(list(member._handled))
    assert consumer.commits == [[(0, 5), (1, 7)], [(1, 7)], [(0, 5)]]


def times_committed(group: Group) -> Counter[tuple[int, int]]:
    """How often a (partition, offset) was handled and then committed by the one who did it."""
    times: Counter[tuple[int, int]] = Counter()
    for member in group.members.values():
        uncommitted: dict[int, list[int]] = defaultdict(list)
        for line in member.lines:
            _, what, rest = f"{line} ".split(" ", 2)
            if what == "handled":
                partition, offset = map(int, rest.split(" ", 1)[0].split("@"))
                uncommitted[partition].append(offset)
            elif what == "committed":
                for partition, end in (map(int, at.split("@")) for at in rest.split()):
                    times.update((partition, o) for o in uncommitted[partition] if o < end)
                    uncommitted[partition] = [o for o in uncommitted[partition] if o >= end]
            elif what in ("revoked", "lost"):
                for partition in map(int, rest.split()):
                    uncommitted[partition] = []
    return times


def largest_revocation(lines: list[str]) -> int:
    """Eager members give everything back at once, cooperative ones only what must move."""
    return max(len(line.split()) - 2 for line in lines if " revoked " in line)


@pytest.mark.slow
def test_the_lag_of_the_group_is_seen_to_shrink(bootstrap_servers: str) -> None:
    topic = create_topic(bootstrap_servers)
    run("produce_orders.py", bootstrap_servers, "--topic", topic, "--count", "600")
    commit_beginning(bootstrap_servers, topic)
    options = ("--group", topic, "--every", "0.2", "--until-done", "--tool", str(TOOL))
    with ExitStack() as stack:
        watch = stack.enter_context(Running("watch_lag.py", bootstrap_servers, *options))
        watch.wait_for(lambda lines: "total lag 600" in lines)
        Group(stack, bootstrap_servers, topic, "range").start("ann")
        lines = watch.wait_for(lambda lines: "total lag 0" in lines)
    lags = [int(line.split()[-1]) for line in lines if re.fullmatch(r"total lag \d+", line)]
    assert lags == sorted(lags, reverse=True)
    head = [line for line in lines if "LAG" in line][-1]
    assert {"GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "CONSUMER-ID"} <= set(head.split())
    # At the end ann has all six, and is named.
    last = lines[lines.index("total lag 0") - 7 : lines.index("total lag 0") - 1]
    assert {line.split()[-1] for line in last} == {"rdkafka"}


def commit_beginning(bootstrap_servers: str, group: str) -> None:
    """As a group that has read nothing yet; the topic is called like the group."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": group})
    starts = [TopicPartition(group, partition, 0) for partition in range(6)]
    consumer.commit(offsets=starts, asynchronous=False)
    consumer.close()
