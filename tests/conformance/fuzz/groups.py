"""Steps about a group: two members that come and go, its offsets, and who looks at it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from struct import pack
from typing import Any

from tests.conformance.both import Pair
from tests.conformance.fuzz.scene import Drawn, Member, Scene
from tests.conformance.requests import request

# Longer than a sequence takes: no member is given up in the one broker before the other.
PATIENCE_MS = 60_000


def subscription(*topics: str) -> bytes:
    """What a consumer says in its JoinGroup (ConsumerProtocolSubscription, version 0)."""
    named = b"".join(pack(">h", len(t)) + t.encode() for t in topics)
    return pack(">hi", 0, len(topics)) + named + pack(">i", -1)


def identity(
    rng: Random, scene: Scene, member: Member | None, generation: str = ""
) -> dict[str, Any]:
    """Who asks: the member itself mostly."""
    known = scene.generation
    own: Pair | str = "" if member is None else member.id
    instance = None if member is None else member.instance
    if rng.random() < 0.1:
        instance = rng.choice((None, "instance-0", "nobody"))
    found: dict[str, Any] = {
        "group_id": rng.choice((scene.group,) * 9 + ("",)),
        "member_id": rng.choice((own,) * 8 + ("", "stranger")),
        "group_instance_id": instance,
    }
    if generation:
        found[generation] = rng.choice((known,) * 6 + (-1, known + 1))
    return found


def of_next(rng: Random, scene: Scene) -> Drawn:
    """What the client of a member would ask next."""
    member = scene.free(rng)
    if member is None:
        return of_groups(rng, scene)
    if not member.joined:
        return _join(rng, scene, member, member.id)
    who = {
        "group_id": scene.group,
        "member_id": member.id,
        "group_instance_id": member.instance,
        "generation_id": scene.generation,
    }
    if member.synced:
        return Drawn(request("Heartbeat", **who), 4, member)
    return Drawn(request("SyncGroup", **who, **_chosen(scene, "consumer", "range")), 5, member)


def of_join(rng: Random, scene: Scene) -> Drawn:
    member = scene.free(rng)
    if member is None:
        return of_groups(rng, scene)
    own = member.id if member.joined or rng.random() < 0.7 else ""
    return _join(
        rng,
        scene,
        member,
        rng.choice((own,) * 9 + ("stranger",)),
        session_timeout_ms=rng.choice((PATIENCE_MS,) * 8 + (5,)),
        protocol_type=rng.choice(("consumer",) * 9 + ("",)),
    )


def _join(rng: Random, scene: Scene, member: Member, id: Pair | str, **fields: Any) -> Drawn:
    names = rng.choice((["range"],) * 9 + (["sticky", "range"], []))
    metadata = rng.choice((subscription(scene.topics[0]), subscription(*scene.topics), b"m"))
    wanted = {
        "group_id": scene.group,
        "member_id": id,
        "group_instance_id": member.instance,
        "session_timeout_ms": PATIENCE_MS,
        "rebalance_timeout_ms": PATIENCE_MS,
        "protocol_type": "consumer",
        "protocols": [{"name": name, "metadata": metadata} for name in names],
    }
    # Before version 4 a member that joins without an id is one more.
    return Drawn(request("JoinGroup", **{**wanted, **fields}), rng.randint(5, 9), member)


def of_sync(rng: Random, scene: Scene) -> Drawn:
    member = scene.free(rng)
    if member is None:
        return of_groups(rng, scene)
    kind = rng.choice(("consumer",) * 6 + ("connect", None))
    name = rng.choice(("range",) * 6 + ("sticky", None))
    who = identity(rng, scene, member, "generation_id")
    return Drawn(
        request("SyncGroup", **who, **_chosen(scene, kind, name)), rng.randint(3, 5), member
    )


def _chosen(scene: Scene, kind: str | None, name: str | None) -> dict[str, Any]:
    return {
        "protocol_type": kind,
        "protocol_name": name,
        "assignments": [
            {"member_id": one.id, "assignment": b"part %d" % one.number} for one in scene.members
        ],
    }


def of_heartbeat(rng: Random, scene: Scene) -> Drawn:
    member = rng.choice(scene.members)
    return Drawn(request("Heartbeat", **identity(rng, scene, member, "generation_id")), 4)


def of_leave(rng: Random, scene: Scene) -> Drawn:
    """Not of one that waits: that is told in groups/coming-and-going.txt."""
    member = scene.free(rng)
    if member is None:
        return of_heartbeat(rng, scene)
    who = identity(rng, scene, member)
    parts = {key: who[key] for key in ("member_id", "group_instance_id")}
    asked = request(
        "LeaveGroup", group_id=who["group_id"], member_id=who["member_id"], members=[parts]
    )
    return Drawn(asked, rng.randrange(6), member)


def of_commit(rng: Random, scene: Scene) -> Drawn:
    parts: list[dict[str, Any]] = [
        {
            "partition_index": scene.partition(rng),
            "committed_offset": rng.choice((0, 1, 7, -1)),
            "committed_leader_epoch": rng.choice((-1, 0)),
            "committed_metadata": rng.choice(("", "why", None)),
        }
    ]
    if rng.random() < 0.1:
        # Beside one that is good: of a commit of which nothing is taken Apache Kafka keeps a group
        # that is seen only after the next write to its shard.
        parts = [
            {"partition_index": 0, "committed_offset": 1},
            {"partition_index": 1, "committed_offset": 1, "committed_metadata": "m" * 5000},
        ]
    who = identity(rng, scene, rng.choice(scene.members), "generation_id_or_member_epoch")
    # The group without a name would be that of all sequences.
    who["group_id"] = scene.group
    asked = request("OffsetCommit", **who, topics=[{**scene.named(rng), "partitions": parts}])
    return Drawn(asked, rng.randint(7, 10))


def of_committed(rng: Random, scene: Scene) -> Drawn:
    named = [
        {"name": topic, "topic_id": topic_id, "partition_indexes": [0, 1, 2]}
        for topic, topic_id in zip(scene.topics, scene.ids, strict=True)
    ]
    old = [{"name": one["name"], "partition_indexes": [0, 1]} for one in named]
    groups = [{"group_id": scene.group, "topics": rng.choice((named, None))}]
    asked = request("OffsetFetch", group_id=scene.group, topics=old, groups=groups)
    return Drawn(asked, rng.randint(1, 10))


def of_forget(rng: Random, scene: Scene) -> Drawn:
    parts = [{"partition_index": index} for index in rng.choice(([0], [1], [0, 1, 2], []))]
    topics = [
        {"name": scene.topic(rng), "partitions": parts} for _ in range(rng.choice((1, 1, 1, 0)))
    ]
    group = rng.choice((scene.group,) * 8 + ("", "nobody"))
    return Drawn(request("OffsetDelete", group_id=group, topics=topics), 0)


def of_groups(rng: Random, scene: Scene) -> Drawn:
    wanted = [scene.group, "nobody"][: rng.choice((1, 2))]
    if rng.random() < 0.2:
        return Drawn(request("DeleteGroups", groups_names=wanted), rng.randrange(3))
    return Drawn(request("DescribeGroups", groups=wanted), rng.randrange(7))


DRAW: Sequence[Callable[[Random, Scene], Drawn]] = (
    *(of_next, of_next, of_next, of_next, of_next, of_next, of_next, of_next),
    *(of_join, of_sync, of_heartbeat, of_leave),
    *(of_commit, of_commit, of_committed, of_forget, of_groups),
)
