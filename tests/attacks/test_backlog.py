"""A reader of a large backlog: the broker's memory stays small, and others are served meanwhile."""

from __future__ import annotations

import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from moldau import Broker
from moldau.protocol.messages.fetch import FetchResponse
from moldau.protocol.records import Record, build, parse_header
from tests.attacks.raw import NOW, Raw, batch, fetch_request
from tests.attacks.witness import Witness

SIZE = 1 << 30
BATCH = build([Record(0, NOW, None, bytes(1_000_000))])
RETENTION = {"retention.ms": "-1"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    data = tmp_path_factory.mktemp("backlog") / "data"
    with Broker(data=data, config={"log.segment.bytes": 1 << 28}) as running:
        yield running


@pytest.fixture(scope="module")
def backlog(broker: Broker) -> str:
    with Raw(broker.bootstrap_servers) as writer:
        writer.create_with("backlog", RETENTION)
        for _ in range(SIZE // len(BATCH)):
            assert writer.produce("backlog", BATCH, acks=1).error_code == 0
    return "backlog"


def read_all(client: Raw, topic: str) -> int:
    """Reads from the first record to the last, 50 MB at a time; how many there were."""
    offset = 0
    while True:
        data = client.fetch(topic, offset, max_bytes=50 << 20)
        assert data.error_code == 0
        records = memoryview(data.records)
        position = 0
        while len(records) - position >= len(BATCH):
            header = parse_header(records, position)
            assert header.base_offset == offset
            position += header.size
            offset += 1
        if offset == data.high_watermark:
            return offset


@pytest.mark.slow
def test_a_reader_of_a_large_backlog(broker: Broker, backlog: str) -> None:
    with Witness(broker, memory_mb=40) as witness, Raw(broker.bootstrap_servers) as reader:
        assert read_all(reader, backlog) == SIZE // len(BATCH)
    assert witness.pings > 10, "nobody else was served while it read"


@pytest.mark.slow
def test_many_readers_of_a_backlog_that_read_slowly(broker: Broker, backlog: str) -> None:
    """Each has 50 MB of answer under way and takes it in small pieces."""
    with Witness(broker, memory_mb=60):
        readers = [Raw(broker.bootstrap_servers, receive_buffer=1 << 14) for _ in range(50)]
        for i, reader in enumerate(readers):
            reader.send(fetch_request(backlog, 10 * i, max_bytes=50 << 20), 12)
        for _ in range(20):
            for reader in readers:
                if select.select([reader.socket], [], [], 0)[0]:
                    reader.socket.recv(1 << 14)
        with Raw(broker.bootstrap_servers) as writer:
            writer.create("meanwhile")
            assert writer.produce("meanwhile", batch(b"v")).error_code == 0
            answer = writer.ask(fetch_request("meanwhile", 0), FetchResponse, 12)
            assert answer.responses[0].partitions[0].error_code == 0
        for reader in readers:
            reader.socket.close()


def test_a_topic_that_is_deleted_while_it_is_read_is_read_to_the_end(
    broker: Broker, raw: Raw
) -> None:
    """A region under way keeps its file, whatever becomes of the name."""
    raw.create_with("going", {"segment.bytes": str(1 << 20)})
    for _ in range(20):
        raw.produce("going", batch(bytes(900_000), timestamp=NOW), acks=1)
    with Raw(broker.bootstrap_servers, receive_buffer=1 << 14) as reader:
        expected = reader.send(fetch_request("going", 0, max_bytes=10 << 20), 12)
        select.select([reader.socket], [], [])
        raw.delete("going")
        assert not Path(broker.data_dir, "going-0").exists()
        answer = reader.answer(FetchResponse, 12, expected)
        assert len(answer.responses[0].partitions[0].records) > 900_000
