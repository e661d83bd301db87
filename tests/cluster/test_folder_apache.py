"""Our metadata log and its snapshots are Apache Kafka's: its dump tool reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from moldau.server.embedded import Broker
from tests.apache_kafka import run_tool
from tests.broker.folder_life import create, create_many, delete, new_producer_id

pytestmark = [
    pytest.mark.apache,
    pytest.mark.timeout(180),
]


def dump(*paths: Path, options: tuple[str, ...] = ("--cluster-metadata-decoder",)) -> str:
    run = run_tool("kafka-dump-log", *options, "--files", ",".join(map(str, paths)))
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


def types(text: str) -> list[str]:
    return [
        json.loads(line.partition(" payload: ")[2])["type"]
        for line in text.splitlines()
        if " payload: " in line
    ]


def test_dump_tool_reads_our_metadata_log_and_its_snapshots(tmp_path: Path) -> None:
    often = {"metadata.log.max.record.bytes.between.snapshots": 2000}
    for start in range(2):  # the second start continues the log of the first
        with Broker(data=tmp_path, config=often) as broker:
            servers = broker.bootstrap_servers
            if start == 0:
                create(servers, "orders", 3, retention_ms="500000")
                create(servers, "gone")
                delete(servers, "gone")
                create_many(servers, 20)
                new_producer_id(servers)
    directory = tmp_path / "__cluster_metadata-0"
    text = dump(directory / f"{0:020d}.log")
    batches = [line for line in text.splitlines() if line.startswith("baseOffset")]
    assert all("isvalid: true" in line for line in batches)
    assert sum("isControl: true" in line for line in batches) == 2
    assert {
        "FEATURE_LEVEL_RECORD",
        "REGISTER_BROKER_RECORD",
        "BROKER_REGISTRATION_CHANGE_RECORD",
        "TOPIC_RECORD",
        "PARTITION_RECORD",
        "CONFIG_RECORD",
        "REMOVE_TOPIC_RECORD",
        "PRODUCER_IDS_RECORD",
        "NO_OP_RECORD",  # what follows a snapshot
    } == set(types(text)) - {"BEGIN_TRANSACTION_RECORD", "END_TRANSACTION_RECORD"}
    assert types(text).count("REGISTER_BROKER_RECORD") == 2
    # The last word is that the broker is fenced: a clean stop.
    assert types(text)[-1] == "BROKER_REGISTRATION_CHANGE_RECORD"

    latest = max(directory.glob("*.checkpoint"))
    text = dump(latest)
    assert "isvalid: false" not in text
    assert '"type":"TOPIC_RECORD"' in text.replace(" ", "")
    assert "SnapshotHeader" in text
    assert "SnapshotFooter" in text
    indexes = sorted(directory.glob("*index"))
    checked = dump(*indexes, options=("--index-sanity-check",))
    assert checked.count("passed sanity check") + checked.count("is empty") == len(indexes)
