"""A disk that refuses to sync, tears a write, or is full."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.create_topics import CreateTopicsResponse
from tests.attacks.raw import Raw, batch, create_request, errors_of, produce_request
from tests.durability.faults import Disk
from tests.durability.process import Up
from tests.durability.promises import DURABLE, prepare
from tests.durability.test_syncs import listens

pytestmark = pytest.mark.slow  # each starts a broker, or several

CLEAN = ".kafka_cleanshutdown"


def closed_without_answer(client: Raw) -> bool:
    try:
        client.receive()
    except ConnectionResetError:
        return True
    return False


# --- syncs that fail ----------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["fail", "fail-once"])
def test_a_failed_sync_acknowledges_nothing_and_stops_the_broker(
    order: str, disk: Disk, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with Up(data, environment=disk.environment) as up, Raw(up.serves().address) as client:
        client.create("t")
        for i in range(10):
            assert client.produce("t", batch(b"%d" % i)).error_code == 0
        disk.order(order)
        client.send(produce_request("t", batch(b"never acknowledged")), 9)
        assert closed_without_answer(client)
        code, said = up.ended()
    assert code == 1
    assert "Traceback" not in said
    assert re.search(r"The disk refused to keep t-0: .*Nothing of what waited for it", said), said
    assert not (data / CLEAN).exists(), "a second sync that succeeds proves nothing"
    disk.order("")
    with Up(data, environment=disk.environment) as up, Raw(up.serves().address) as client:
        values = client.values("t")
        assert values[:10] == [b"%d" % i for i in range(10)]
        assert client.produce("t", batch(b"goes on")).base_offset == len(values)


def test_a_sync_that_fails_during_the_stop_makes_it_no_clean_one(
    disk: Disk, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with Up(data, environment=disk.environment) as up, Raw(up.serves().address) as client:
        client.create("t")
        disk.order("hold")
        before = disk.syncs
        client.send(produce_request("t", batch(b"never acknowledged")), 9)
        while disk.syncs == before:
            pass
        up.process.terminate()
        while listens(up.port):
            pass
        disk.order("fail")
        assert closed_without_answer(client)
        code, said = up.ended()
    assert code == 1
    assert "The disk refused to keep t-0" in said
    assert "Traceback" not in said
    assert not (data / CLEAN).exists()


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=() if one == "acks=all" else pytest.mark.slow) for one in DURABLE],
)
def test_no_promise_is_given_when_the_sync_fails(name: str, disk: Disk, tmp_path: Path) -> None:
    with Up(tmp_path / "data", environment=disk.environment) as up:
        prepare(up.serves().address)
        with Raw(up.address) as client:
            disk.order("fail")
            question = DURABLE[name]()
            client.send(question.request, question.version)
            assert closed_without_answer(client)
        code, said = up.ended()
    assert code == 1
    assert "Traceback" not in said


def test_a_disk_that_fails_at_the_start_is_one_sentence(disk: Disk, tmp_path: Path) -> None:
    disk.order("fail")
    with Up(tmp_path / "data", environment=disk.environment) as up:
        code, said = up.ended()
    assert code == 1
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1, said


# --- writes that are torn -----------------------------------------------------------------------


def test_a_torn_write_is_cut_and_everything_before_it_is_there(disk: Disk, tmp_path: Path) -> None:
    data = tmp_path / "data"
    segment = data / "t-0" / f"{0:020d}.log"
    with Up(data, environment=disk.environment) as up, Raw(up.serves().address) as client:
        client.create("t")
        for i in range(50):
            assert client.produce("t", batch(b"%d" % i)).error_code == 0
        sound = segment.stat().st_size
        disk.order("tear")
        client.send(produce_request("t", batch(b"torn" * 100)), 9)
        assert closed_without_answer(client)
        assert up.ended()[0] == -9
    torn = segment.stat().st_size - sound
    assert torn > 0, "nothing was torn: the test would prove nothing"
    disk.order("")
    with Up(data, environment=disk.environment) as up, Raw(up.serves().address) as client:
        assert client.values("t") == [b"%d" % i for i in range(50)]
        assert segment.stat().st_size == sound
        assert client.produce("t", batch(b"next")).base_offset == 50
        code, said = up.stop()
    assert code == 0
    assert re.search(rf"t-0/0+\.log: cut at byte {sound}, {torn} bytes", said), said


def test_a_torn_write_to_the_metadata_log_loses_no_other_topic(disk: Disk, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Up(data, environment=disk.environment) as up, Raw(up.serves().address) as client:
        client.create("kept", 3)
        disk.order("tear")
        client.send(create_request("torn"), 5)
        assert closed_without_answer(client)
        up.ended()
    disk.order("")
    with Up(data, environment=disk.environment) as up, Raw(up.serves().address) as client:
        assert client.produce("kept", batch(b"v"), partition=2).error_code == 0
        client.create("torn")


# --- no room ------------------------------------------------------------------------------------


def test_a_full_disk_refuses_writes_and_serves_reads(disk: Disk, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Up(data, environment=disk.environment) as up, Raw(up.serves().address) as client:
        prepare(up.address)
        client.create("t")
        client.produce("t", batch(b"before"))
        disk.order("full")
        for acks in (1, -1, 1):
            assert client.produce("t", batch(b"no"), acks=acks).error_code == STORAGE
        for name, make in DURABLE.items():
            question = make()
            answer = client.ask(question.request, question.answer, question.version)
            assert 0 not in errors_of(answer) or name in NEEDS_NO_ROOM, (name, answer)
        assert client.values("t") == [b"before"]
        disk.order("")
        assert client.produce("t", batch(b"after")).base_offset == 1
        client.create("new")
        assert client.values("t") == [b"before", b"after"]
        code, said = up.stop()
    assert code == 0, said
    assert "Traceback" not in said
    with Up(data, environment=disk.environment) as up, Raw(up.serves().address) as client:
        assert client.values("t") == [b"before", b"after"]


STORAGE = ErrorCode.KAFKA_STORAGE_ERROR
# A producer id may come from a block that was reserved before.
NEEDS_NO_ROOM = {"InitProducerId"}


@pytest.mark.parametrize("end", [Up.stop, Up.kill])
def test_a_folder_on_a_disk_that_is_full_since_then_is_one_sentence(
    end: Callable[[Up], object], disk: Disk, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with Up(data, environment=disk.environment) as up, Raw(up.serves().address) as client:
        client.create("t")
        client.produce("t", batch(b"kept"))
        end(up)
    disk.order("full")
    with Up(data, environment=disk.environment) as up:
        code, said = up.ended()
    assert code == 1
    assert len(said.strip().splitlines()) == 1, said
    assert "No space left on device" in said
    disk.order("")
    with Up(data, environment=disk.environment) as up, Raw(up.serves().address) as client:
        assert client.values("t") == [b"kept"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", bytes(folder), b"tmpfs", 0, b"size=2m") != 0:
        why = os.strerror(ctypes.get_errno())
        pytest.skip(f"a small file system can't be mounted here: {why}")
    yield folder
    libc.umount2(bytes(folder), 2)


def test_a_real_small_disk_fills_and_is_written_again_when_there_is_room(small_disk: Path) -> None:
    data = small_disk / "data"
    ballast = small_disk / "ballast"
    with Up(data) as up, Raw(up.serves().address) as client:
        client.create("t")
        ballast.write_bytes(bytes(1 << 20))
        kept = 0
        while client.produce("t", batch(b"%06d" % kept + bytes(20_000))).error_code == 0:
            kept += 1
        assert kept > 10
        assert client.produce("t", batch(bytes(20_000)), acks=1).error_code == STORAGE
        assert len(client.values("t")) == kept
        answer = client.ask(create_request("u", 9), CreateTopicsResponse, 5)
        assert errors_of(answer) in ({0}, {STORAGE}), answer
        ballast.unlink()
        for _ in range(5):
            assert client.produce("t", batch(b"%06d" % kept + bytes(20_000))).error_code == 0
            kept += 1
        client.create("v")
        up.kill()
    with Up(data) as up, Raw(up.serves().address) as client:
        assert [bytes(value or b"")[:6] for value in client.values("t")] == [
            b"%06d" % i for i in range(kept)
        ]
        assert client.produce("v", batch(b"v")).error_code == 0
        code, said = up.stop()
    assert code == 0, said


def test_a_disk_that_is_full_at_the_start_is_one_sentence(small_disk: Path) -> None:
    with (small_disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            try:
                ballast.write(bytes(4096))
            except OSError:
                break
    with Up(small_disk / "data") as up:
        code, said = up.ended()
    assert code == 1
    assert len(said.strip().splitlines()) == 1, said
    assert "No space left on device" in said
