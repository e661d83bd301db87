"""A reader of a large backlog: the broker's memory stays small, and others are served meanwhile."""

from __future__ import annotations

import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from moldau import Broker
from moldau.protocol.codec import decode
from moldau.protocol.messages.fetch import FetchResponse
from moldau.protocol.records import Record, build, parse_header
from tests.attacks.raw import NOW, Raw, batch, fetch_request
from tests.attacks.witness import Witness

SIZE = 10 << 30
SEGMENT = 1 << 30
BATCH = build([Record(0, NOW, None, bytes(1_000_000))])
PER_SEGMENT = SEGMENT // len(BATCH)
COUNT = SIZE // SEGMENT * PER_SEGMENT
HEAD = 100  # behind it a batch is zeros, which a sparse file holds without taking room
RETENTION = {"retention.ms": "-1"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """With a topic of ten gigabytes."""
    data = tmp_path_factory.mktemp("backlog") / "data"
    with Broker(data=data) as running:
        with Raw(running.bootstrap_servers) as writer:
            writer.create_with("backlog", RETENTION)
            assert writer.produce("backlog", BATCH).error_code == 0
        running.stop()
        fill(data / "backlog-0")
        running.start()
        yield running


def fill(directory: Path, count: int = COUNT) -> None:
    """With so many batches. Its segments are holes between the heads of the batches."""
    assert not any(BATCH[HEAD:]), "there would be other bytes in the file than in the batch"
    for path in directory.glob("0*"):
        path.unlink()
    for first in range(0, count, PER_SEGMENT):
        with open(directory / f"{first:020d}.log", "wb") as file:
            for i in range(PER_SEGMENT):
                file.seek(i * len(BATCH))
                file.write((first + i).to_bytes(8, "big") + BATCH[8:12] + bytes(4) + BATCH[16:HEAD])
            file.truncate(PER_SEGMENT * len(BATCH))


def read_all(client: Raw, topic: str) -> int:
    """Reads from the first record to the last, 50 MB at a time; how many there were."""
    offset = 0
    frame = memoryview(bytearray(51 << 20))
    while True:
        client.send(fetch_request(topic, offset, max_bytes=50 << 20), 12)
        size = int.from_bytes(client.receive_into(frame[:4]), "big")
        response = decode(FetchResponse, 12, client.receive_into(frame[:size]), 5)
        data = response.responses[0].partitions[0]
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


@pytest.mark.long
def test_a_reader_of_a_large_backlog(broker: Broker) -> None:
    with Witness(broker, memory_mb=40) as witness, Raw(broker.bootstrap_servers) as reader:
        assert read_all(reader, "backlog") == COUNT
    assert witness.pings > 10, "nobody else was served while it read"


@pytest.mark.slow
def test_many_readers_of_a_backlog_that_read_slowly(broker: Broker) -> None:
    """Each has 50 MB of answer under way and takes it in small pieces."""
    with Witness(broker, memory_mb=60):
        readers = [Raw(broker.bootstrap_servers, receive_buffer=1 << 14) for _ in range(50)]
        for i, reader in enumerate(readers):
            reader.send(fetch_request("backlog", 10 * i, max_bytes=50 << 20), 12)
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


@pytest.mark.slow
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
