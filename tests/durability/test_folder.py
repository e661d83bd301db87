"""A data folder that is damaged, taken, forbidden or full: what is repaired, what is said, and who
says it."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from moldau.protocol.records import parse_header
from tests.attacks.raw import NOW, Raw, batch, produce_request
from tests.attacks.test_frames import raise_limit
from tests.durability.process import Up

pytestmark = pytest.mark.slow  # each starts a broker, or several

CLEAN = ".kafka_cleanshutdown"
RECORDS = 400
PADDING = bytes(5000)  # so that the indexes have an entry for almost each batch
SMALL_SEGMENTS = ("-o", "log.segment.bytes=1048576")


def value(i: int) -> bytes:
    return b"%06d" % i + PADDING


def fill(data: Path, *, clean: bool) -> None:
    """Topic `t` with two segments and a bit."""
    with Up(data, options=SMALL_SEGMENTS) as up, Raw(up.serves().address) as client:
        client.create("t")
        for i in range(RECORDS):
            answer = client.produce("t", batch(value(i), timestamp=NOW + i), acks=1)
            assert answer.error_code == 0
        assert client.produce("t", batch(b"last", timestamp=NOW + RECORDS)).error_code == 0
        if clean:
            assert up.stop()[0] == 0
        else:
            up.kill()


EVERYTHING = [value(i) for i in range(RECORDS)] + [b"last"]


def time_of(client: Raw, timestamp: int) -> int:
    wanted = ListOffsetsPartition(partition_index=0, timestamp=timestamp)
    topic = ListOffsetsTopic(name="t", partitions=[wanted])
    request = ListOffsetsRequest(replica_id=-1, topics=[topic])
    answer = client.ask(request, ListOffsetsResponse, 7).topics[0].partitions[0]
    assert answer.error_code == 0
    return answer.offset


def segments(data: Path, suffix: str) -> list[Path]:
    return sorted((data / "t-0").glob(f"*.{suffix}"))


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(os.urandom(max(path.stat().st_size, 96)))


def odd(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def backwards(path: Path) -> None:
    data = path.read_bytes()
    width = 8 if path.suffix == ".index" else 12
    entries = [data[i : i + width] for i in range(0, len(data), width)]
    path.write_bytes(b"".join(reversed(entries)))


def off_by_one(path: Path) -> None:
    """Each position points into the middle of a batch."""
    data = bytearray(path.read_bytes())
    for i in range(7, len(data), 8):
        data[i] ^= 1
    path.write_bytes(data)


DAMAGES = [remove, empty, noise, odd, zeros, backwards, off_by_one]


@pytest.mark.parametrize("clean", [True, False], ids=["stopped", "killed"])
@pytest.mark.parametrize("suffix", ["index", "timeindex"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_indexes_are_only_a_shortcut(
    damage: Callable[[Path], None], suffix: str, clean: bool, folders: Callable[[bool], Path]
) -> None:
    data = folders(clean)
    for path in segments(data, suffix):
        if path.exists():
            damage(path)
    with Up(data, options=SMALL_SEGMENTS) as up, Raw(up.serves().address) as client:
        assert client.values("t") == EVERYTHING
        for i in (0, 1, 150, 250, RECORDS - 1, RECORDS):
            assert client.fetch("t", i).error_code == 0
            assert time_of(client, NOW + i) == i
        assert client.produce("t", batch(b"next")).base_offset == RECORDS + 1
        code, said = up.stop()
    assert code == 0, said
    assert "Traceback" not in said


@pytest.fixture(scope="module")
def _filled(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    filled = {}
    for clean in (True, False):
        filled[clean] = tmp_path_factory.mktemp("filled") / "data"
        fill(filled[clean], clean=clean)
    return filled


@pytest.fixture
def folders(_filled: dict[bool, Path], tmp_path: Path) -> Callable[[bool], Path]:
    """A copy of a folder that was stopped (True) or killed (False)."""

    def copied(clean: bool) -> Path:
        return Path(shutil.copytree(_filled[clean], tmp_path / "data"))

    return copied


# --- segments -----------------------------------------------------------------------------------


def spoil(path: Path, record: int, at: int) -> None:
    """One byte of a batch is another one: `at` counts from the start of that batch."""
    data = bytearray(path.read_bytes())
    position = 0
    for _ in range(record):
        position += parse_header(data, position).size
    data[position + at] ^= 0xFF
    path.write_bytes(data)


def test_after_a_kill_a_damaged_last_segment_is_cut_before_the_damage(
    folders: Callable[[bool], Path],
) -> None:
    """Nothing was checkpointed, so everything is checked. What was synced and acknowledged is
    gone from the damage on; the log says so."""
    data = folders(False)
    last = segments(data, "log")[-1]
    first = int(last.stem)
    spoil(last, 3, 100)
    with Up(data, options=SMALL_SEGMENTS) as up, Raw(up.serves().address) as client:
        assert client.values("t") == EVERYTHING[: first + 3]
        assert client.produce("t", batch(b"next")).base_offset == first + 3
        _, said = up.stop()
    assert re.search(rf"{last.name}: cut at byte \d+, \d+ bytes behind offset {first + 2}", said)


def test_damage_in_an_old_segment_is_found_by_its_reader(folders: Callable[[bool], Path]) -> None:
    """As in Apache Kafka nobody reads old segments at the start. A header that is damaged stops
    the Fetch with CORRUPT_MESSAGE, and the log says file and byte; before and behind it reading
    goes on."""
    data = folders(True)
    old = segments(data, "log")[0]
    second = int(segments(data, "log")[1].stem)
    spoil(old, 50, 16)  # the magic byte
    with Up(data, options=SMALL_SEGMENTS) as up, Raw(up.serves().address) as client:
        assert client.fetch("t", 10, max_bytes=6000).error_code == 0
        assert client.fetch("t", 50, max_bytes=6000).error_code == ErrorCode.CORRUPT_MESSAGE
        assert client.fetch("t", second).error_code == 0
        assert client.produce("t", batch(b"next")).base_offset == RECORDS + 1
        code, said = up.stop()
    assert code == 0
    assert re.search(rf"{old}, byte \d+: magic", said), said
    assert "Traceback" not in said


def test_damage_inside_a_batch_is_found_by_the_client(folders: Callable[[bool], Path]) -> None:
    """The broker sends what the disk gives; the checksum is the consumer's to check."""
    data = folders(True)
    spoil(segments(data, "log")[0], 50, 500)
    with Up(data, options=SMALL_SEGMENTS) as up, Raw(up.serves().address) as client:
        from moldau.protocol.records import check_crc

        got = bytes(client.fetch("t", 50, max_bytes=6000).records)
        assert not check_crc(got[: parse_header(got).size])


def test_a_segment_that_lost_its_end_is_read_up_to_there(folders: Callable[[bool], Path]) -> None:
    """Somebody cut an old segment: the hole is no reason to die or to spin."""
    data = folders(True)
    old = segments(data, "log")[0]
    os.truncate(old, old.stat().st_size // 2)
    with Up(data, options=SMALL_SEGMENTS) as up, Raw(up.serves().address) as client:
        assert client.fetch("t", 0).error_code == 0
        client.fetch("t", int(segments(data, "log")[1].stem) - 1)
        assert client.fetch("t", RECORDS).error_code == 0
        code, said = up.stop()
    assert code == 0, said
    assert "Traceback" not in said


# --- checkpoints and what else lies there -------------------------------------------------------

CHECKPOINTS = [
    "recovery-point-offset-checkpoint",
    "replication-offset-checkpoint",
    "log-start-offset-checkpoint",
    "t-0/leader-epoch-checkpoint",
    "t-0/partition.metadata",
]


@pytest.mark.parametrize("clean", [True, False], ids=["stopped", "killed"])
@pytest.mark.parametrize("name", CHECKPOINTS)
@pytest.mark.parametrize(
    "content",
    [
        b"\xff\0noise" * 9,
        None,
        b"",
        b"0\n",
        b"0\n9\nt 0 1\n",
    ],
)
def test_checkpoints_can_be_lost(
    content: bytes | None, name: str, clean: bool, folders: Callable[[bool], Path]
) -> None:
    data = folders(clean)
    path = data / name
    if content is not None:
        path.write_bytes(content)
    elif path.exists():
        path.unlink()
    with Up(data, options=SMALL_SEGMENTS) as up, Raw(up.serves().address) as client:
        assert client.values("t") == EVERYTHING
        assert client.produce("t", batch(b"next")).base_offset == RECORDS + 1
        code, said = up.stop()
    assert code == 0, said
    assert "Traceback" not in said


def test_damaged_snapshots_of_producers_are_made_again(folders: Callable[[bool], Path]) -> None:
    data = folders(True)
    for path in segments(data, "snapshot"):
        path.write_bytes(os.urandom(50))
    with Up(data, options=SMALL_SEGMENTS) as up, Raw(up.serves().address) as client:
        assert client.values("t") == EVERYTHING
        assert client.produce("t", batch(b"next")).base_offset == RECORDS + 1


# --- folders that cannot be used ----------------------------------------------------------------


def refusal(data: Path, **how: object) -> str:
    with Up(data, **how) as up:  # type: ignore[arg-type]
        code, said = up.ended()
    assert code == 1, (code, said)
    lines = said.strip().splitlines()
    assert len(lines) == 1, f"one sentence, not {said}"
    return lines[0]


@pytest.mark.parametrize("clean", [True, False])
def test_damaged_metadata_is_not_served(clean: bool, folders: Callable[[bool], Path]) -> None:
    """Without its record a topic would be gone, with another one it would be another."""
    data = folders(True)
    if not clean:
        (data / CLEAN).unlink()
    path = data / "__cluster_metadata-0" / f"{0:020d}.log"
    content = bytearray(path.read_bytes())
    content[content.rindex(b"\x02t") + 1] = ord("u")  # the name of the topic
    path.write_bytes(content)
    with Up(data) as up:
        code, said = up.ended()
    assert code == 1
    assert "Traceback" not in said
    last = said.splitlines()[-1]
    assert "the checksum" in last if clean else "lost its end" in last
    assert str(data) in last
    assert "estore the" in last


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "meta.properties"),
        (b"\xff\xfe\x00", "meta.properties"),
        (b"version=1\nnode.id=7\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\n", "belongs to node 7"),
        (b"version=9\nnode.id=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\n", "version"),
        (b"version=1\nnode.id=one\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\n", "node.id"),
        (b"version=1\nnode.id=1\n", "cluster.id"),
    ],
)
def test_wrong_meta_properties(content: bytes, says: str, folders: Callable[[bool], Path]) -> None:
    data = folders(True)
    (data / "meta.properties").write_bytes(content)
    assert says in refusal(data)


def test_a_second_instance_on_the_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Up(data) as up, Raw(up.serves().address) as client:
        assert "is in use by another broker" in refusal(data)
        client.create("still-there")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Port {port}" in refusal(tmp_path / "data", port=port)


def test_data_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("important")
    assert str(file) in refusal(file)
    assert str(file) in refusal(file / "below")
    assert file.read_text() == "important"


def without_privileges() -> None:
    """Even root is held to the rights of files without these capabilities (capabilities(7))."""
    libc = ctypes.CDLL(None)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2


def test_a_folder_without_rights(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0)
    for data in (locked, locked / "below"):
        says = refusal(data, preexec=without_privileges)
        assert str(locked) in says
        assert "Permission denied" in says


def test_a_folder_that_can_be_read_and_not_written(folders: Callable[[bool], Path]) -> None:
    data = folders(True)
    for path in [data, *data.rglob("*")]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    says = refusal(data, preexec=without_privileges)
    assert str(data) in says
    assert "Permission denied" in says


# --- few file descriptors -----------------------------------------------------------------------


def few_files() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))


def test_more_connections_than_file_descriptors(tmp_path: Path) -> None:
    """What is connected is served and the log can open its files; the rest is turned away."""
    raise_limit()
    with Up(tmp_path / "data", preexec=few_files) as up:
        with Raw(up.serves().address) as first:
            first.create("t", 20)
            crowd = [Raw(up.address) for _ in range(400)]
            for partition in range(20):
                assert first.produce("t", batch(b"v"), partition=partition).error_code == 0
            turned_away = sum(one.is_closed_by_peer() for one in crowd[-100:])
            assert turned_away == 100
            for one in crowd:
                one.socket.close()
            first.ping()
            with Raw(up.address) as late:
                late.ping()
        code, said = up.stop()
    assert code == 0
    assert len(said.splitlines()) < 500, "one line for each that is turned away, at most"


def test_more_logs_than_file_descriptors(tmp_path: Path) -> None:
    """All are written, put on disk at once and read: files are closed and opened again."""
    partitions = 250
    for expected in (1, 2):
        with Up(tmp_path / "data", preexec=few_files) as up, Raw(up.serves().address) as client:
            if expected == 1:
                client.create("t", partitions)
                while any(client.fetch("t", partition=p).error_code for p in range(partitions)):
                    pass  # until all are opened
            for partition in range(partitions):
                client.send(produce_request("t", batch(b"v"), partition=partition), 9)
            for _ in range(partitions):
                client.receive()
            for partition in range(partitions):
                assert client.values("t", partition=partition) == [b"v"] * expected
            with Raw(up.address) as late:
                late.ping()
            assert up.stop() == (0, "")
