"""The judge itself: it starts, answers, and is gone with whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.apache_kafka import TOOLS, ApacheKafka, jars, run_tool, settle, start_tool

ROOT = Path(__file__).parents[1]


@pytest.mark.apache
def test_tools_talk_to_the_broker(apache_kafka: ApacheKafka) -> None:
    server = ("--bootstrap-server", apache_kafka.bootstrap_servers)
    created = run_tool("kafka-topics", *server, "--create", "--topic", "judge-tools")
    assert (created.returncode, created.stdout) == (0, "Created topic judge-tools.\n")
    produced = run_tool(
        "kafka-console-producer.sh", *server, "--topic", "judge-tools", stdin="grüezi\n"
    )
    assert produced.returncode == 0
    consume = ("--topic", "judge-tools", "--from-beginning", "--max-messages", "1")
    with start_tool("kafka-console-consumer", *server, *consume) as consumer:
        assert consumer.communicate()[0] == "grüezi\n"
    segment = apache_kafka.data_dirs[0] / "judge-tools-0" / "00000000000000000000.log"
    dumped = run_tool("kafka-dump-log", "--files", str(segment), "--print-data-log")
    assert "payload: grüezi" in dumped.stdout
    assert "Kafka Server started" in apache_kafka.logs[0].read_text()


@pytest.mark.apache
def test_warnings_of_the_tools_are_logged() -> None:
    run = run_tool(
        "kafka-console-producer", "--bootstrap-server", "127.0.0.1:1", "--topic", "t",
        "--command-property", "max.block.ms=300", stdin="x\n",
    )  # fmt: skip
    assert "WARN" in run.stderr


@pytest.mark.apache
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_three_brokers() -> None:
    with ApacheKafka(brokers=3, config={"num.partitions": 5}) as kafka:
        server = ("--bootstrap-server", kafka.bootstrap_servers)
        run_tool("kafka-topics", *server, "--create", "--topic", "t", "--replication-factor", "3")
        settle(kafka.bootstrap_servers)
        described = run_tool("kafka-topics", *server, "--describe", "--topic", "t")
        assert "PartitionCount: 5\tReplicationFactor: 3" in described.stdout
    assert all(process.poll() is not None for process in kafka.processes)
    assert all(log.exists() for log in kafka.logs)


@pytest.mark.apache
def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(
            RuntimeError, match=r"Invalid value nonsense for configuration num.partitions"
        ),
        ApacheKafka(config={"num.partitions": "nonsense"}, folder=tmp_path),
    ):
        raise AssertionError("it started")


@pytest.mark.apache
def test_a_tool_is_gone_when_its_parent_is_killed() -> None:
    program = (
        "from tests.apache_kafka import start_tool\n"
        "tool = start_tool('kafka-console-consumer', '--bootstrap-server', '127.0.0.1:1',"
        " '--topic', 't', stdin=None, stdout=None, stderr=None)\n"
        "print(tool.pid, flush=True); tool.wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().strip().isdigit()
        os.kill(parent.pid, signal.SIGKILL)
        # The tool has inherited this pipe: it ends when the tool does.
        parent.stdout.read()


def test_what_several_want_at_once_is_made_once(tmp_path: Path) -> None:
    makers: list[Path] = []
    all_ask = threading.Barrier(4)

    def ask() -> str:
        all_ask.wait(20)
        return jars.made(tmp_path / "cache" / "file", make).read_text()

    def make(path: Path) -> None:
        makers.append(path)
        path.write_text("made")

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(ask) for _ in range(4)]
    assert [future.result() for future in futures] == ["made"] * 4
    assert len(makers) == 1


def test_a_name_that_is_no_tool_is_refused() -> None:
    with pytest.raises(ValueError, match="kafka-tpoics"):
        run_tool("kafka-tpoics")


@pytest.mark.apache
def test_every_tool_is_there() -> None:
    for name, main in TOOLS.items():
        path = main.replace(".", "/") + ".class"
        assert any(_holds(jar, path) for jar in _jars()), name


def _jars() -> list[Path]:
    return [Path(jar) for jar in jars.class_path().split(os.pathsep) if "kafka" in Path(jar).name]


def _holds(jar: Path, path: str) -> bool:
    import zipfile

    with zipfile.ZipFile(jar) as archive:
        return path in archive.namelist()


def test_without_java_one_line_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for cached in (jars.java_missing, jars.class_path):
        cached.cache_clear()
    try:
        assert jars.java_missing() == "no Apache Kafka: there is no `java` on the PATH"
    finally:
        jars.java_missing.cache_clear()


def test_without_a_registry_one_line_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, programs: Callable[..., Path]
) -> None:
    failing = programs(java="", javac="", mvn="echo '[ERROR] Could not transfer'; exit 1")
    monkeypatch.setenv("PATH", f"{failing}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(jars, "CACHE", tmp_path / "cache")
    for cached in (jars.java_missing, jars.class_path):
        cached.cache_clear()
    try:
        assert jars.java_missing() == "no Apache Kafka: [ERROR] Could not transfer"
    finally:
        jars.java_missing.cache_clear()


@pytest.fixture
def programs(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of shell scripts: name=text."""

    def make(**scripts: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name, text in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        return folder

    return make


def by_hand(*args: str) -> tuple[int, str]:
    run = subprocess.run(
        [sys.executable, "-m", "tests.apache_kafka", *args],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return run.returncode, run.stdout


@pytest.mark.apache
@pytest.mark.slow
def test_by_hand() -> None:
    if by_hand("status")[0] == 0:
        pytest.skip("an Apache Kafka runs here by hand: it is not ours to stop")
    code, said = by_hand("start")
    try:
        assert code == 0
        assert "make kafka ARGS=stop" in said
        assert by_hand("start")[0] == 1, "a second one is refused"
        address = said.splitlines()[0].split()[-1]
        code, said = by_hand("tool", "kafka-topics", "--bootstrap-server", address, "--list")
        assert (code, said) == (0, "\n")
    finally:
        assert by_hand("stop") == (0, "Apache Kafka is stopped\n")
    assert by_hand("status")[0] == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["tool"], "kafka-topics, "),
        (["tool", "kafka-nonsense"], "'kafka-nonsense' is no tool"),
        (["start", "-o", "num.partitions"], "write it as -o num.partitions=6"),
        (["begin"], "invalid choice: 'begin'"),
    ],
)
def test_by_hand_wrong_words_are_told_without_a_trace(words: list[str], says: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.apache_kafka", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert run.returncode in (1, 2)
    assert says in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(("ci", "code", "says"), [("true", 1, "may not be skipped"), ("", 0, "")])
@pytest.mark.slow
def test_where_there_is_java_ci_skips_nothing(
    tmp_path: Path, ci: str, code: int, says: str
) -> None:
    """Here a java without a compiler stands for one whose registry does not answer."""
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\n")
    java.chmod(0o755)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-rs", "-k", "three_brokers", __file__],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PATH": str(tmp_path), "CI": ci},
        timeout=100,
    )
    assert run.returncode == code
    assert "no `javac` on the PATH" in run.stdout
    assert says in run.stdout
