"""kafka-storage prints what Apache Kafka's prints: each has a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.apache_kafka import ToolServer

pytestmark = [pytest.mark.apache, pytest.mark.slow]
ID = "BBBBBBBBBBBBBBBBBBBBBQ"
LINES = (
    "",
    "--help",
    *(f"{action} --help" for action in ("info", "format", "version-mapping")),
    *(f"{action} -h" for action in ("feature-dependencies", "random-uuid")),
    "nonsense",
    "format",
    "info",
    "random-uuid --nonsense",
    "version-mapping",
    "version-mapping -r 3.7-IV1",
    "version-mapping --release-version=4.0",
    "version-mapping -r 9",
    "feature-dependencies",
    "feature-dependencies -f metadata.version=20 -f transaction.version=2",
    "feature-dependencies -f group.version=1",
    "feature-dependencies -f nonsense=1",
    "feature-dependencies -f group.version",
    "feature-dependencies -f metadata.version=20,transaction.version=2",
    "feature-dependencies -f metadata.version=20,nonsense=1",
    "feature-dependencies -f metadata.version=20, -f ,transaction.version=2",
    "feature-dependencies -f metadata.version=20 -f metadata.version=21",
    "feature-dependencies -f group.version=9",
    "info -c {folder}/server.properties",
    "info -c {folder}/none.properties",
    f"format -c {{folder}}/server.properties -t {ID} --standalone -N",
    f"format -c {{folder}}/server.properties -t {ID}",
    f"format -c {{folder}}/server.properties -t {ID}",
    f"format -c {{folder}}/server.properties -t {ID} -g",
    "format -c {folder}/server.properties -t CCCCCCCCCCCCCCCCCCCCCQ -g",
)


def test_kafka_storage_is_apaches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    differences = []
    folders = [tmp_path / name for name in ("java", "ours")]
    for folder in folders:
        (folder / "data").mkdir(parents=True)
        (folder / "server.properties").write_text(
            "process.roles=broker,controller\nnode.id=1\n"
            "controller.quorum.voters=1@localhost:9093\ncontroller.listener.names=CONTROLLER\n"
            f"listeners=PLAINTEXT://:9092,CONTROLLER://:9093\nlog.dirs={folder}/data\n"
        )
    with ToolServer() as java:
        for line in LINES:
            theirs, mine = (line.replace("{folder}", str(folder)).split() for folder in folders)
            code, stdout, _ = java.run("kafka-storage", *theirs)
            script = Path(sys.executable).parent / "kafka-storage"
            ran = subprocess.run([script, *mine], capture_output=True, text=True, timeout=60)
            wanted = (code, stdout.decode().replace(str(folders[0]), "<DIR>"))
            got = (ran.returncode, ran.stdout.replace(str(folders[1]), "<DIR>"))
            if got != wanted:
                differences.append(f"$ {line}\n- {wanted}\n+ {got} {ran.stderr}")
    assert not differences, "\n".join(differences)
