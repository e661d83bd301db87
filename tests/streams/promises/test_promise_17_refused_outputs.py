"""An output that the broker refuses is a dead letter; the others go out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.engine.counts import Counts
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.placing import partition_of
from moldau.streams.errors import StreamsError
from moldau.streams.policies import Then
from moldau.streams.running.internal_topics import MOST_BYTES
from moldau.streams.running.worker import Worker
from moldau.streams.stream import Stream
from moldau.streams.topology import topology
from moldau.streams.upkeep.dlq import DeadLetterTopic, Letter
from moldau.streams.watching.watch import Watch


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with moldau.Broker() as broker:
        yield broker.bootstrap_servers


def texts(app: moldau.App, rows: Stream) -> None:
    rows.map(lambda row: "x" * row["size"]).to(f"{app.id}-out")


def run(
    servers: str,
    name: str,
    sizes: list[int],
    then: Then | None = None,
    *,
    answers: Callable[[moldau.App, Stream], None] = texts,
    partitions: int = 1,
    **settings: Any,
) -> Counts:
    """A program that makes texts of these lengths, for a topic that takes few bytes: what it has
    counted."""
    admin = AdminClient({"bootstrap.servers": servers})
    topics = [
        NewTopic(f"{name}-in", 1, 1),
        NewTopic(f"{name}-out", partitions, 1, config={"max.message.bytes": "2000"}),
    ]
    for future in admin.create_topics(topics).values():
        future.result(10)
    producer = Producer({"bootstrap.servers": servers})
    for size in sizes:
        producer.produce(f"{name}-in", msgspec.json.encode({"size": size}))
    producer.flush()
    app = moldau.App(name, servers, until="end", on_error=then, **settings)
    answers(app, app.stream(app.topic(f"{name}-in", dict)))
    watch = Watch(topology(app.id, app.nodes))
    Worker(app, watch=watch).run()
    return watch.counts


def records(servers: str, topic: str) -> list[Letter]:
    read = DeadLetterTopic(servers, topic)
    try:
        return list(read.letters())
    finally:
        read.close()


def lengths(servers: str, topic: str) -> list[int]:
    return [len(one.value or b"") for one in records(servers, topic)]


@pytest.mark.slow
def test_promise_17_what_is_too_large_for_its_topic_is_a_dead_letter(servers: str) -> None:
    """The small ones that were sent in a batch with it are not."""
    counts = run(servers, "large", [10, 20, 5000, 10, 6000, 30])
    assert sorted(lengths(servers, "large-out")) == [12, 12, 22, 32]
    assert lengths(servers, "large-dlq") == [5002, 6002]
    refused = counts.step("source-1", "to-1")
    assert (refused.records, refused.errors, refused.letters) == (6, 2, 2)


@pytest.mark.slow
def test_promise_17_what_is_sent_again_for_another_keeps_its_headers_and_partition(
    servers: str,
) -> None:
    """As what was in a batch with one that is too large, and as a letter of that one has them."""

    def answers(app: moldau.App, rows: Stream) -> None:
        out = app.topic("headers-out")

        @app.agent(rows)
        def answer(row: dict[str, int]) -> None:
            size = row["size"]
            headers = {"size": b"%d" % size}
            out.send("x" * size, key="a key", partition=size % 2, headers=headers)

    run(servers, "headers", [10, 11, 5000, 20, 5001, 21], answers=answers, partitions=2)
    told = [
        (one.partition, len(one.value or b"") - 2, one.headers)
        for one in records(servers, "headers-out")
    ]
    assert sorted(told) == [(size % 2, size, [("size", b"%d" % size)]) for size in (10, 20, 11, 21)]
    letters = [dict(one.headers) for one in records(servers, "headers-dlq")]
    assert sorted((one["moldau-dlq-partition"], one["size"]) for one in letters) == [
        (b"0", b"5000"),
        (b"1", b"5001"),
    ]


@pytest.mark.slow
def test_promise_17_what_no_topic_takes_is_a_letter_without_its_value(servers: str) -> None:
    run(servers, "huge", [10, MOST_BYTES + 1])
    assert lengths(servers, "huge-out") == [12]
    (letter,) = records(servers, "huge-dlq")
    assert letter.value is None
    said = dict(letter.headers)
    assert said["moldau-dlq-left-out"] == f"{MOST_BYTES + 3} bytes".encode()
    assert said["moldau-dlq-step"] == b"to-1"


@pytest.mark.slow
def test_promise_17_the_policy_of_the_step_says_what_becomes_of_it(servers: str) -> None:
    run(servers, "skipped", [10, 5000], "skip")
    assert lengths(servers, "skipped-out") == [12]
    with pytest.raises(StreamsError, match="stopped-out"):
        run(servers, "stopped", [5000], "stop")


@pytest.mark.parametrize("partition", [-1, 1])
def test_promise_17_a_refused_output_goes_to_its_topic_when_it_is_sent_back(partition: int) -> None:
    app = moldau.App("shop")
    app.stream(app.topic("in", dict)).to("out")
    headers: Any = {
        "topic": "out", "partition": str(partition), "offset": "-1", "part": "0", "form": "output",
        "app": "shop", "stage": "source-1", "task": "0", "step": "to-1", "redrives": "0",
    }  # fmt: skip
    told = [(f"moldau-dlq-{name}", value.encode()) for name, value in headers.items()]
    with moldau.testing.run(app, partitions=2) as t:
        t.deliver(Output("shop-dlq", 0, b"a", b"[1]", 5, told))
        assert t.redrive() == 1
        place = partition if partition >= 0 else partition_of(b"a", 2)
        ((key, value, timestamp, left),) = t["out"]._log[place]
    assert (key, value, timestamp, left or []) == (b"a", b"[1]", 5, [])
