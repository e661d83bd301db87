"""Fetch: limits, waiting, sessions, epochs."""

from __future__ import annotations

import pytest

from moldau.broker.fetch_session import EVICTION_MS
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicsResponse
from moldau.protocol.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    ForgottenTopic,
    PartitionData,
)
from moldau.protocol.messages.produce import ProduceResponse
from moldau.protocol.records import iterate, parse_header
from tests.broker.stage import Stage, batch
from tests.broker.test_produce import produce

VERSION = 12  # the newest by name
VALUE = b"v" * 1000


@pytest.fixture
def stage() -> Stage:
    return Stage()


def fetch(*wanted: FetchPartition, topic: str = "t", **fields: object) -> FetchRequest:
    given: dict[str, object] = {"max_wait_ms": 500, "min_bytes": 1, **fields}
    topics = [FetchTopic(topic=topic, partitions=list(wanted))] if wanted else []
    return FetchRequest(topics=topics, **given)  # type: ignore[arg-type]


def at(
    offset: int, partition: int = 0, max_bytes: int = 1 << 20, *, leader: int = -1, seen: int = -1
) -> FetchPartition:
    """`leader` is the leader epoch that the reader knows, `seen` that of what it read last."""
    return FetchPartition(
        partition=partition,
        fetch_offset=offset,
        partition_max_bytes=max_bytes,
        current_leader_epoch=leader,
        last_fetched_epoch=seen,
    )


def fill(stage: Stage, count: int, partition: int = 0) -> int:
    """The size of each of the batches."""
    records = batch(VALUE)
    for _ in range(count):
        request = produce("t", b"", records, index=partition)
        assert stage.ask(request, 9, ProduceResponse) is not None
    return len(records)


def parts(response: FetchResponse | None) -> dict[int, PartitionData]:
    assert response is not None
    assert response.error_code == 0, ErrorCode(response.error_code)
    return {p.partition_index: p for topic in response.responses for p in topic.partitions}


def offsets(data: PartitionData) -> list[int]:
    """Base offsets of the whole batches."""
    found, view = [], memoryview(data.records)
    while len(view) >= 61 and len(view) >= parse_header(view, 0).size:
        header = parse_header(view, 0)
        list(iterate(view[: header.size]))
        found.append(header.base_offset)
        view = view[header.size :]
    return found


# --- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(4, 13))
def test_every_version_by_name_reads_the_same(stage: Stage, version: int) -> None:
    stage.topic("t")
    fill(stage, 3)
    data = parts(stage.ask(fetch(at(1), max_bytes=1 << 20), version, FetchResponse))[0]
    assert offsets(data) == [1, 2]
    assert data.high_watermark == 3


@pytest.mark.parametrize("version", range(13, 19))
def test_every_version_by_id_reads_the_same(stage: Stage, version: int) -> None:
    topic_id = stage.topic("t")
    fill(stage, 3)
    request = fetch(at(1))
    request.topics[0].topic_id = topic_id
    assert offsets(parts(stage.ask(request, version, FetchResponse))[0]) == [1, 2]
    request.topics[0].topic_id = bytes(15) + b"\7"
    unknown = parts(stage.ask(request, version, FetchResponse))[0]
    assert unknown.error_code == ErrorCode.UNKNOWN_TOPIC_ID


def test_one_whole_batch_comes_however_small_the_limits(stage: Stage) -> None:
    stage.topic("t")
    fill(stage, 3)
    data = parts(stage.ask(fetch(at(1, max_bytes=1), max_bytes=1), VERSION, FetchResponse))[0]
    assert offsets(data) == [1]


def test_max_bytes_holds_over_all_partitions(stage: Stage) -> None:
    stage.topic("t", 3)
    for partition in range(3):
        size = fill(stage, 10, partition)
    request = fetch(*(at(0, p) for p in range(3)), max_bytes=14 * size)
    found = parts(stage.ask(request, VERSION, FetchResponse))
    assert sum(len(data.records) for data in found.values()) <= 14 * size
    assert [len(offsets(found[p])) for p in range(3)] == [10, 4, 0]


def test_fetch_max_bytes_of_the_broker_is_a_limit_too() -> None:
    stage = Stage(fetch_max_bytes=4096)
    stage.topic("t")
    fill(stage, 10)
    data = parts(stage.ask(fetch(at(0)), VERSION, FetchResponse))[0]
    assert len(data.records) <= 4096


def test_an_offset_in_the_middle_of_a_batch_brings_that_batch(stage: Stage) -> None:
    stage.topic("t")
    stage.ask(produce("t", b"", batch(b"a", b"b", b"c")), 9, ProduceResponse)
    assert offsets(parts(stage.ask(fetch(at(2)), VERSION, FetchResponse))[0]) == [0]


@pytest.mark.parametrize("offset", [-1, 4, 10**12])
def test_an_offset_out_of_range_is_said_at_once_with_empty_records(
    stage: Stage, offset: int
) -> None:
    stage.topic("t")
    fill(stage, 3)
    data = parts(stage.ask(fetch(at(offset), min_bytes=10**6), VERSION, FetchResponse))[0]
    assert data.error_code == ErrorCode.OFFSET_OUT_OF_RANGE
    assert data.records is not None, "librdkafka expects records beside an error"


def test_an_unknown_topic_or_partition_is_said_at_once(stage: Stage) -> None:
    stage.topic("t")
    for request in (fetch(at(0, 7), min_bytes=9), fetch(at(0), topic="nowhere", min_bytes=9)):
        (data,) = parts(stage.ask(request, VERSION, FetchResponse)).values()
        assert data.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


# --- waiting --------------------------------------------------------------------------------------


def test_it_waits_for_records_and_gets_them_at_once(stage: Stage) -> None:
    stage.topic("t")
    number = stage.send(fetch(at(0)), VERSION)
    assert stage.answers() == {}
    other = stage.connect()
    stage.send(produce("t", b"", batch(b"x")), 9, other)
    response = stage.decode(FetchResponse, VERSION, stage.answers()[number])
    assert offsets(parts(response)[0]) == [0]


def test_it_waits_for_min_bytes(stage: Stage) -> None:
    stage.topic("t", 2)
    other = stage.connect()
    size = len(batch(VALUE))
    number = stage.send(fetch(at(0), at(0, 1), min_bytes=2 * size), VERSION)
    stage.send(produce("t", b"", batch(VALUE)), 9, other)
    assert number not in stage.answers()
    stage.send(produce("t", b"", batch(VALUE), index=1), 9, other)
    response = stage.decode(FetchResponse, VERSION, stage.answers()[number])
    assert [len(offsets(data)) for data in parts(response).values()] == [1, 1]


def test_it_is_answered_when_its_time_is_over(stage: Stage) -> None:
    stage.topic("t")
    number = stage.send(fetch(at(0), max_wait_ms=500), VERSION)
    assert stage.node.next_deadline() == stage.now_ms + 500
    stage.tick(499)
    assert stage.answers() == {}
    stage.tick(1)
    assert offsets(parts(stage.decode(FetchResponse, VERSION, stage.answers()[number]))[0]) == []


def test_what_waits_is_forgotten_with_its_connection(stage: Stage) -> None:
    stage.topic("t")
    stage.send(fetch(at(0)), VERSION)
    stage.node.closed(stage.client)
    assert stage.node.partitions["t", 0].readers == {}
    assert stage.node.timers.next_deadline() is None


def test_a_deleted_topic_lets_nobody_wait(stage: Stage) -> None:
    stage.topic("t")
    waiting = stage.connect()
    number = stage.send(fetch(at(0), max_wait_ms=60_000), VERSION, waiting)
    stage.send(DeleteTopicsRequest(topic_names=["t"]), 5)
    frames = stage.answers()
    (data,) = parts(stage.decode(FetchResponse, VERSION, frames[number])).values()
    assert data.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    stage.must(DeleteTopicsRequest(topic_names=["t"]), 5, DeleteTopicsResponse)


# --- sessions -------------------------------------------------------------------------------------


def begin(stage: Stage, *wanted: FetchPartition) -> int:
    request = fetch(*wanted, session_epoch=0, max_wait_ms=0)
    response = stage.ask(request, VERSION, FetchResponse)
    assert response is not None
    assert response.session_id != 0
    assert set(parts(response)) == {p.partition for p in wanted}, "all are told at the beginning"
    return response.session_id


def go_on(stage: Stage, session: int, epoch: int, *wanted: FetchPartition) -> FetchResponse:
    request = fetch(*wanted, session_id=session, session_epoch=epoch, max_wait_ms=0)
    response = stage.ask(request, VERSION, FetchResponse)
    assert response is not None
    return response


def test_a_session_tells_only_what_changed(stage: Stage) -> None:
    stage.topic("t", 3)
    session = begin(stage, at(0), at(0, 1), at(0, 2))
    assert parts(go_on(stage, session, 1)) == {}
    fill(stage, 1, 1)
    assert set(parts(go_on(stage, session, 2))) == {1}
    assert set(parts(go_on(stage, session, 3))) == {1}, (
        "it was not moved on: the record is still new"
    )
    assert parts(go_on(stage, session, 4, at(1, 1))) == {}


def test_a_partition_that_was_forgotten_is_not_read(stage: Stage) -> None:
    stage.topic("t", 2)
    session = begin(stage, at(0), at(0, 1))
    fill(stage, 1, 0)
    fill(stage, 1, 1)
    request = fetch(session_id=session, session_epoch=1, max_wait_ms=0)
    request.forgotten_topics_data = [ForgottenTopic(topic="t", partitions=[0])]
    assert set(parts(stage.ask(request, VERSION, FetchResponse))) == {1}


def test_no_partition_starves(stage: Stage) -> None:
    stage.topic("t", 3)
    size = 0
    for partition in range(3):
        size = fill(stage, 5, partition)
    session = begin(stage, at(5), at(5, 1), at(5, 2))
    first: set[int] = set()
    for epoch in range(1, 4):
        wanted = (at(0, p) for p in range(3)) if epoch == 1 else ()
        request = fetch(
            *wanted, session_id=session, session_epoch=epoch, max_wait_ms=0, max_bytes=size
        )
        found = parts(stage.ask(request, VERSION, FetchResponse))
        first |= {p for p, data in found.items() if len(data.records)}
    assert first == {0, 1, 2}


def test_a_session_that_is_not_there_or_out_of_step_is_refused(stage: Stage) -> None:
    stage.topic("t")
    session = begin(stage, at(0))
    unknown = go_on(stage, session + 1, 1)
    assert unknown.error_code == ErrorCode.FETCH_SESSION_ID_NOT_FOUND
    assert go_on(stage, session, 5).error_code == ErrorCode.INVALID_FETCH_SESSION_EPOCH
    assert go_on(stage, session, 1).error_code == 0


def test_sessions_have_slots_and_the_unused_one_goes() -> None:
    stage = Stage(max_incremental_fetch_session_cache_slots=1)
    stage.topic("t")
    first = begin(stage, at(0))
    full = stage.ask(fetch(at(0), session_epoch=0, max_wait_ms=0), VERSION, FetchResponse)
    assert full is not None
    assert full.session_id == 0, "no slot: a full fetch without a session"
    stage.tick(EVICTION_MS + 1)
    begin(stage, at(0))
    assert go_on(stage, first, 1).error_code == ErrorCode.FETCH_SESSION_ID_NOT_FOUND


# --- epochs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epoch", "error"),
    [
        (-1, ErrorCode.NONE),
        (0, ErrorCode.NONE),
        (1, ErrorCode.UNKNOWN_LEADER_EPOCH),
    ],
)
def test_a_reader_of_another_leader_epoch_is_told(
    stage: Stage, epoch: int, error: ErrorCode
) -> None:
    stage.topic("t")
    fill(stage, 1)
    request = fetch(at(0, leader=epoch))
    assert parts(stage.ask(request, VERSION, FetchResponse))[0].error_code == error


def test_a_reader_of_an_old_leader_epoch_is_fenced(stage: Stage) -> None:
    stage.topic("t")
    stage.node.partitions["t", 0].leader_epoch = 3
    request = fetch(at(0, leader=2))
    fenced = parts(stage.ask(request, VERSION, FetchResponse))[0]
    assert fenced.error_code == ErrorCode.FENCED_LEADER_EPOCH


def test_a_reader_of_a_history_that_is_not_here_is_told_where_it_ends(stage: Stage) -> None:
    stage.topic("t")
    fill(stage, 2)
    data = parts(stage.ask(fetch(at(9, seen=0)), VERSION, FetchResponse))[0]
    assert (data.diverging_epoch.epoch, data.diverging_epoch.end_offset) == (0, 2)
    assert data.error_code == 0
