"""kafka-dump-log on files that nobody should have. What it prints is judged in the stories, and
beside Apache Kafka's in test_dump_log_apache."""

from __future__ import annotations

import random
import secrets
import shutil
from pathlib import Path

import pytest

from tests.tools.dump_log import OPTIONS, SEGMENT, damaged, dump, files_of, write_segment
from tests.transcripts.story import FIXTURES


@pytest.mark.slow
def test_no_fault_brings_a_stack_trace(tmp_path: Path) -> None:
    """Whatever the file says: what can be shown, exit code 0 or 1, and a sentence."""
    seed = secrets.randbits(32)
    dice = random.Random(seed)
    paths = files_of(FIXTURES)
    ends = set()
    for number in range(600):
        path = dice.choice(paths)
        folder = tmp_path / str(number)
        shutil.copytree(path.parent, folder)
        victim = folder / path.name
        content = damaged(path.read_bytes(), dice)
        victim.write_bytes(content)
        code, stdout, stderr = dump("--files", str(victim), *dice.choice(OPTIONS))
        ends.add(code)
        assert stdout.startswith(f"Dumping {victim}\n".encode()), f"seed {seed}"
        if code:
            assert stderr.splitlines()[-1].startswith("kafka-dump-log: "), f"seed {seed}: {stderr}"
        assert victim.read_bytes() == content
    assert ends == {0, 1}


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Apache's tool makes an index of no bytes that it was asked to show."""
    write_segment(tmp_path / SEGMENT, [(b"k", b"v")])
    missing = tmp_path / "00000000000000000000.index"
    code, _, stderr = dump("--files", str(missing))
    assert (code, missing.exists()) == (1, False)
    assert f"{missing}: No such file or directory" in stderr


def test_an_index_that_a_broker_cuts_at_its_start_stays_as_it_is(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "indexed-0", tmp_path / "t-0")
    index = tmp_path / "t-0" / "00000000000000000000.index"
    index.write_bytes(index.read_bytes() + bytes(3))
    code, _, stderr = dump("--files", str(index), "--index-sanity-check")
    assert code == 1
    assert "is corrupt, found 91 bytes which is neither positive nor a multiple of 8" in stderr
    assert index.stat().st_size == 91


@pytest.mark.parametrize("size", [0, 1, 16, 17, 60, 61])
def test_the_beginning_of_a_segment(tmp_path: Path, size: int) -> None:
    path = write_segment(tmp_path / SEGMENT, [(b"key", b"value")])
    path.write_bytes(path.read_bytes()[:size])
    code, stdout, _ = dump("--files", str(path), "--print-data-log")
    trailing = f"Found {size} invalid bytes at the end of {SEGMENT}\n" if size else ""
    assert (code, stdout.decode()) == (
        0,
        f"Dumping {path}\nLog starting offset: 0\n{trailing}",
    )
