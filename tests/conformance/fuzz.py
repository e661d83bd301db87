"""Random sequences of requests, valid and nearly so, asked of both brokers.

A sequence is a list of numbers: each is the seed of one step, which draws its request from what is
there by then (offsets, producers, members, sessions). So any step can be left out and the others
stay what they were: a sequence that finds a difference is made shorter as long as it finds one, and
what is left is printed as the requests of a story.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from moldau.protocol.schema import Message
from tests.attacks.raw import NOW, batch
from tests.conformance.both import Both, Pair, each
from tests.conformance.requests import fetch, list_offsets, produce, request, said

STEPS = 40  # of a sequence
PARTITIONS = 2
# Between two steps the clock moves on: of two batches that are given the same time, LogAppendTime,
# it is the first that has the latest.
TICK_S = 0.002
UNKNOWN_ID = b"no such topic id"
KINDS: Sequence[dict[str, str]] = (
    {},
    {"message_timestamp_type": "LogAppendTime"},
    {"compression_type": "gzip"},
    {"cleanup_policy": "compact"},
    {"max_message_bytes": "300"},
    {"segment_bytes": "1048576", "index_interval_bytes": "0"},
)
Drawn = tuple[Message, int]


class Scene:
    """What the steps draw from."""

    def __init__(self, both: Both, kind: Random) -> None:
        self.both = both
        self.topics = [both.topic(PARTITIONS, **kind.choice(KINDS)) for _ in range(2)]
        self.ids = [both.topic_id(topic) for topic in self.topics]
        self.group = both.group()
        self.producers = [both.producer() for _ in range(2)]
        self.sequences: dict[tuple[int, str, int], int] = {}
        self.member: Pair | str = ""
        self.joined = False
        self.generation = -1
        self.session: Pair | int = 0
        self.epoch = 0

    def topic(self, rng: Random) -> str:
        return "no-such-topic" if rng.random() < 0.05 else rng.choice(self.topics)

    def partition(self, rng: Random) -> int:
        return rng.choice((0, 0, 0, 1, 1, 2))


def of_produce(rng: Random, scene: Scene) -> Drawn:
    topic, partition = scene.topic(rng), scene.partition(rng)
    values = [rng.choice((b"v", None, bytes(50), bytes(200))) for _ in range(rng.choice((1, 1, 3)))]
    options: dict[str, Any] = {
        "timestamp": NOW + rng.choice((-10, 0, 0, 5, 10)),
        "codec": rng.choice((0, 0, 1, 2, 3, 4)),
        "key": rng.choice((b"k", b"k", b"k", None)),
    }
    which = rng.randrange(3)
    if which == 2:
        records: Any = batch(*values, **options)
    else:
        place = (which, topic, partition)
        expected = scene.sequences.get(place, 0)
        sequence = max(expected + rng.choice((0, 0, 0, 0, 0, -1, -2, 1, 7)), 0)
        epoch = rng.choice((0, 0, 0, 0, 0, 0, 1))
        if sequence == expected:
            scene.sequences[place] = expected + len(values)
        records = each(
            lambda one: batch(
                *values,
                producer_id=one,
                producer_epoch=epoch,
                base_sequence=sequence,
                **options,
            ),
            scene.producers[which],
        )
    asked = produce(topic, records, partition, acks=rng.choice((-1, -1, 1, 1, 2)))
    return asked, rng.randint(3, 12)


def of_fetch(rng: Random, scene: Scene) -> Drawn:
    limits = (0, 1, 200, 1000, 1 << 20)
    asked = fetch(
        scene.topic(rng),
        rng.choice((0, 0, 1, 2, 3, 5, 9, 30, -1)),
        scene.partition(rng),
        max_bytes=rng.choice(limits),
        partition_max_bytes=rng.choice(limits),
        isolation_level=rng.randrange(2),
        current_leader_epoch=rng.choice((-1, -1, 0, 0, 1)),
        last_fetched_epoch=rng.choice((-1, -1, 0, 3)),
    )
    return asked, rng.randint(4, 12)


def of_session(rng: Random, scene: Scene) -> Drawn:
    """An incremental fetch: begun, continued, out of step, ended."""
    epoch = rng.choice((scene.epoch,) * 5 + (0, -1, scene.epoch + 1))
    parts = [
        {"partition": i, "fetch_offset": rng.choice((0, 2, 5)), "partition_max_bytes": 5000}
        for i in range(PARTITIONS)
        if rng.random() < 0.5
    ]
    topics = [{"topic": scene.topic(rng), "partitions": parts}] if parts else []
    gone = {"topic": rng.choice(scene.topics), "partitions": [rng.randrange(PARTITIONS)]}
    asked = request(
        "Fetch",
        session_id=scene.session,
        session_epoch=epoch,
        topics=topics,
        forgotten_topics_data=[gone] if rng.random() < 0.2 else [],
    )
    return asked, 12


def of_list_offsets(rng: Random, scene: Scene) -> Drawn:
    times = (-1, -2, -3, -4, -5, -6, NOW - 10, NOW, NOW + 5, NOW + 6, NOW + 100)
    timestamps = [rng.choice(times) for _ in range(rng.choice((1, 2)))]
    level = rng.randrange(2)
    return list_offsets(scene.topic(rng), *timestamps, isolation_level=level), rng.randint(1, 11)


def of_delete_records(rng: Random, scene: Scene) -> Drawn:
    part = {"partition_index": scene.partition(rng), "offset": rng.choice((0, 1, 2, 3, 5, -1, 99))}
    topics = [{"name": scene.topic(rng), "partitions": [part]}]
    return request("DeleteRecords", topics=topics), rng.randrange(3)


def of_epochs(rng: Random, scene: Scene) -> Drawn:
    part = {
        "partition": scene.partition(rng),
        "leader_epoch": rng.choice((0, 0, 1, -1, 5)),
        "current_leader_epoch": rng.choice((-1, -1, 0, 2)),
    }
    topics = [{"topic": scene.topic(rng), "partitions": [part]}]
    return request("OffsetForLeaderEpoch", replica_id=-1, topics=topics), rng.randint(2, 4)


def of_producers(rng: Random, scene: Scene) -> Drawn:
    wanted = [{"name": scene.topic(rng), "partition_indexes": [0, 1]}]
    return request("DescribeProducers", topics=wanted), 0


def of_sizes(rng: Random, scene: Scene) -> Drawn:
    wanted = [{"topic": topic, "partitions": [0, 1]} for topic in scene.topics]
    return request("DescribeLogDirs", topics=wanted), rng.randint(1, 5)


def of_commit(rng: Random, scene: Scene) -> Drawn:
    which = rng.randrange(2)
    topic_id = rng.choice((scene.ids[which],) * 4 + (UNKNOWN_ID,))
    part = {
        "partition_index": scene.partition(rng),
        "committed_offset": rng.choice((0, 1, 7, -1)),
        "committed_leader_epoch": rng.choice((-1, 0)),
        "committed_metadata": rng.choice(("", "why", None)),
    }
    asked = request(
        "OffsetCommit",
        **of_member(rng, scene, "generation_id_or_member_epoch"),
        topics=[{"name": scene.topics[which], "topic_id": topic_id, "partitions": [part]}],
    )
    return asked, rng.randint(2, 10)


def of_committed(rng: Random, scene: Scene) -> Drawn:
    named = [
        {"name": topic, "topic_id": topic_id, "partition_indexes": [0, 1, 2]}
        for topic, topic_id in zip(scene.topics, scene.ids, strict=True)
    ]
    old = [{"name": one["name"], "partition_indexes": [0, 1]} for one in named]
    groups = [{"group_id": scene.group, "topics": rng.choice((named, None))}]
    asked = request("OffsetFetch", group_id=scene.group, topics=old, groups=groups)
    return asked, rng.randint(1, 10)


def of_member(rng: Random, scene: Scene, generation: str = "generation_id") -> dict[str, Any]:
    known = scene.generation
    return {
        "group_id": rng.choice((scene.group,) * 9 + ("",)),
        "member_id": rng.choice((scene.member,) * 6 + ("", "stranger")),
        generation: rng.choice((known,) * 5 + (-1, known + 1)),
    }


def of_join(rng: Random, scene: Scene) -> Drawn:
    """Only the one member that there is joins again, so that nobody is waited for."""
    member = scene.member if scene.joined or rng.random() < 0.7 else ""
    names = rng.choice((["range"],) * 4 + (["sticky", "range"], []))
    asked = request(
        "JoinGroup",
        group_id=scene.group,
        member_id=member,
        session_timeout_ms=rng.choice((30_000,) * 6 + (5,)),
        protocol_type=rng.choice(("consumer",) * 6 + ("",)),
        protocols=[{"name": name, "metadata": b"m"} for name in names],
    )
    return asked, rng.randint(4, 9)


def of_sync(rng: Random, scene: Scene) -> Drawn:
    asked = request(
        "SyncGroup",
        **of_member(rng, scene),
        protocol_type="consumer",
        protocol_name=rng.choice(("range", "range", "sticky", None)),
        assignments=[{"member_id": scene.member, "assignment": b"mine"}],
    )
    return asked, rng.randint(0, 5)


def of_heartbeat(rng: Random, scene: Scene) -> Drawn:
    return request("Heartbeat", **of_member(rng, scene)), rng.randrange(5)


def of_leave(rng: Random, scene: Scene) -> Drawn:
    identity = of_member(rng, scene)
    del identity["generation_id"]
    members = [{"member_id": identity["member_id"]}]
    return request("LeaveGroup", **identity, members=members), rng.randrange(6)


def of_groups(rng: Random, scene: Scene) -> Drawn:
    wanted = [scene.group, "nobody"][: rng.choice((1, 2))]
    if rng.random() < 0.2:
        return request("DeleteGroups", groups_names=wanted), rng.randrange(3)
    return request("DescribeGroups", groups=wanted), rng.randrange(7)


DRAW: Sequence[Callable[[Random, Scene], Drawn]] = (
    *(of_produce, of_produce, of_produce, of_fetch, of_fetch, of_session, of_session),
    *(of_list_offsets, of_list_offsets, of_delete_records, of_epochs, of_producers, of_sizes),
    *(of_join, of_join, of_sync, of_sync, of_heartbeat, of_leave),
    *(of_commit, of_commit, of_committed, of_groups),
)


def learn(scene: Scene, asked: Message, answers: Pair) -> None:
    """What later steps build on."""
    name, ours = type(asked).__name__, answers.ours
    if name == "JoinGroupRequest" and ours.member_id:
        scene.member = answers.member_id
        if not ours.error_code:
            scene.joined, scene.generation = True, ours.generation_id
    elif name == "LeaveGroupRequest" and not ours.error_code:
        scene.member, scene.joined = "", False
    elif name == "FetchRequest" and asked.session_epoch >= 0 and not ours.error_code:  # type: ignore[attr-defined]
        scene.session = answers.session_id
        scene.epoch = asked.session_epoch + 1  # type: ignore[attr-defined]


def told(both: Both, kind: int, steps: Sequence[int]) -> list[str]:
    """The requests up to the first difference; `both.judge.found` says whether there was one."""
    scene = Scene(both, Random(kind))
    lines: list[str] = []
    for seed in steps:
        rng = Random(seed)
        asked, version = rng.choice(DRAW)(rng, scene)
        lines.append(f"both.ask({said(asked, version)})")
        time.sleep(TICK_S)
        answers = both.ask(asked, version)
        if both.judge.found:
            break
        learn(scene, asked, answers)
    return lines


def sequence(seed: int) -> list[int]:
    rng = Random(seed)
    return [rng.randrange(1 << 30) for _ in range(STEPS)]


def shortened(differs: Callable[[Sequence[int]], bool], steps: Sequence[int]) -> Sequence[int]:
    """Without the steps that are not needed: halves first, then one by one."""
    size = len(steps) // 2
    while size:
        at = 0
        while at < len(steps):
            fewer = [*steps[:at], *steps[at + size :]]
            if differs(fewer):
                steps = fewer
            else:
                at += size
        size //= 2
    return steps
