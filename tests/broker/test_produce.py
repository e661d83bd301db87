"""Produce: what is answered when, and that the short way answers as the long way does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moldau.broker.repetition import MAX_REMEMBERED, Repetitions
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicsResponse
from moldau.protocol.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from tests.broker.stage import Stage, batch
from tests.drawn import share

VERSIONS = range(3, 14)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def produce(
    name: str, topic_id: bytes, records: bytes, *, index: int = 0, acks: int = 1
) -> ProduceRequest:
    data = PartitionProduceData(index=index, records=records)
    topic = TopicProduceData(name=name, topic_id=topic_id, partition_data=[data])
    return ProduceRequest(acks=acks, timeout_ms=1000, topic_data=[topic])


def only(response: ProduceResponse | None) -> PartitionProduceResponse:
    assert response is not None
    ((result,),) = (topic.partition_responses for topic in response.responses)
    return result


@pytest.mark.parametrize("version", VERSIONS)
def test_a_repeated_request_is_answered_as_the_first(stage: Stage, version: int) -> None:
    topic_id = stage.topic("t")
    name = "t" if version < 13 else ""
    for expected, values in enumerate(([b"a"], [b"b"], [b"c" * 300], [b"d"])):
        request = produce(name, topic_id, batch(*values))
        response = stage.ask(request, version, ProduceResponse)
        assert only(response).base_offset == expected
        assert only(response) == PartitionProduceResponse(index=0, base_offset=expected) or (
            version >= 5 and only(response).log_start_offset == 0
        )
        if version >= 13:
            assert response is not None
            assert response.responses[0].topic_id == topic_id


def test_the_short_way_is_taken(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tests beside this one would prove nothing."""
    taken: list[bool] = []
    handle = Repetitions.handle

    def counted(self: Repetitions, *args: object) -> bool:
        taken.append(handle(self, *args))  # type: ignore[arg-type]
        return taken[-1]

    monkeypatch.setattr(Repetitions, "handle", counted)
    topic_id = stage.topic("t", 2)
    for i in range(6):
        stage.ask(produce("t", topic_id, batch(b"x"), index=i % 2), 9, ProduceResponse)
    assert taken == [False, True, True, True, True]


def test_all_waits_for_the_sync_and_one_does_not(stage: Stage) -> None:
    topic_id = stage.topic("t")
    for _ in range(3):  # the long way, then the short one
        assert only(stage.ask(produce("t", topic_id, batch(b"x")), 9, ProduceResponse))
        number = stage.send(produce("t", topic_id, batch(b"y"), acks=-1), 9)
        assert stage.answers() == {}
        stage.sync()
        assert list(stage.answers()) == [number]


def test_acks_0_is_not_answered(stage: Stage) -> None:
    topic_id = stage.topic("t")
    for _ in range(3):
        stage.send(produce("t", topic_id, batch(b"x"), acks=0), 9)
    assert stage.answers() == {}
    assert stage.node.partitions["t", 0].log.log_end_offset == 3


def test_acks_0_that_fails_ends_the_connection(stage: Stage) -> None:
    stage.send(produce("nowhere", b"", batch(b"x"), acks=0), 9)
    ((_, why),) = stage.node.drain().closes
    assert "UNKNOWN_TOPIC_OR_PARTITION" in why


def test_after_a_topic_is_made_anew_the_old_bytes_are_not_trusted(stage: Stage) -> None:
    old = stage.topic("t")
    for _ in range(2):
        stage.ask(produce("t", old, batch(b"x")), 9, ProduceResponse)
        stage.ask(produce("", old, batch(b"x")), 13, ProduceResponse)
    stage.must(DeleteTopicsRequest(topic_names=["t"]), 5, DeleteTopicsResponse)
    gone = stage.ask(produce("t", old, batch(b"x")), 9, ProduceResponse)
    assert only(gone).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    stage.topic("t")
    assert only(stage.ask(produce("t", old, batch(b"x")), 9, ProduceResponse)).base_offset == 0
    by_id = stage.ask(produce("", old, batch(b"x")), 13, ProduceResponse)
    assert only(by_id).error_code == ErrorCode.UNKNOWN_TOPIC_ID


def test_a_bad_batch_in_a_repeated_request_is_refused_in_full(stage: Stage) -> None:
    topic_id = stage.topic("t")
    stage.ask(produce("t", topic_id, batch(b"x")), 9, ProduceResponse)
    bad = bytearray(batch(b"x"))
    bad[-1] ^= 1
    refused = only(stage.ask(produce("t", topic_id, bytes(bad)), 9, ProduceResponse))
    assert refused.error_code == ErrorCode.CORRUPT_MESSAGE
    assert only(stage.ask(produce("t", topic_id, batch(b"y")), 9, ProduceResponse)).base_offset == 1


def test_what_is_remembered_of_a_connection_is_bounded(stage: Stage) -> None:
    topic_id = stage.topic("t", MAX_REMEMBERED + 10)
    for index in range(MAX_REMEMBERED + 10):
        request = produce("t", topic_id, batch(b"x"), index=index)
        assert only(stage.ask(request, 9, ProduceResponse)).error_code == 0
    assert stage.client.repetitions is not None
    assert len(stage.client.repetitions._known) == MAX_REMEMBERED


@settings(max_examples=share(60), deadline=None)
@given(
    st.sampled_from([7, 9, 13]),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=3),
)
def test_a_damaged_repetition_never_passes_for_a_good_one(
    version: int, damage: list[tuple[int, int]]
) -> None:
    """Whatever is changed: the answer is that of a connection that remembers nothing."""
    short, long = Stage(), Stage()
    ids = [short.topic("t"), long.topic("t")]
    request = produce("t" if version < 13 else "", ids[0], batch(b"x" * 20))
    assert ids[0] == ids[1]
    for stage in (short, long):
        stage.ask(request, version, ProduceResponse)
    long.client = long.connect()
    outcomes = [outcome(stage, request, version, damage) for stage in (short, long)]
    assert outcomes[0] == outcomes[1]


def outcome(
    stage: Stage, request: ProduceRequest, version: int, damage: list[tuple[int, int]]
) -> tuple[list[bytes], list[str], int]:
    stage.correlation_id = 100
    frame = bytearray(stage.frame(request, version))
    for position, value in damage:
        frame[position % len(frame)] = value
    stage.node.frame(stage.client, bytes(frame))
    outbox = stage.node.drain()
    closes = [why for _, why in outbox.closes]
    return list(_bodies(stage)), closes, stage.node.partitions["t", 0].log.log_end_offset


def _bodies(stage: Stage) -> Iterator[bytes]:
    yield from stage.answers().values()
