"""Clients over quota, on a stage: what they are told, and for how long they are left alone."""

from __future__ import annotations

from math import nan

import pytest

from moldau.broker.request import Connection
from moldau.broker.served import SERVED, load
from moldau.protocol.messages.alter_client_quotas import (
    AlterClientQuotasRequest,
    AlterClientQuotasResponse,
    EntityData,
    EntryData,
    OpData,
)
from moldau.protocol.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
)
from moldau.protocol.messages.create_topics import (
    CreatableTopic,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from moldau.protocol.messages.delete_topics import (
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)
from moldau.protocol.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
)
from moldau.protocol.messages.metadata import MetadataRequest, MetadataResponse
from moldau.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from moldau.protocol.schema import Message
from tests.broker.stage import Stage, batch

THROTTLED = 89


def limit(stage: Stage, **quotas: float | None) -> None:
    """Of the client id that the stage's clients have."""
    admin = stage.connect()
    entity = [EntityData(entity_type="client-id", entity_name="stage")]
    request = AlterClientQuotasRequest(
        entries=[
            EntryData(
                entity=entity,
                ops=[
                    OpData(key=key, value=value or 0.0, remove=value is None)
                    for key, value in quotas.items()
                ],
            )
        ]
    )
    number = stage.send(request, 1, admin)
    frames = stage.answers()
    stage.sync()
    frames |= stage.answers()
    (outcome,) = stage.decode(AlterClientQuotasResponse, 1, frames[number]).entries
    assert outcome.error_code == 0, outcome


def produce(topic_id: bytes, size: int, acks: int = 1) -> ProduceRequest:
    data = PartitionProduceData(index=0, records=batch(b"x" * size))
    return ProduceRequest(
        acks=acks, topic_data=[TopicProduceData(topic_id=topic_id, partition_data=[data])]
    )


def fetch(topic_id: bytes, *, session: int = 0, epoch: int = -1) -> FetchRequest:
    partition = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1 << 20)
    topics = [FetchTopic(topic_id=topic_id, partitions=[partition])] if epoch <= 0 else []
    return FetchRequest(
        max_wait_ms=0,
        min_bytes=1,
        max_bytes=1 << 20,
        session_id=session,
        session_epoch=epoch,
        topics=topics,
    )


def metadata_answer(stage: Stage, peer: Connection) -> bool:
    """Is that client served?"""
    number = stage.send(MetadataRequest(topics=[]), 9, peer)
    return number in stage.answers()


def test_producer_is_answered_at_once_and_then_not_read_from() -> None:
    stage = Stage()
    topic_id = stage.topic("t")
    limit(stage, producer_byte_rate=1000)
    request = produce(topic_id, 20_000)
    size = len(stage.frame(request, 13))
    answer = stage.ask(request, 13, ProduceResponse)
    assert answer is not None
    assert answer.responses[0].partition_responses[0].error_code == 0
    throttle = answer.throttle_time_ms
    assert throttle == round((size - 1000 * 10) / 1000 * 1000)
    peer = stage.client
    assert not stage.node.wants_more(peer)
    stage.node.drained(peer)  # that it took the answer changes nothing
    assert not stage.node.wants_more(peer)
    assert metadata_answer(stage, stage.connect())  # nobody else has to wait
    assert not metadata_answer(stage, peer)
    deadline = stage.node.next_deadline()
    assert deadline is not None
    assert deadline <= stage.now_ms + throttle
    stage.tick(throttle - 1)
    stage.answers()
    assert not stage.node.wants_more(peer)
    stage.tick(1)
    outbox = stage.node.drain()
    assert (peer, []) in outbox.sends  # the body looks again whether to read
    outbox.sends.clear()
    stage.node.drained(peer)
    assert stage.node.wants_more(peer)
    assert stage.answers()  # what had arrived meanwhile is answered


def test_window_of_clients_is_configured() -> None:
    stage = Stage(quota_window_num=3, quota_window_size_seconds=2)
    topic_id = stage.topic("t")
    limit(stage, producer_byte_rate=1000)
    request = produce(topic_id, 20_000)
    size = len(stage.frame(request, 13))
    answer = stage.ask(request, 13, ProduceResponse)
    assert answer is not None
    assert answer.throttle_time_ms == size - 1000 * (3 - 1) * 2


def test_window_of_mutations_is_configured() -> None:
    stage = Stage(controller_quota_window_num=3, controller_quota_window_size_seconds=2)
    limit(stage, controller_mutation_rate=1)
    made = stage.must(creation("a", 16), 5, CreateTopicsResponse)
    assert made.throttle_time_ms == (16 - 3 * 2) * 1000


def test_below_the_quota_nothing_is_said_or_done() -> None:
    stage = Stage()
    topic_id = stage.topic("t")
    limit(stage, producer_byte_rate=1000)
    for _ in range(30):
        stage.tick(1000)
        answer = stage.ask(produce(topic_id, 500), 13, ProduceResponse)
        assert answer is not None
        assert answer.throttle_time_ms == 0
    assert stage.node.wants_more(stage.client)


def test_producer_that_wants_no_answer_waits_all_the_same() -> None:
    stage = Stage()
    topic_id = stage.topic("t")
    limit(stage, producer_byte_rate=1000)
    stage.ask(produce(topic_id, 20_000, acks=0), 13, ProduceResponse)
    assert not stage.node.wants_more(stage.client)


def test_produces_that_follow_each_other_wait_for_the_answer_to_the_first() -> None:
    stage = Stage()
    topic_id = stage.topic("t")
    limit(stage, producer_byte_rate=1000)
    stage.tick(0)
    frames = [stage.frame(produce(topic_id, 20_000, acks=-1), 13) for _ in range(3)]
    for frame in frames:
        stage.node.frame(stage.client, frame)
    stage.sync()
    assert len(stage.answers()) == 1
    log = stage.node.partitions["t", 0].log
    assert log.log_end_offset == 1


def test_what_repeats_itself_is_measured_too() -> None:
    stage = Stage()
    topic_id = stage.topic("t")
    throttles = []
    for step in range(4):
        if step == 2:  # the connection has learnt by now what its Produces look like
            limit(stage, producer_byte_rate=1000)
        answer = stage.ask(produce(topic_id, 20_000), 13, ProduceResponse)
        throttles.append(answer and answer.throttle_time_ms)
    assert throttles[:2] == [0, 0]
    assert throttles[2]
    assert throttles[3] is None
    limit(stage, producer_byte_rate=None)
    assert stage.node.meter is None


def test_consumer_over_quota_gets_nothing_and_is_not_charged() -> None:
    stage = Stage()
    topic_id = stage.topic("t")
    for _ in range(3):
        assert stage.ask(produce(topic_id, 9_000), 13, ProduceResponse)
    limit(stage, consumer_byte_rate=1000)
    first = stage.ask(fetch(topic_id), 13, FetchResponse)
    assert first is not None
    # A window's worth of records, and what stands around them, are a little more than a window's
    # worth: as in Apache Kafka the client waits for that little, and has it then.
    assert 0 < first.throttle_time_ms < 100
    assert first.responses == []
    second = wait_and_fetch(stage, topic_id, first)
    assert second.throttle_time_ms == 0
    assert len(second.responses[0].partitions[0].records) == 10_000
    third = stage.ask(fetch(topic_id), 13, FetchResponse)
    assert third is not None
    assert third.throttle_time_ms > 9_000
    # The sample that holds the second counts as long as it overlaps the window: once more.
    began = stage.now_ms
    while third.throttle_time_ms:
        assert third.responses == []
        third = wait_and_fetch(stage, topic_id, third)
    assert third.responses
    assert 10_000 < stage.now_ms - began < 25_000


def wait_and_fetch(stage: Stage, topic_id: bytes, told: FetchResponse) -> FetchResponse:
    stage.tick(told.throttle_time_ms)
    stage.answers()
    stage.node.drained(stage.client)
    answer = stage.ask(fetch(topic_id), 13, FetchResponse)
    assert answer is not None
    return answer


def test_limit_that_is_no_number_limits_nobody() -> None:
    stage = Stage()
    topic_id = stage.topic("t")
    limit(stage, producer_byte_rate=nan, consumer_byte_rate=nan, request_percentage=nan)
    produced = stage.ask(produce(topic_id, 9_000), 13, ProduceResponse)
    fetched = stage.ask(fetch(topic_id), 13, FetchResponse)
    assert produced is not None
    assert fetched is not None
    assert (produced.throttle_time_ms, fetched.throttle_time_ms) == (0, 0)
    assert fetched.responses


def test_sessions_of_throttled_consumers() -> None:
    stage = Stage()
    topic_id = stage.topic("t")
    assert stage.ask(produce(topic_id, 9_000), 13, ProduceResponse)
    limit(stage, consumer_byte_rate=1000)
    begun = stage.ask(fetch(topic_id, epoch=0), 13, FetchResponse)
    assert begun is not None
    assert begun.session_id
    assert begun.responses
    stage.node.drained(stage.client)
    # The session goes on: the client has lost nothing but time.
    other = stage.client = stage.connect()
    again = stage.ask(fetch(topic_id, session=begun.session_id, epoch=1), 13, FetchResponse)
    assert again is not None
    assert (again.session_id, again.responses) == (begun.session_id, [])
    assert again.throttle_time_ms
    # One that would begin now does not.
    stage.client = stage.connect()
    assert other is not stage.client
    late = stage.ask(fetch(topic_id, epoch=0), 13, FetchResponse)
    assert late is not None
    assert (late.session_id, late.responses) == (0, [])
    assert len(stage.node.sessions) == 1


def test_time_is_limited_in_percent_of_a_thread() -> None:
    stage = Stage()
    limit(stage, request_percentage=1)
    node = stage.node
    assert node.meter is not None
    spent = iter(range(0, 10**12, 60_000_000))  # each look at the stopwatch takes 60 ms
    node.meter.stopwatch = lambda: next(spent)
    answer = stage.ask(MetadataRequest(topics=[]), 9, MetadataResponse)
    assert answer is not None
    assert answer.throttle_time_ms == 0  # 6 % of a second in ten seconds
    waits = []
    for _ in range(6):
        stage.client = stage.connect()
        answer = stage.ask(MetadataRequest(topics=[]), 9, MetadataResponse)
        assert answer is not None
        waits.append(answer.throttle_time_ms)
    assert 0 < max(waits) <= 1000  # a window at most
    assert waits[-1] == 1000


def test_quota_of_time_is_not_for_who_waits_for_nothing() -> None:
    stage = Stage()
    topic_id = stage.topic("t")
    limit(stage, request_percentage=0.001)
    assert stage.node.meter is not None
    spent = iter(range(0, 10**12, 60_000_000))
    stage.node.meter.stopwatch = lambda: next(spent)
    stage.ask(produce(topic_id, 10, acks=0), 13, ProduceResponse)
    assert stage.node.wants_more(stage.client)


def creation(name: str, partitions: int) -> CreateTopicsRequest:
    topics = [CreatableTopic(name=name, num_partitions=partitions, replication_factor=1)]
    return CreateTopicsRequest(topics=topics, timeout_ms=1000)


def test_partitions_are_refused_while_there_is_debt() -> None:
    stage = Stage()
    limit(stage, controller_mutation_rate=1)
    made = stage.must(creation("a", 21), 7, CreateTopicsResponse)
    assert (made.topics[0].error_code, made.throttle_time_ms) == (
        0,
        0,
    )  # eleven seconds' worth, +10
    stage.client = stage.connect()
    refused = stage.must(creation("b", 1), 7, CreateTopicsResponse)
    assert refused.topics[0].error_code == THROTTLED
    assert refused.throttle_time_ms == 10_000
    assert "b" not in stage.node.image.topics
    stage.client = stage.connect()
    grown = CreatePartitionsRequest(
        topics=[CreatePartitionsTopic(name="a", count=22, assignments=None)]
    )
    answer = stage.must(grown, 3, CreatePartitionsResponse)
    assert answer.results[0].error_code == THROTTLED
    stage.client = stage.connect()
    doomed = DeleteTopicsRequest(topics=[DeleteTopicState(name="a")])
    assert stage.must(doomed, 6, DeleteTopicsResponse).responses[0].error_code == THROTTLED
    stage.tick(10_000)
    stage.client = stage.connect()
    assert stage.must(creation("b", 1), 7, CreateTopicsResponse).topics[0].error_code == 0


def test_older_requests_are_carried_out_and_wait_afterwards() -> None:
    stage = Stage()
    limit(stage, controller_mutation_rate=1)
    made = stage.must(creation("a", 21), 5, CreateTopicsResponse)
    assert made.topics[0].error_code == 0
    assert made.throttle_time_ms == 10_000
    assert not stage.node.wants_more(stage.client)


def test_quotas_are_there_after_a_kill() -> None:
    stage = Stage()
    limit(stage, producer_byte_rate=1000, request_percentage=5.5)
    again = Stage(disk=stage.disk.kill())
    assert again.node.image.client_quotas == stage.node.image.client_quotas
    assert again.node.meter is not None
    limit(again, producer_byte_rate=None, request_percentage=None)
    assert again.node.image.client_quotas == {}
    assert again.node.meter is None


def test_connection_that_ends_while_it_has_to_wait() -> None:
    stage = Stage()
    topic_id = stage.topic("t")
    limit(stage, producer_byte_rate=1000)
    answer = stage.ask(produce(topic_id, 20_000), 13, ProduceResponse)
    assert answer is not None
    stage.node.closed(stage.client)
    stage.tick(answer.throttle_time_ms)
    assert stage.answers() == {}


@pytest.mark.parametrize("by_ms", [-3_600_000, 3_600_000])
def test_clock_that_is_set_makes_nobody_wait_longer(by_ms: int) -> None:
    assert waits_while_the_clock_is_set(by_ms) == waits_while_the_clock_is_set(0)


def waits_while_the_clock_is_set(by_ms: int) -> list[int]:
    stage = Stage()
    topic_id = stage.topic("t")
    limit(stage, producer_byte_rate=1000)
    answer = stage.ask(produce(topic_id, 20_000), 13, ProduceResponse)
    assert answer is not None
    throttle = answer.throttle_time_ms
    stage.node.clock_moved(by_ms)
    stage.now_ms += by_ms
    stage.tick(throttle - 1)
    assert not stage.node.drain().sends
    stage.tick(1)
    assert stage.answers() == {}
    stage.node.drained(stage.client)
    assert stage.node.wants_more(stage.client)
    again = stage.ask(produce(topic_id, 10), 13, ProduceResponse)
    assert again is not None
    return [throttle, again.throttle_time_ms]


@pytest.mark.parametrize("api_key", SERVED)
def test_every_answer_can_say_how_long_to_wait(api_key: int) -> None:
    from importlib import import_module

    request = load(api_key).request
    messages = import_module(request.__module__)
    response: type[Message] = getattr(messages, request.__name__.replace("Request", "Response"))
    assert "throttle_time_ms" in {field.name for field in response.fields}


def test_logger_tells_of_every_request() -> None:
    stage = Stage()
    stage.node.loggers.set("moldau.request", "DEBUG")
    stage.node.measure_if_wanted()
    stage.ask(MetadataRequest(topics=[]), 9, MetadataResponse)
    assert "Metadata version 9 of 'stage' from 127.0.0.1" in stage.said[-1]
    stage.node.loggers.set("moldau.request", None)
    stage.node.measure_if_wanted()
    said = len(stage.said)
    stage.ask(MetadataRequest(topics=[]), 9, MetadataResponse)
    assert len(stage.said) == said
