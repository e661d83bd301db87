"""The broker as a block: there when it begins, gone when it ends, however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import moldau
from moldau.__main__ import main


def answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), 1):
            return True
    except OSError:
        return False


def gone(pid: int) -> bool:
    """Has the process ended (or is it only waiting to be buried)?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while not gone(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


def test_it_serves_in_the_block_and_is_gone_behind_it() -> None:
    with moldau.Broker() as broker:
        assert answers(broker.bootstrap_servers)
        pid, folder = broker.pid, broker.data_dir
        assert folder.is_dir()
    assert gone(pid)
    assert not folder.exists()
    with pytest.raises(moldau.BrokerError, match="not running"):
        _ = broker.bootstrap_servers


def test_two_at_once_do_not_meet() -> None:
    with moldau.Broker() as one, moldau.Broker() as two:
        assert one.bootstrap_servers != two.bootstrap_servers
        assert one.data_dir != two.data_dir


def test_it_is_where_it_was_after_a_kill(tmp_path: Path) -> None:
    with moldau.Broker(data=tmp_path / "data") as broker:
        address = broker.bootstrap_servers
        broker.kill()
        broker.start()
        assert broker.bootstrap_servers == address
        assert answers(address)
    assert (tmp_path / "data" / "meta.properties").exists(), "a folder that was named is kept"


def test_what_it_said_is_in_the_error_when_it_does_not_start(tmp_path: Path) -> None:
    with moldau.Broker(data=tmp_path) as first:
        with pytest.raises(moldau.BrokerError, match="in use by another broker"):
            moldau.Broker(data=tmp_path).start()
        assert answers(first.bootstrap_servers)


def test_a_config_that_kafka_never_knew_is_named_with_the_nearest() -> None:
    with pytest.raises(moldau.BrokerError, match=r"nearest name is num\.partitions"):
        moldau.Broker(config={"num.partition": 3}).start()


class Interrupted(moldau.Broker):
    """Somebody loses patience before it serves."""

    started = 0

    def _wait_ready(self, ready: int) -> str:
        Interrupted.started = self.pid
        raise KeyboardInterrupt


def test_a_start_that_is_interrupted_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt), Interrupted():
        pass
    assert gone(Interrupted.started)
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_is_interrupted_before_it_begins_ends_quietly(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("moldau.server.embedded.Broker", Interrupted)
    assert main(["demo"]) == 130
    assert capfd.readouterr() == ("", "")


def test_it_does_not_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_LISTENERS", "SASL_SSL://localhost:1")
    with moldau.Broker() as broker:
        assert answers(broker.bootstrap_servers)


# Read by every Python that starts with this folder on its path: a kernel that is older than pidfds,
# and a sandbox that forbids them.
NO_PIDFD = """\
import os
def refused(*_):
    raise {error}
os.pidfd_open = refused
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize(
    "error", ["", "OSError(38, 'not implemented')", "PermissionError(1, 'no')"]
)
@pytest.mark.slow
def test_it_is_gone_when_its_parent_dies(
    how: signal.Signals, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if error:
        (tmp_path / "sitecustomize.py").write_text(NO_PIDFD.format(error=error))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code = (
        "import moldau, sys, threading\n"
        # Started by a thread that ends: the broker belongs to the process, not to the thread.
        "b = moldau.Broker()\n"
        "t = threading.Thread(target=b.start); t.start(); t.join()\n"
        "print(b.pid, b.bootstrap_servers, b.data_dir, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    pid, address, folder = parent.stdout.readline().split()
    assert answers(address), "the end of the thread that started it must not end it"
    os.kill(parent.pid, how)
    parent.wait()
    parent.stdin.close()
    parent.stdout.close()
    wait_until_gone(int(pid))
    assert not Path(folder).parent.exists(), "nothing of it is left in the temporary folder"
