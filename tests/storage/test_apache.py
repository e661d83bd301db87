"""Apache Kafka's own dump tool reads what we write, and we read what Apache Kafka writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from moldau.protocol.records import Record, build
from moldau.server.disk import OsDisk
from moldau.storage.config import LogConfig
from moldau.storage.log import Appended, Log
from tests.apache_kafka import ApacheKafka, run_tool
from tests.storage.logs import NOW, contents, open_log

pytestmark = [
    pytest.mark.apache,
]
CONFIG = LogConfig(segment_bytes=12_000, index_interval_bytes=500)


def fill(log: Log) -> None:
    """Batches of all codecs, with and without producers, keys, values and headers."""
    sequence = 0
    for number in range(200):
        records = [
            Record(
                0,
                NOW + 100 * number + i,
                None if i % 3 == 0 else b"key-%d" % i,
                None if i % 4 == 1 else b"value-%d" % number * 20,
                (("name", b"text"), ("none", None)) if i % 5 == 2 else (),
            )
            for i in range(1 + number % 7)
        ]
        producer = (11, 3, sequence) if number % 2 else (-1, -1, -1)
        data = build(
            records,
            codec=number % 5,
            producer_id=producer[0],
            producer_epoch=producer[1],
            base_sequence=producer[2],
        )
        result = log.append_as_leader(data, number // 50, NOW + 100 * number)
        assert isinstance(result, Appended), result
        sequence += len(records) if number % 2 else 0


@pytest.fixture(scope="module", params=["stopped", "recovered"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a log after a clean stop; also with every index made again."""
    directory = tmp_path_factory.mktemp("log") / "t-0"
    log = open_log(OsDisk(), CONFIG, directory=str(directory))
    fill(log)
    log.close()
    if request.param == "recovered":
        for path in directory.glob("*index"):
            path.unlink()
        open_log(OsDisk(), CONFIG, directory=str(directory)).close()
    assert len(list(directory.glob("*.log"))) > 3
    return directory


def dump(directory: Path, pattern: str, *options: str) -> str:
    files = ",".join(str(path) for path in sorted(directory.glob(pattern)))
    done = run_tool("kafka-dump-log", *options, "--files", files)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_the_dump_tool_finds_every_record(written: Path) -> None:
    text = dump(written, "*.log", "--deep-iteration", "--print-data-log")
    log = open_log(OsDisk(), CONFIG, directory=str(written), clean=True)
    assert text.count("isvalid: true") == 200
    assert "isvalid: false" not in text
    assert text.count("| offset: ") == log.log_end_offset
    assert "Found" not in text


def test_the_dump_tool_finds_the_indexes_sound(written: Path) -> None:
    text = dump(written, "*index", "--index-sanity-check")
    assert text.count("passed sanity check") == len(list(written.glob("*index")))
    for options in (("--verify-index-only",), ("--deep-iteration",)):
        text = dump(written, "*index", *options)
        assert "mismatches" not in text.lower(), text
        assert "Found" not in text, text
        assert "out of order" not in text.lower(), text


def test_the_dump_tool_reads_the_producers(written: Path) -> None:
    last = max(written.glob("*.snapshot"))
    text = run_tool("kafka-dump-log", "--files", str(last)).stdout
    producer = open_log(OsDisk(), CONFIG, directory=str(written), clean=True).active_producers()[0]
    assert "producerId: 11 producerEpoch: 3" in text
    assert f"lastSequence: {producer.last_sequence}" in text


@pytest.mark.slow
@pytest.mark.parametrize("clean", [True, False])
def test_a_folder_goes_from_apache_kafka_to_us_and_back(tmp_path: Path, clean: bool) -> None:
    """Apache writes, stops or is killed; we read and append; Apache starts and reads it all."""
    directory = tmp_path / "data-1" / "t-0"
    with ApacheKafka(folder=tmp_path, config={"log.segment.bytes": 1_048_576}) as kafka:
        servers = ("--bootstrap-server", kafka.bootstrap_servers)
        run_tool("kafka-topics", *servers, "--create", "--topic", "t", "--partitions", "1")
        for number, codec in enumerate(("none", "gzip", "snappy", "lz4", "zstd")):
            produce(kafka, codec, number * 8000, (number + 1) * 8000)
        if not clean:
            for process in kafka.processes:
                process.kill()
                process.wait()
    expected = [b"line-%d" % number for number in range(40_000)]
    lines: list[str] = []
    log = open_log(OsDisk(), directory=str(directory), clean=clean, report=lines.append)
    assert list(contents(log).values()) == expected
    assert len({one.producer_id for one in log.active_producers()}) == 5
    assert all("index" in line for line in lines), lines
    fill(log)
    ours = list(contents(log).values())
    log.close()
    with ApacheKafka(folder=tmp_path) as kafka:
        read = run_tool(
            "kafka-console-consumer",
            *("--bootstrap-server", kafka.bootstrap_servers, "--topic", "t", "--from-beginning"),
            *("--max-messages", str(len(ours))),
        )
        offsets = run_tool(
            "kafka-get-offsets", "--bootstrap-server", kafka.bootstrap_servers, "--topic", "t"
        )
    assert read.stdout.encode().splitlines() == [value or b"null" for value in ours]
    assert offsets.stdout.strip() == f"t:0:{len(ours)}"
    broker_log = kafka.logs[0].read_text()
    assert "rebuilding index" not in broker_log
    assert "CorruptRecordException" not in broker_log


def produce(kafka: ApacheKafka, codec: str, first: int, end: int) -> None:
    text = "".join(f"line-{number}\n" for number in range(first, end))
    done = run_tool(
        "kafka-console-producer",
        *("--bootstrap-server", kafka.bootstrap_servers, "--topic", "t"),
        *("--compression-codec", codec),
        stdin=text,
    )
    assert done.returncode == 0, done.stderr
