"""kafka-server-start and kafka-server-stop."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from moldau.protocol import instance
from moldau.tools.frame import Stop
from moldau.tools.kafka_server_start import up_arguments

SCRIPTS = Path(sys.executable).parent


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which only brokers of this test are seen, and stopped."""
    return {**os.environ, "MOLDAU_RUN_DIR": str(tmp_path / "run")}


@pytest.fixture
def properties(tmp_path: Path) -> Path:
    path = tmp_path / "server.properties"
    path.write_text(f"listeners=PLAINTEXT://127.0.0.1:0\nlog.dirs={tmp_path}/data\nnode.id=1\n")
    return path


def test_the_arguments_of_moldau_up() -> None:
    assert up_arguments(["s.properties"]) == ["up", "--config", "s.properties"]
    assert up_arguments(
        ["-daemon", "s.properties", "--override", "node.id=2", "--override=log.dirs=/d"]
    ) == ["up", "--config", "s.properties", "-o", "node.id=2", "-o", "log.dirs=/d", "--detach"]


@pytest.mark.parametrize("words", [["-daemon"], ["s", "--override"], ["s", "extra"], ["--help"]])
def test_other_arguments_are_refused(words: list[str]) -> None:
    with pytest.raises(Stop):
        up_arguments(words)


def test_without_arguments_the_usage(environ: dict[str, str]) -> None:
    script = SCRIPTS / "kafka-server-start.sh"
    ran = subprocess.run([script], capture_output=True, text=True, env=environ)
    assert ran.returncode == 1
    assert ran.stdout == (
        f"USAGE: {script} [-daemon] server.properties [--override property=value]*\n"
    )


@pytest.fixture
def started(environ: dict[str, str], properties: Path) -> Iterator[None]:
    ran = subprocess.run(
        [SCRIPTS / "kafka-server-start", "-daemon", properties, "--override", "num.partitions=7"],
        capture_output=True,
        text=True,
        env=environ,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    yield
    subprocess.run([SCRIPTS / "kafka-server-stop"], env=environ, capture_output=True, timeout=60)


def test_a_broker_from_start_to_stop(
    environ: dict[str, str], started: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOLDAU_RUN_DIR", environ["MOLDAU_RUN_DIR"])
    (running,) = instance.read_all()
    tool = [str(SCRIPTS / "kafka-topics"), "--bootstrap-server", running.bootstrap_servers]
    assert subprocess.run([*tool, "--create", "--topic", "t"]).returncode == 0
    shown = subprocess.run([*tool, "--describe"], capture_output=True, text=True)
    assert "PartitionCount: 7" in shown.stdout
    for harmless in ("--node-id=99", "--help"):
        assert (
            subprocess.run([SCRIPTS / "kafka-server-stop", harmless], env=environ).returncode == 0
        )
        assert instance.read_all() == [running]
    ran = subprocess.run([SCRIPTS / "kafka-server-stop.sh"], env=environ, capture_output=True)
    assert (ran.returncode, ran.stdout) == (0, b"")
    assert instance.read_all() == []


def test_nothing_to_stop(environ: dict[str, str]) -> None:
    ran = subprocess.run(
        [SCRIPTS / "kafka-server-stop"], env=environ, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (1, "No kafka server to stop\n")
    assert ran.stderr.startswith("kafka-server-stop: ")
