"""Batches that are wrong, lie or explode, and requests with strange sets of batches."""

from __future__ import annotations

import zlib
from struct import pack
from typing import Any

import pytest

from moldau import Broker
from moldau.protocol.compression import Codec, compress
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.find_coordinator import (
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from moldau.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from moldau.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from moldau.protocol.records import BatchHeader, seal
from moldau.storage.validator import MAX_OPENED_RECORDS
from tests.attacks.raw import (
    NOW,
    Raw,
    batch,
    errors_of,
    frame,
    patched,
    produce_request,
    resealed,
)
from tests.attacks.witness import Witness

pytestmark = pytest.mark.slow  # each has a broker to attack

E = ErrorCode
MIB = 1 << 20
MAX_TIMESTAMP = -3


GOOD = batch(b"one", b"two")
V0 = pack(">qiIbb", 0, 14 + 1, zlib.crc32(b""), 0, 0) + pack(">ii", -1, 1) + b"v"
V1 = pack(">qiIbbq", 0, 22 + 1, zlib.crc32(b""), 1, 0, NOW) + pack(">ii", -1, 1) + b"v"


BAD = [
    (patched(GOOD, 17, b"\0\0\0\0"), E.CORRUPT_MESSAGE),
    (patched(GOOD, 70, b"\xff"), E.CORRUPT_MESSAGE),
    (b"", E.INVALID_RECORD),
    (GOOD[:60], E.INVALID_RECORD),
    (GOOD[:-1], E.INVALID_RECORD),
    (GOOD + GOOD, E.INVALID_RECORD),
    (patched(GOOD, 8, pack(">i", 1)), E.CORRUPT_MESSAGE),
    (patched(GOOD, 8, pack(">i", -1)), E.CORRUPT_MESSAGE),
    (patched(GOOD, 8, pack(">i", -(2**31))), E.CORRUPT_MESSAGE),
    (patched(GOOD, 8, pack(">i", 2**31 - 1)), E.INVALID_RECORD),
    (patched(GOOD, 16, b"\x03"), E.CORRUPT_MESSAGE),
    (patched(GOOD, 16, b"\xff"), E.CORRUPT_MESSAGE),
    (V0, E.INVALID_RECORD),
    (V1, E.INVALID_RECORD),
    (resealed(GOOD, base_offset=5), E.INVALID_RECORD),
    (resealed(GOOD, count=0), E.INVALID_RECORD),
    (resealed(GOOD, count=-1), E.INVALID_RECORD),
    (resealed(GOOD, count=0, last_offset_delta=-1, payload=b""), E.INVALID_RECORD),
    (resealed(GOOD, count=1000), E.INVALID_RECORD),
    (resealed(GOOD, last_offset_delta=2**31 - 1), E.INVALID_RECORD),
    (resealed(GOOD, last_offset_delta=-5), E.INVALID_RECORD),
    (resealed(GOOD, attributes=5), E.UNSUPPORTED_COMPRESSION_TYPE),
    (resealed(GOOD, attributes=7), E.UNSUPPORTED_COMPRESSION_TYPE),
    (resealed(GOOD, attributes=0x20), E.INVALID_RECORD),
    (
        resealed(GOOD, attributes=0x30, producer_id=1, producer_epoch=0),
        E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ),
    (
        resealed(GOOD, attributes=0x10, producer_id=1, producer_epoch=0, base_sequence=0),
        E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ),
    (resealed(GOOD, attributes=8, max_timestamp=-1), E.INVALID_TIMESTAMP),
    (resealed(GOOD, producer_id=1, producer_epoch=0, base_sequence=-1), E.INVALID_RECORD),
    (batch(bytes(2 * MIB)), E.MESSAGE_TOO_LARGE),
    (batch(b"future", timestamp=NOW + (1 << 50)), E.INVALID_TIMESTAMP),
]


@pytest.mark.parametrize(("records", "error"), BAD, ids=range(len(BAD)))
def test_a_bad_batch_is_refused_and_nothing_is_appended(
    records: bytes, error: ErrorCode, raw: Raw, broker: Broker
) -> None:
    with Witness(broker):
        name = f"bad-{broker.pid}-{abs(hash(records))}"
        raw.create(name)
        for acks in (-1, 1):
            assert raw.produce(name, records, acks=acks).error_code == error
        assert raw.produce(name, GOOD).base_offset == 0
        assert raw.values(name) == [b"one", b"two"]


def test_null_records_are_refused(raw: Raw) -> None:
    raw.create("null")
    request = produce_request("null", None)
    request.topic_data[0].partition_data[0].records = None
    answer = raw.ask(request, ProduceResponse, 9)
    assert errors_of(answer) == {E.INVALID_RECORD}


def test_a_batch_that_wants_no_answer_and_fails_closes_the_connection(broker: Broker) -> None:
    with Witness(broker), Raw(broker.bootstrap_servers) as hasty:
        hasty.send(produce_request("nowhere", GOOD, acks=0), 9)
        assert hasty.is_closed_by_peer()
    assert "UNKNOWN_TOPIC_OR_PARTITION" in broker.log_text.splitlines()[-1]


@pytest.mark.parametrize("timestamp", [-1, -2, -(2**63), 0])
def test_old_and_negative_timestamps_are_kept(timestamp: int, raw: Raw, broker: Broker) -> None:
    with Witness(broker):
        name = f"time-{timestamp}"
        raw.create(name)
        good = resealed(GOOD, base_timestamp=timestamp, max_timestamp=timestamp)
        assert raw.produce(name, good).error_code == 0
        for asked in (timestamp, 0, -1, -2, MAX_TIMESTAMP, NOW):
            look_up(raw, name, asked)
        assert raw.values(name) == [b"one", b"two"]


def test_partitions_and_topics_that_come_twice_in_a_request(raw: Raw, broker: Broker) -> None:
    with Witness(broker):
        raw.create("twice", 2)
        data = [PartitionProduceData(index=i, records=GOOD) for i in (0, 0, 1, 0, 7, -1)]
        topics = [TopicProduceData(name="twice", partition_data=data) for _ in range(2)]
        request = ProduceRequest(acks=-1, timeout_ms=1000, topic_data=topics)
        answer = raw.ask(request, ProduceResponse, 9)
        told = [p for topic in answer.responses for p in topic.partition_responses]
        kept = len([p for p in told if p.index == 0 and not p.error_code])
        assert len(raw.values("twice")) == 2 * kept


def test_internal_topics_are_written_by_nobody_but_the_broker(raw: Raw, broker: Broker) -> None:
    """What a client puts there would be replayed as the state of groups."""
    find = FindCoordinatorRequest(key="group")
    while errors_of(raw.ask(find, FindCoordinatorResponse, 2)) != {0}:
        pass
    with Witness(broker):
        for name in ("__consumer_offsets", "__cluster_metadata"):
            assert raw.produce(name, GOOD).error_code in (
                E.INVALID_TOPIC_EXCEPTION,
                E.UNKNOWN_TOPIC_OR_PARTITION,
            )


# --- batches that are good on the outside -------------------------------------------------------


def look_up(raw: Raw, topic: str, timestamp: int) -> ListOffsetsResponse:
    partition = ListOffsetsPartition(partition_index=0, timestamp=timestamp)
    wanted = ListOffsetsTopic(name=topic, partitions=[partition])
    request = ListOffsetsRequest(replica_id=-1, topics=[wanted])
    return raw.ask(request, ListOffsetsResponse, 7)


def bomb(codec: int, size: int) -> bytes:
    """A small batch that says it is one record, and grows to so many zeros."""
    header = BatchHeader(0, 0, -1, 2, 0, codec, 0, NOW, NOW, -1, -1, -1, 1)
    return seal(header, compress(codec, bytes(size)))


def crumbs(codec: int, count: int) -> bytes:
    """A small batch of so many records, each as small as can be: cheap to send, dear to look at."""
    from moldau.protocol.records import _put_varint

    plain = bytearray()
    for i in range(count):
        delta = bytearray()
        _put_varint(delta, i)
        body = b"\0\0" + delta + b"\0\x01\0"
        plain += bytes([2 * len(body)]) + body
    header = BatchHeader(0, 0, -1, 2, 0, codec, count - 1, NOW, NOW, -1, -1, -1, count)
    return seal(header, compress(codec, plain))


CODECS = [Codec.GZIP, Codec.ZSTD, Codec.LZ4, Codec.SNAPPY]
INSIDES: dict[str, Any] = {
    "noise": lambda: resealed(GOOD, payload=b"\xff\x00\x81" * 30),
    "too few records": lambda: resealed(GOOD, count=1000, last_offset_delta=999),
    "too many records": lambda: resealed(GOOD, count=1, last_offset_delta=0),
    "no gzip": lambda: resealed(GOOD, attributes=1),
    "no snappy": lambda: resealed(GOOD, attributes=2),
    "no lz4": lambda: resealed(GOOD, attributes=3),
    "no zstd": lambda: resealed(GOOD, attributes=4),
    "an early record in a late batch": lambda: resealed(GOOD, max_timestamp=NOW + 1000),
    "a time beyond 64 bits": lambda: resealed(GOOD, base_timestamp=2**63 - 1),
    "a time beyond 64 bits in both": lambda: resealed(
        batch(b"a", timestamp=NOW), payload=b"\x1c\0\x02\x00\x02k\x02v\0", base_timestamp=2**63 - 1
    ),
    "gzip bomb": lambda: bomb(Codec.GZIP, 80 * MIB),
    "zstd bomb": lambda: bomb(Codec.ZSTD, 80 * MIB),
}


@pytest.mark.parametrize("name", INSIDES)
def test_what_is_wrong_inside_a_batch_harms_no_broker(name: str, raw: Raw, broker: Broker) -> None:
    """It is passed through by its header, so it is in the log when somebody looks at it."""
    topic = f"inside-{name}".replace(" ", "-")
    raw.create(topic)
    raw.produce(topic, batch(b"before", timestamp=NOW - 5000))
    records = INSIDES[name]()
    with Witness(broker, memory_mb=200):
        assert raw.produce(topic, records).error_code == 0
        raw.produce(topic, batch(b"after", timestamp=NOW + 5000))
        for timestamp in (NOW, NOW + 1, NOW + 2000, MAX_TIMESTAMP, -1, -2):
            look_up(raw, topic, timestamp)
        assert raw.fetch(topic).error_code == 0


@pytest.mark.parametrize("config", ["compression.type=gzip", "cleanup.policy=compact"])
@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_a_bomb_for_a_topic_that_opens_batches(
    codec: Codec, config: str, raw: Raw, broker: Broker
) -> None:
    name, _, value = config.partition("=")
    if codec == Codec.GZIP and value == "gzip":
        pytest.skip("a batch that has the topic's codec is not opened")
    topic = f"bomb-{codec.name}-{value}"
    raw.create_with(topic, {name: value, "max.message.bytes": str(64 * MIB)})
    records = bomb(codec, 80 * MIB)
    with Witness(broker, memory_mb=64 + 200 + 2 * len(records) / MIB):
        assert raw.produce(topic, records).error_code == E.MESSAGE_TOO_LARGE
        assert raw.values(topic) == []


@pytest.mark.parametrize("config", ["compression.type=gzip", "cleanup.policy=compact"])
def test_a_batch_of_very_many_records_is_no_stall(config: str, raw: Raw, broker: Broker) -> None:
    name, _, value = config.partition("=")
    topic = f"crumbs-{value}"
    raw.create_with(topic, {name: value})
    most = crumbs(Codec.ZSTD, MAX_OPENED_RECORDS)
    more = resealed(most, count=MAX_OPENED_RECORDS + 1, last_offset_delta=MAX_OPENED_RECORDS)
    with Witness(broker, memory_mb=200):
        assert raw.produce(topic, most).error_code == 0
        assert raw.produce(topic, more).error_code == E.MESSAGE_TOO_LARGE
        look_up(raw, topic, MAX_TIMESTAMP)


def test_others_are_served_between_requests_that_open_large_batches(
    raw: Raw, broker: Broker
) -> None:
    """Each costs a good part of a second; ten of them in a row are no reason to wait for all."""
    raw.create_with("dear", {"compression.type": "gzip"})
    most = frame(produce_request("dear", crumbs(Codec.ZSTD, 50_000), acks=1), 9)
    with Witness(broker, memory_mb=200):
        raw.socket.sendall(most * 10)
        for _ in range(10):
            raw.receive()


def test_a_lookup_by_time_in_a_batch_of_millions_does_not_open_it(raw: Raw, broker: Broker) -> None:
    raw.create("millions")
    records = resealed(GOOD, count=5_000_000, last_offset_delta=4_999_999)
    with Witness(broker):
        assert raw.produce("millions", records).error_code == 0
        for timestamp in (NOW, MAX_TIMESTAMP):
            answer = look_up(raw, "millions", timestamp).topics[0].partitions[0]
            assert (answer.error_code, answer.offset) == (0, 0)
