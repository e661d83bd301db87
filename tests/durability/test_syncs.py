"""What waits for the disk, and what does not: proved with a disk that holds every sync back until
the test lets it go, so no clock decides."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Producer

from moldau.protocol.messages.delete_topics import DeleteTopicsRequest
from tests.attacks.raw import Raw, batch, create_request, errors_of, frame, produce_request
from tests.attacks.test_frames import send_what_is_taken
from tests.attacks.witness import memory_mb
from tests.durability.faults import Disk
from tests.durability.process import Up
from tests.durability.promises import DURABLE, Question, prepare, produce

pytestmark = pytest.mark.slow  # each starts a broker, or several

DELAY_MS = 300


@contextmanager
def broker(disk: Disk, folder: Path, *options: str) -> Iterator[Up]:
    with Up(folder / "data", environment=disk.environment, options=options) as up:
        yield up.serves()
        disk.order("")


def has_answer(connection: Raw) -> bool:
    return bool(select.select([connection.socket], [], [], 0)[0])


def test_a_held_sync_holds_what_must_be_durable_and_nothing_else(
    disk: Disk, tmp_path: Path
) -> None:
    with broker(disk, tmp_path) as up:
        prepare(up.address)
        disk.order("hold")
        waiting: dict[str, Raw] = {}
        questions: dict[str, tuple[Question, int]] = {}
        before = disk.syncs
        for name, make in DURABLE.items():
            waiting[name] = Raw(up.address)
            question = make()
            questions[name] = (question, waiting[name].send(question.request, question.version))
        with Raw(up.address) as hasty:
            for i in range(20):
                hurried = hasty.produce("old", batch(b"%d" % i), acks=1)
                assert hurried.error_code == 0
            assert len(hasty.values("old")) >= 21, "reading waits for no disk"
            hasty.ping()
        assert disk.syncs > before, "nothing was held: the test would prove nothing"
        assert [name for name, one in waiting.items() if has_answer(one)] == []
        disk.order("")
        for name, one in waiting.items():
            question, expected = questions[name]
            answer = one.answer(question.answer, question.version, expected)
            assert errors_of(answer) == {0}, name
            one.socket.close()


@pytest.mark.parametrize("name", DURABLE)
def test_a_slow_sync_delays_the_answer_by_as_much(name: str, disk: Disk, tmp_path: Path) -> None:
    with broker(disk, tmp_path) as up, Raw(up.address) as client:
        prepare(up.address)
        disk.order(f"delay {DELAY_MS}")
        started = time.monotonic()
        question = DURABLE[name]()
        answer = client.ask(question.request, question.answer, question.version)
        assert time.monotonic() - started >= DELAY_MS / 1000
        assert errors_of(answer) == {0}


def test_a_topic_made_by_asking_for_its_metadata_is_no_promise_without_a_sync(
    disk: Disk, tmp_path: Path
) -> None:
    """The first record of a topic that is not yet on disk waits for the topic as well."""
    with broker(disk, tmp_path) as up, Raw(up.address) as creator, Raw(up.address) as writer:
        disk.order("hold")
        creator.send(create_request("fresh"), 5)
        answer = writer.produce("fresh", batch(b"1"), acks=1)
        while answer.error_code:  # until the creation was begun
            answer = writer.produce("fresh", batch(b"1"), acks=1)
        writer.send(produce("fresh", -1), 9)
        with Raw(up.address) as other:
            other.ping()
            assert not has_answer(writer)
        disk.order("")
        writer.receive()


def test_a_topic_may_be_deleted_while_it_is_synced(disk: Disk, tmp_path: Path) -> None:
    """Who waits for it is answered when the deletion is on disk; and that its directory has gone
    is no failure of the disk."""
    with broker(disk, tmp_path) as up, Raw(up.address) as writer, Raw(up.address) as admin:
        prepare(up.address)
        disk.order("hold")
        admin.send(create_request("brief"), 5)
        directory = tmp_path / "data" / "brief-0"
        while not directory.exists():
            pass
        before = disk.syncs
        writer.send(produce("brief", -1), 9)
        while disk.syncs < before + 1:
            pass
        with Raw(up.address) as remover:
            remover.send(DeleteTopicsRequest(topic_names=["brief"], timeout_ms=9000), 3)
            while directory.exists():
                pass
            assert not has_answer(writer)
            disk.order("")
            assert writer.receive_id() == 1
            assert admin.receive_id() == 1
            assert remover.receive_id() == 1
        admin.ping()
        assert up.stop()[0] == 0


def test_many_wait_for_one_sync(disk: Disk, tmp_path: Path) -> None:
    """Group commit: what gathers while a sync is under way shares the next."""
    with broker(disk, tmp_path) as up, Raw(up.address) as client:
        prepare(up.address)
        disk.order("hold")
        before = disk.syncs
        for _ in range(200):
            client.send(produce("old", -1), 9)
        with Raw(up.address) as other:
            while len(other.values("old")) < 201:  # all are written
                pass
        disk.order("")
        for i in range(1, 201):
            assert client.receive_id() == i
        assert disk.syncs - before <= 10


def test_what_waits_for_a_slow_disk_does_not_fill_the_memory(disk: Disk, tmp_path: Path) -> None:
    """The records are in the log; and after so many Produces a connection is not read on."""
    request = frame(produce_request("old", batch(bytes(100_000))), 9)
    with broker(disk, tmp_path) as up, Raw(up.address) as client:
        prepare(up.address)
        disk.order("hold")
        before = memory_mb(up.pid)
        taken = send_what_is_taken(client, request * 1500)
        assert taken < 1500 * len(request)
        assert memory_mb(up.pid) - before < 60
        disk.order("")
        for _ in range(min(1000, taken // len(request))):
            client.receive()


def test_checkpoints_are_written_without_waiting_for_the_disk(disk: Disk, tmp_path: Path) -> None:
    """They only shorten recovery, so nobody needs to wait for them."""
    often = "log.flush.offset.checkpoint.interval.ms=20"
    recovery = tmp_path / "data" / "recovery-point-offset-checkpoint"
    with broker(disk, tmp_path, "-o", often) as up, Raw(up.address) as client:
        prepare(up.address)
        disk.order("hold")
        seen: set[int] = set()
        while len(seen) < 5:
            assert client.produce("old", batch(b"v"), acks=1).error_code == 0
            if recovery.exists():
                seen.add(recovery.stat().st_ino)


def test_moldau_sync_never_asks_for_no_sync(disk: Disk, tmp_path: Path) -> None:
    with broker(disk, tmp_path, "-o", "moldau.sync=never") as up, Raw(up.address) as client:
        prepare(up.address)
        disk.order("hold")
        assert client.produce("old", batch(b"v")).error_code == 0
        client.create("unsynced")


def test_moldau_sync_always_makes_acks_1_wait_too(disk: Disk, tmp_path: Path) -> None:
    with broker(disk, tmp_path, "-o", "moldau.sync=always") as up, Raw(up.address) as client:
        prepare(up.address)
        disk.order("hold")
        client.send(produce("old", 1), 9)
        with Raw(up.address) as other:
            while len(other.values("old")) < 2:
                pass
            assert not has_answer(client)
        disk.order("")
        client.receive()


def test_a_duplicate_waits_for_the_sync_of_the_original(disk: Disk, tmp_path: Path) -> None:
    once = batch(b"v", producer_id=7, producer_epoch=0, base_sequence=0)
    with broker(disk, tmp_path) as up, Raw(up.address) as first, Raw(up.address) as second:
        prepare(up.address)
        disk.order("hold")
        first.send(produce_request("old", once), 9)
        with Raw(up.address) as other:
            while len(other.values("old")) < 2:
                pass
            second.send(produce_request("old", once), 9)
            other.ping()
            other.ping()
            assert not has_answer(second)
        disk.order("")
        second.receive()
        first.receive()


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_a_clean_stop_answers_what_was_written_before_it(disk: Disk, tmp_path: Path) -> None:
    """Who is not told sends it again: twice in the log, without idempotence."""
    with broker(disk, tmp_path) as up, Raw(up.address) as client:
        prepare(up.address)
        disk.order("hold")
        for i in range(5):
            client.send(produce_request("old", batch(b"%d" % i)), 9)
        with Raw(up.address) as other:
            while len(other.values("old")) < 6:
                pass
        up.process.terminate()
        while listens(up.port):
            time.sleep(0.01)
        assert not has_answer(client)
        disk.order("")
        for i in range(1, 6):
            assert client.receive_id() == i
        assert client.is_closed_by_peer()
        assert up.ended() == (0, "")


def test_a_producer_goes_on_after_a_clean_stop_that_it_was_not_told_of(
    disk: Disk, tmp_path: Path
) -> None:
    """Five batches are under way; the broker has them, and the producer does not know. When one
    that is sent again is taken for a gap, librdkafka fails for good."""
    with broker(disk, tmp_path) as up:
        with Raw(up.address) as client:
            client.create("t")
        port = up.port
        errors: list[KafkaError] = []
        producer = Producer(
            {
                "bootstrap.servers": up.address,
                "enable.idempotence": True,
                "linger.ms": 0,
                "reconnect.backoff.max.ms": 50,
                "reconnect.backoff.ms": 10,
                "retry.backoff.ms": 10,
                "log_level": 0,
                "error_cb": lambda error: errors.append(error) if error.fatal() else None,
            }
        )
        producer.produce("t", b"first")
        assert producer.flush(30) == 0
        disk.order("hold")
        for i in range(5):
            producer.produce("t", b"%d" % i)
            with Raw(up.address) as other:
                while len(other.values("t")) < i + 2:
                    producer.poll(0.01)
        up.kill()
    stopped_cleanly(tmp_path / "data", disk)
    with Up(tmp_path / "data", port=port) as up, Raw(up.serves().address) as client:
        assert producer.flush(30) == 0
        assert errors == []
        assert client.values("t") == [b"first", *(b"%d" % i for i in range(5))]


def stopped_cleanly(data: Path, disk: Disk) -> None:
    """Starts and stops a broker elsewhere, so that its snapshots are those of a clean stop."""
    disk.order("")
    with Up(data) as up:
        assert up.serves().stop()[0] == 0
