"""kafka-storage: folders get their identity, and a broker keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

import moldau
from moldau.protocol.files import read_meta
from moldau.protocol.uuids import from_text
from moldau.tools import kafka_storage
from moldau.tools.frame import Stop

ID = "BBBBBBBBBBBBBBBBBBBBBQ"


@pytest.fixture
def properties(tmp_path: Path) -> Path:
    path = tmp_path / "server.properties"
    path.write_text(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n"
        f"log.dirs={tmp_path}/data\n"
    )
    return path


def run(*words: str | Path) -> int:
    return kafka_storage.main([str(word) for word in words])


def refusal(*words: str | Path) -> str:
    with pytest.raises(Stop) as stop:
        run(*words)
    assert stop.value.code == 1
    assert stop.value.lines[-1].startswith("kafka-storage: ")
    return "\n".join(stop.value.lines)


def test_a_random_uuid_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("random-uuid") == 0
    text = capsys.readouterr().out
    assert len(text) == 23
    assert not text.startswith("-")
    assert from_text(text.strip())[6] >> 4 == 4


def test_format_then_info(properties: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = properties.parent / "data"
    assert run("info", "-c", properties) == 1
    assert capsys.readouterr().out == f"Found problem:\n  {data} does not exist\n\n"
    assert run("format", "-t", ID, "--config", properties) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"Formatting metadata directory {data} with metadata.version 4.3-IV0."
    meta = read_meta((data / "meta.properties").read_bytes())
    assert (meta.cluster_id, meta.node_id) == (ID, 1)
    assert run("info", "-c", properties) == 0
    assert capsys.readouterr().out == (
        f"Found log directory:\n  {data}\n\nFound metadata: {{cluster.id={ID}, "
        f"directory.id={meta.directory_id}, node.id=1, version=1}}\n\n"
    )


def test_what_is_formatted_stays(properties: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("format", "-t", ID, "-c", properties)
    before = (properties.parent / "data" / "meta.properties").read_bytes()
    assert "is already formatted" in refusal("format", "-t", ID, "-c", properties)
    capsys.readouterr()
    assert run("format", "-t", ID, "-c", properties, "-g") == 0
    assert capsys.readouterr().out == "All of the log directories are already formatted.\n"
    text = refusal("format", "-t", "A" * 22, "-g", "-c", properties)
    assert f"Expected {'A' * 22}, but read {ID}" in text
    assert (properties.parent / "data" / "meta.properties").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("format", "argument --config/-c is required"),
        ("format -c {}", "argument --cluster-id/-t is required"),
        ("format -t X -c {} --standalone", "cannot specify controller.quorum.voters"),
        ("format -t X -c {} -S SCRAM-SHA-256=[name=a,password=b]", "not supported yet"),
        ("format -t X -c {} -r 3.9", "only 4.3"),
        ("format -t X -c {}.missing", "No such file"),
        ("format -t X -c {} --nonsense", "unrecognized arguments"),
        ("format -t", "expected one argument"),
        ("nonsense", "invalid choice"),
        ("", "too few arguments"),
    ],
)
def test_refusals(properties: Path, words: str, text: str) -> None:
    assert text in refusal(*words.format(properties).split())
    assert not (properties.parent / "data").exists()


def test_a_broker_keeps_the_cluster_id(properties: Path) -> None:
    run("format", "-t", ID, "-c", properties)
    with moldau.Broker(data=properties.parent / "data") as broker:
        client = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        assert client.list_topics(timeout=10).cluster_id == ID


def test_what_goes_with_a_release_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert kafka_storage.main(["version-mapping", "-r", "3.7-IV1"]) == 0
    assert capsys.readouterr().out.startswith("metadata.version=16 (3.7-IV1)\nkraft.version=0\n")
    several = ["feature-dependencies", "-f", "metadata.version=20", "-f", "transaction.version=2"]
    assert kafka_storage.main(several) == 0
    assert capsys.readouterr().out == (
        "metadata.version=20 (3.8-IV0) has no dependencies.\n"
        "transaction.version=2 has no dependencies.\n"
    )
    assert "Unknown feature: nonsense" in refusal("feature-dependencies", "-f", "nonsense=1")
