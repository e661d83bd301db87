"""Runs the example programs as people run them: in processes of their own, by their output."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.apache_kafka import settle

EXAMPLES = Path(__file__).parents[2] / "examples"
SECONDS = 60


def command(program: str, bootstrap_servers: str, *arguments: str) -> list[str]:
    start = [sys.executable, str(EXAMPLES / program), "--bootstrap-server", bootstrap_servers]
    return [*start, *arguments]


def run(program: str, bootstrap_servers: str, *arguments: str, exit_code: int = 0) -> list[str]:
    """Run a program to its end; its lines."""
    finished = subprocess.run(
        command(program, bootstrap_servers, *arguments),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert finished.returncode == exit_code, finished.stdout + finished.stderr
    return finished.stdout.splitlines()


# Told of every new line of every running program.
_OUTPUT = threading.Condition()


def wait_until(wanted: Callable[[], bool]) -> None:
    """Until the output of the running programs is as wanted."""
    with _OUTPUT:
        assert _OUTPUT.wait_for(wanted, SECONDS), "did not happen within a minute"


class Running:
    """A program that goes on until it is interrupted; used as a context."""

    def __init__(self, program: str, bootstrap_servers: str, *arguments: str) -> None:
        self.lines: list[str] = []
        self._ended = False
        self._process = subprocess.Popen(
            command(program, bootstrap_servers, *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Running":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                with _OUTPUT:
                    self.lines.append(line.rstrip("\n"))
                    _OUTPUT.notify_all()
        with _OUTPUT:
            self._ended = True
            _OUTPUT.notify_all()

    def wait_for(self, wanted: Callable[[list[str]], bool]) -> list[str]:
        """Its lines so far, as soon as they are as wanted."""
        wait_until(lambda: wanted(self.lines) or self._ended)
        assert wanted(self.lines), "ended early:\n" + "\n".join(self.lines)
        return list(self.lines)

    def interrupt(self) -> list[str]:
        """Ctrl-C; all its lines, after it has ended by itself, and well."""
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(SECONDS) == 0, "\n".join(self.lines)
        self._reader.join()
        return list(self.lines)


def create_topic(bootstrap_servers: str, partitions: int = 6) -> str:
    """A new topic; its name."""
    name = f"orders-{uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    for future in admin.create_topics([NewTopic(name, partitions)]).values():
        future.result(SECONDS)
    if "," in bootstrap_servers:  # several of Apache Kafka, which do not all know of it at once
        settle(bootstrap_servers)
    return name


def append(bootstrap_servers: str, topic: str, partition: int, *values: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    for value in values:
        producer.produce(topic, value, partition=partition)
    assert producer.flush(SECONDS) == 0


def read(bootstrap_servers: str, topic: str, count: int) -> list[Message]:
    """Exactly `count` records, all that a topic holds."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "unused"})
    partitions = consumer.list_topics(topic, timeout=SECONDS).topics[topic].partitions
    ends = {
        p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=SECONDS)[1]
        for p in partitions
    }
    assert sum(ends.values()) == count
    consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
    records: list[Message] = []
    deadline = time.monotonic() + SECONDS
    while len(records) < count and time.monotonic() < deadline:
        records += consumer.consume(count - len(records), 0.5)
    consumer.close()
    assert all(record.error() is None for record in records)
    return records


def committed(
    bootstrap_servers: str, topic: str, group: str, partitions: int = 6
) -> dict[int, int]:
    """Partition -> the offset that a group has committed; without those that it has not."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": group})
    at = consumer.committed([TopicPartition(topic, p) for p in range(partitions)], timeout=SECONDS)
    consumer.close()
    return {p.partition: p.offset for p in at if p.offset >= 0}
