"""Many partitions, and much log."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from confluent_kafka import Producer
from tests.attacks import test_backlog as sparse
from tests.attacks.raw import Raw, create_request

from bench.brokers import Running, start_again
from bench.limits.measured import Figure, Result, Scenario, running
from bench.process import cpu_seconds
from moldau.protocol.messages.create_topics import CreateTopicsResponse
from moldau.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicsResponse
from moldau.protocol.messages.metadata import MetadataRequest
from moldau.protocol.records import parse_header

TOPICS = 10
PARTITIONS = 1000  # of each
METADATA_VERSION = 12
GIGABYTES = 50
WRITTEN = 100  # records, before it is killed
TIMEOUT_S = 300.0


def partitions(folder: Path) -> Result:
    result = Result()
    with running(folder, {}) as broker:
        result.memory("with no topic", broker)
        names = [f"many-{number}" for number in range(TOPICS)]
        with result.timed(f"create {TOPICS} topics of {PARTITIONS:,}, one request each", broker):
            _create(broker, names)
        result.memory(f"with {TOPICS * PARTITIONS:,} partitions", broker)
        _metadata(result, broker)
        with result.timed("a record into each, acks=all", broker):
            _fill(broker, names)
        result.memory("after that", broker)
        _killed(broker)
        broker = _again(result, broker, "start after kill -9")
        result.memory("after that start", broker)
        _metadata(result, broker)
        begin = time.perf_counter()
        broker.stop()
        result.add("clean stop", time.perf_counter() - begin, "s")
        broker = _again(result, broker, "start after a clean stop")
        with result.timed("delete all", broker), Raw(broker.address, TIMEOUT_S) as raw:
            request = DeleteTopicsRequest(topic_names=names, timeout_ms=60_000)
            answer = raw.ask(request, DeleteTopicsResponse, 3)
            assert not any(topic.error_code for topic in answer.responses), answer
        result.memory("after that deletion", broker)
        broker.stop()
    return result


def _create(broker: Running, names: list[str]) -> None:
    with Raw(broker.address, TIMEOUT_S) as raw:
        for name in names:
            answer = raw.ask(create_request(name, PARTITIONS), CreateTopicsResponse, 5)
            assert answer.topics[0].error_code == 0, answer


def _metadata(result: Result, broker: Running) -> None:
    with Raw(broker.address, TIMEOUT_S) as raw:
        for turn in ("first", "second"):
            with result.timed(f"Metadata of all, the {turn} time", broker):
                raw.send(MetadataRequest(topics=None), METADATA_VERSION)
                data = raw.receive()
    result.add("size of that answer", len(data) / 1e3, "kB")


def _fill(broker: Running, names: list[str]) -> None:
    producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 50, "acks": "all"})
    for name in names:
        for partition in range(PARTITIONS):
            producer.produce(name, b"value", partition=partition)
        producer.poll(0)
    left = producer.flush(TIMEOUT_S)
    assert not left, f"{left} records were not acknowledged"


def _killed(broker: Running) -> None:
    broker.process.send_signal(signal.SIGKILL)
    broker.process.wait()


def _again(result: Result, broker: Running, what: str) -> Running:
    again = start_again(broker, TIMEOUT_S)
    figure = Figure(what, again.seconds_to_answer, "s", cpu_seconds(again.pid))
    result.figures.append(figure)
    return again


def log(folder: Path) -> Result:
    """Batches are a head and zeros, which a sparse file holds without taking room."""
    result = Result()
    data = folder / "data"
    with running(folder, {}) as broker:
        _one_topic(broker)
        broker.stop()
        count = GIGABYTES * 10**9 // sparse.SEGMENT * sparse.PER_SEGMENT
        sparse.fill(data / "backlog-0", count)
        broker = _again(result, broker, "first start, after a clean stop, every index missing")
        try:
            broker.stop()
            broker = _again(result, broker, "start after a clean stop")
            count += _write(broker)
            _killed(broker)
            broker = _again(result, broker, f"start after kill -9, {WRITTEN} MB unchecked")
            _check(result, broker, count)
            result.memory("after that start", broker)
            _killed(broker)
            (data / "recovery-point-offset-checkpoint").unlink()
            broker = _again(result, broker, "start after kill -9, its checkpoint lost: reads all")
            _check(result, broker, count)
            result.memory("after that start", broker)
        finally:
            broker.stop()
    size = sum(path.stat().st_size for path in (data / "backlog-0").glob("*.log"))
    result.add("size of the log", size / 1e9, "GB")
    return result


def _one_topic(broker: Running) -> None:
    with Raw(broker.address) as raw:
        raw.create_with("backlog", sparse.RETENTION)
        assert raw.produce("backlog", sparse.BATCH).error_code == 0


def _write(broker: Running) -> int:
    """How many records."""
    with Raw(broker.address) as raw:
        for _ in range(WRITTEN):
            assert raw.produce("backlog", sparse.BATCH).error_code == 0
    return WRITTEN


def _check(result: Result, broker: Running, count: int) -> None:
    """All is there, and both ends can be read."""
    with result.timed("read a record at either end", broker), Raw(broker.address) as raw:
        for offset in (0, count - 1):
            data = raw.fetch("backlog", offset, max_bytes=1)
            assert data.high_watermark == count, f"{data.high_watermark} records of {count}"
            assert parse_header(bytes(data.records)).base_offset == offset


SCENARIOS = (
    Scenario(
        "partitions",
        f"{TOPICS * PARTITIONS:,} partitions",
        f"{TOPICS} topics of {PARTITIONS:,} partitions. One record goes into each, so that each "
        "has a segment with content on disk. Starts are from exec to the first answer.",
        partitions,
    ),
    Scenario(
        "log",
        f"{GIGABYTES} GB of log",
        "One partition in segments of 1 GiB, in batches of 1 MB. Their content is holes of sparse "
        "files, so reading all is as fast as memory and no disk is measured.",
        log,
    ),
)
