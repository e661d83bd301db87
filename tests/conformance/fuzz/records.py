"""Steps about records: produced, read, looked up, deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.attacks.raw import NOW, batch
from tests.conformance.both import each
from tests.conformance.fuzz.scene import PARTITIONS, Drawn, Scene
from tests.conformance.requests import init_producer, list_offsets, request

BY_ID = 13  # first version of Produce and Fetch that names topics by id
LAST_SEQUENCE = 0x7FFFFFFF


def of_produce(rng: Random, scene: Scene) -> Drawn:
    named, partition = scene.named(rng), scene.partition(rng)
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
        records = _of_producer(
            rng, scene, which, (which, named["name"], partition), values, options
        )
    data = [{"index": partition, "records": records}]
    acks = rng.choice((-1,) * 8 + (1,) * 8 + (2,))
    asked = request("Produce", topic_data=[{**named, "partition_data": data}], acks=acks)
    return Drawn(asked, rng.randint(3, BY_ID))


def _of_producer(
    rng: Random,
    scene: Scene,
    which: int,
    place: tuple[int, str, int],
    values: list[bytes | None],
    options: dict[str, Any],
) -> Any:
    """A batch of an idempotent producer: the next, one again, one too far, or of another epoch."""
    epoch = scene.epochs[which] + rng.choice((0,) * 12 + (1, 1, -1))
    if epoch > scene.epochs[which]:  # it begins anew, as clients do after a gap
        scene.epochs[which] = epoch
        for known in [known for known in scene.sequences if known[0] == which]:
            scene.sequences[known] = 0
    first = rng.choice((0, 0, 0, LAST_SEQUENCE - 1))
    expected = scene.sequences.get(place, first)
    sequence = expected + rng.choice((0, 0, 0, 0, 0, 0, -1, -2, -len(values), 1, 7))
    sequence = sequence % (LAST_SEQUENCE + 1) if expected else max(sequence, 0)
    if sequence == expected:
        scene.sequences[place] = (expected + len(values)) % (LAST_SEQUENCE + 1)
    return each(
        lambda one: batch(
            *values,
            producer_id=one,
            producer_epoch=max(epoch, 0),
            base_sequence=sequence,
            **options,
        ),
        scene.producers[which],
    )


def of_init(rng: Random, scene: Scene) -> Drawn:
    which = rng.randrange(2)
    epoch = rng.choice((-1, scene.epochs[which]))
    return Drawn(init_producer(rng.choice((-1, scene.producers[which])), epoch), rng.randint(0, 5))


def of_fetch(rng: Random, scene: Scene) -> Drawn:
    limits = (0, 1, 200, 1000, 1 << 20)
    part = {
        "partition": scene.partition(rng),
        "fetch_offset": rng.choice((0, 0, 1, 2, 3, 5, 9, 30, -1)),
        "partition_max_bytes": rng.choice(limits),
        "current_leader_epoch": rng.choice((-1, -1, 0, 0, 1)),
        "last_fetched_epoch": rng.choice((-1, -1, 0, 3)),
    }
    asked = request(
        "Fetch",
        topics=[{**scene.named(rng, "topic"), "partitions": [part]}],
        max_bytes=rng.choice(limits),
        isolation_level=rng.randrange(2),
    )
    return Drawn(asked, rng.randint(4, 18))


def of_session(rng: Random, scene: Scene) -> Drawn:
    """An incremental fetch: begun, continued, out of step, ended."""
    epoch = rng.choice((scene.epoch,) * 5 + (0, -1, scene.epoch + 1))
    topics = []
    for _ in range(rng.choice((0, 1, 1, 2))):
        parts = [
            {"partition": i, "fetch_offset": rng.choice((0, 2, 5)), "partition_max_bytes": 5000}
            for i in range(PARTITIONS)
            if rng.random() < 0.7
        ]
        topics.append({**scene.named(rng, "topic"), "partitions": parts})
    gone = {**scene.named(rng, "topic"), "partitions": [rng.randrange(PARTITIONS)]}
    asked = request(
        "Fetch",
        session_id=scene.session,
        session_epoch=epoch,
        topics=topics,
        forgotten_topics_data=[gone] if rng.random() < 0.2 else [],
    )
    if epoch == 0:
        scene.session_by_id = rng.random() < 0.5
    by_id = scene.session_by_id != (rng.random() < 0.05)
    return Drawn(asked, 18 if by_id else 12)


def of_list_offsets(rng: Random, scene: Scene) -> Drawn:
    times = (-1, -2, -3, -4, -5, -6, -7, NOW - 10, NOW, NOW + 5, NOW + 6, NOW + 100)
    timestamps = [rng.choice(times) for _ in range(rng.choice((1, 2)))]
    level = rng.randrange(2)
    asked = list_offsets(scene.topic(rng), *timestamps, isolation_level=level)
    return Drawn(asked, rng.randint(1, 11))


def of_delete_records(rng: Random, scene: Scene) -> Drawn:
    part = {"partition_index": scene.partition(rng), "offset": rng.choice((0, 1, 2, 3, 5, -1, 99))}
    topics = [{"name": scene.topic(rng), "partitions": [part]}]
    return Drawn(request("DeleteRecords", topics=topics), rng.randrange(3))


def of_epochs(rng: Random, scene: Scene) -> Drawn:
    part = {
        "partition": scene.partition(rng),
        "leader_epoch": rng.choice((0, 0, 1, -1, 5)),
        "current_leader_epoch": rng.choice((-1, -1, 0, 2)),
    }
    topics = [{"topic": scene.topic(rng), "partitions": [part]}]
    return Drawn(request("OffsetForLeaderEpoch", replica_id=-1, topics=topics), rng.randint(2, 4))


def of_producers(rng: Random, scene: Scene) -> Drawn:
    wanted = [{"name": scene.topic(rng), "partition_indexes": [0, 1]}]
    return Drawn(request("DescribeProducers", topics=wanted), 0)


def of_sizes(rng: Random, scene: Scene) -> Drawn:
    wanted = [{"topic": topic, "partitions": [0, 1]} for topic in scene.topics]
    return Drawn(request("DescribeLogDirs", topics=wanted), rng.randint(1, 5))


DRAW: Sequence[Callable[[Random, Scene], Drawn]] = (
    *(of_produce, of_produce, of_produce, of_produce, of_fetch, of_fetch, of_session, of_session),
    *(of_list_offsets, of_list_offsets, of_delete_records, of_epochs, of_producers, of_sizes),
    of_init,
)
