"""Which brokers run here, by the files that they leave."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from moldau.protocol import instance
from moldau.protocol.instance import Instance, log_of, path_of, process_start_of, read_all


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOLDAU_RUN_DIR", str(tmp_path))
    return tmp_path


def note(pid: int, process_start: int) -> Instance:
    noted = Instance(pid, "/data", "localhost:9092", 5, "0.1.0", process_start)
    instance.write(noted)
    return noted


def test_who_lives_is_there_until_it_is_forgotten() -> None:
    me = os.getpid()
    noted = note(me, process_start_of(me))
    assert read_all() == [noted]
    instance.remove(me)
    assert read_all() == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says when a process began")
def test_another_process_of_that_number_is_not_the_broker() -> None:
    """It would be stopped in the broker's place."""
    note(os.getpid(), process_start_of(os.getpid()) - 1)
    assert read_all() == []


def test_who_was_killed_is_forgotten_by_the_next() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        killed = note(process.pid, process_start_of(process.pid))
        assert read_all() == [killed]
        process.kill()
    assert read_all() == []
    assert path_of(killed.pid).exists()
    me = note(os.getpid(), process_start_of(os.getpid()))
    assert not path_of(killed.pid).exists()
    assert read_all() == [me]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says that nobody asked")
def test_who_has_ended_does_not_run_though_its_parent_never_asks_how() -> None:
    """`moldau down` would wait for its end in vain."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        noted = note(process.pid, process_start_of(process.pid))
        assert read_all() == [noted]
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not noted.is_running


def test_the_newest_logs_are_kept_and_those_of_the_living(folder: Path) -> None:
    me = os.getpid()
    note(me, process_start_of(me))
    for age, pid in enumerate((me, *range(1_000_001, 1_000_013))):
        log_of(pid).write_text("")
        os.utime(log_of(pid), (age, age))
    note(me, process_start_of(me))
    kept = {path.name for path in folder.glob("*.log")}
    assert kept == {log_of(pid).name for pid in (me, *range(1_000_003, 1_000_013))}


def test_what_another_version_wrote_is_passed_over(folder: Path) -> None:
    (folder / "broker-1.json").write_text('{"pid": 1}')
    (folder / "broker-2.json").write_text("half a")
    assert read_all() == []
