"""`moldau folder check`: what it says of folders, that it says it by its exit code, and that it
leaves everything as it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import moldau
from tests.broker.folder_life import consume_in_group, create, limit, produce

pytestmark = pytest.mark.slow  # each starts a broker, or several

CHECK = (sys.executable, "-P", "-m", "moldau", "folder", "check")


def check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CHECK, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


def found(folder: Path, code: int = 0) -> dict[str, Any]:
    done = check("--json", folder)
    assert done.returncode == code, done
    assert done.stderr == ""
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def whole(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its content and the time of its last change."""
    return {
        str(path.relative_to(folder)): (
            path.read_bytes() if path.is_file() else b"",
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "data"
    with moldau.Broker(data=folder, config={"offsets.topic.num.partitions": 2}) as broker:
        create(broker.bootstrap_servers, "orders", 2, retention_ms="123456")
        limit(broker.bootstrap_servers, "slow", 5000.0)
        produce(broker.bootstrap_servers, "orders", 20)
        consume_in_group(broker.bootstrap_servers, "app", "orders", 5)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "data")


def test_it_says_what_is_there_and_changes_nothing(folder: Path) -> None:
    before = whole(folder)
    report = found(folder)
    assert whole(folder) == before
    assert report["moldau"] == report["apache_kafka"] == {"can_go_on": True, "reasons": []}
    assert (report["node_id"], report["stopped_cleanly"], report["running"]) == (1, True, False)
    assert report["features"]["metadata.version"] == 30
    assert (report["kraft_version"], report["voters"]) == (0, [1])
    assert report["metadata"]["next_producer_id"] == 1000
    orders = next(topic for topic in report["topics"] if topic["topic"] == "orders")
    assert orders["configs"] == {"retention.ms": "123456"}
    partitions = orders["partitions"]
    assert sum(one["log_end_offset"] - one["log_start_offset"] for one in partitions) == 20
    assert all(one["bytes"] > 0 and one["damage"] is None for one in partitions)
    assert sum(one["producers"] for one in partitions) in (1, 2)
    (group,) = report["groups"]
    assert (group["group"], group["protocol"], group["members"]) == ("app", "classic", 0)
    assert group["committed_offsets"] in (1, 2)
    assert report["client_quotas"] == [
        {"entity": {"client-id": "slow"}, "limits": {"producer_byte_rate": 5000.0}}
    ]
    assert report["other_configs"] == [
        {"resource_type": "BROKER", "resource": "", "configs": {"min.insync.replicas": "1"}}
    ]
    assert report["other_directories"] == []


def test_people_get_a_page(folder: Path) -> None:
    done = check(folder)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{folder}: node 1 of cluster ")
    assert lines[0].endswith("stopped cleanly")
    assert lines[1:3] == ["Moldau can go on with it.", "Apache Kafka 4.3 can go on with it."]
    assert "Quota of client-id slow: producer_byte_rate=5000" in lines
    assert "Configs of broker (all): min.insync.replicas=1" in lines
    assert any(line.split()[:3] == ["orders", "2", "20"] for line in lines)
    assert any(line.split()[:3] == ["app", "classic", "0"] for line in lines)


def test_a_folder_that_nobody_may_write_to(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert found(folder)["moldau"]["can_go_on"]
    finally:
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)


def test_a_running_broker_is_said(tmp_path: Path) -> None:
    with moldau.Broker(data=tmp_path) as broker:
        create(broker.bootstrap_servers, "t")
        report = found(tmp_path, 1)
        assert report["running"]
        assert report["process"] == broker.pid
        assert [topic["topic"] for topic in report["topics"]] == ["t"]
        (reason,) = report["moldau"]["reasons"]
        assert (reason["what"], reason["where"]) == (
            "A broker runs on it",
            [f"process {broker.pid}"],
        )
        assert report["apache_kafka"]["reasons"] == [reason]
        create(broker.bootstrap_servers, "u")  # it was not disturbed


def test_a_killed_broker_leaves_a_folder_to_go_on_with(tmp_path: Path) -> None:
    broker = moldau.Broker(data=tmp_path)
    broker.start()
    create(broker.bootstrap_servers, "t")
    produce(broker.bootstrap_servers, "t", 50)
    os.kill(broker.pid, 9)
    broker.stop()
    segment = next(tmp_path.glob("t-0/*.log"))
    with segment.open("ab") as file:
        file.write(b"torn")
    before = whole(tmp_path)
    report = found(tmp_path)
    assert whole(tmp_path) == before
    assert (report["running"], report["stopped_cleanly"]) == (False, False)
    (topic,) = report["topics"]
    (partition,) = topic["partitions"]
    assert partition["log_end_offset"] == 50
    assert "byte" in partition["damage"]


def test_what_no_topic_has_is_named(folder: Path) -> None:
    for name in ("gone-0.0123456789abcdef-delete", "old-3.00ff-stray", "t-1.77-future", "what-7"):
        (folder / name).mkdir()
    (folder / "notes").mkdir()
    assert found(folder)["other_directories"] == [
        "gone-0.0123456789abcdef-delete",
        "old-3.00ff-stray",
        "t-1.77-future",
        "what-7",
    ]
    assert "what-7" in check(folder).stdout.splitlines()[-1]


def test_a_topic_without_its_directory(folder: Path) -> None:
    shutil.rmtree(folder / "orders-1")
    orders = next(topic for topic in found(folder)["topics"] if topic["topic"] == "orders")
    assert [one["has_directory"] for one in orders["partitions"]] == [True, False]


def test_damaged_metadata(folder: Path) -> None:
    log = folder / "__cluster_metadata-0" / f"{0:020d}.log"
    content = bytearray(log.read_bytes())
    content[150] ^= 0xFF
    log.write_bytes(content)
    for clean in (True, False):
        report = found(folder, 1)
        (reason,) = report["moldau"]["reasons"]
        assert reason in report["apache_kafka"]["reasons"]
        assert ("the checksum" if clean else "has lost its end") in reason["advice"]
        with pytest.raises(moldau.BrokerError) as refused, moldau.Broker(data=folder):
            pass
        assert reason["advice"] in str(refused.value)
        (folder / ".kafka_cleanshutdown").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("meta.properties", "version=0\nbroker.id=1\n", "only 1 (KRaft) is supported"),
        ("meta.properties", "version=1\nnode.id=1\n", "lacks 'cluster.id'"),
        ("bootstrap.checkpoint", "what?", "No reason: the log has begun"),
    ],
)
def test_damaged_files_beside_them(folder: Path, name: str, content: str, said: str) -> None:
    (folder / name).write_text(content)
    if said.startswith("No reason"):
        found(folder)
        return
    report = found(folder, 1)
    assert said in report["moldau"]["reasons"][0]["advice"]


def test_folders_of_nobody(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = found(tmp_path / "empty", 1)
    assert report["moldau"]["reasons"][0]["what"] == "No broker was ever here"
    done = check(tmp_path / "missing")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "No such file or directory" in done.stderr
    (tmp_path / "file").write_text("")
    assert "Not a directory" in check(tmp_path / "file").stderr
    (tmp_path / "half" / "t-0").mkdir(parents=True)
    report = found(tmp_path / "half", 1)
    assert report["moldau"]["reasons"][0]["what"].startswith("Logs of partitions without")


def test_a_formatted_folder(tmp_path: Path) -> None:
    (tmp_path / "meta.properties").write_text(
        "version=1\nnode.id=7\ncluster.id=x\ndirectory.id=8k2Qm0AMQ1mlKL6p5Zz9Yw\n"
    )
    report = found(tmp_path)
    assert (report["node_id"], report["topics"]) == (7, [])


def test_who_reads_only_the_beginning(folder: Path) -> None:
    done = subprocess.run(
        f"{' '.join(CHECK)} {folder} | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith(str(folder))
    assert done.stderr == ""


def test_help_and_mistakes() -> None:
    assert "--json" in check("--help").stdout
    done = subprocess.run([*CHECK[:-1], "chekc"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
