"""The way out and the way in: Apache Kafka goes on with a copy of our folder, and we with one of
its; nothing is lost on the way there and back."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from moldau.protocol.errors import ErrorCode
from moldau.server.embedded import Broker, BrokerError
from tests.apache_kafka import ApacheKafka, run_tool, settle, start_tool
from tests.broker.folder_life import (
    CODECS,
    SMALL_FOLDER,
    committed,
    consume_in_group,
    create,
    create_many,
    delete,
    groups,
    limit,
    limits,
    new_producer_id,
    produce,
    read,
    retried,
    send,
    topics,
    transactions,
)
from tests.transcripts.actions import until

pytestmark = [pytest.mark.apache, pytest.mark.slow, pytest.mark.timeout(300)]

# Snapshots so often that the metadata log is soon cut at the front. Apache Kafka writes larger
# batches, which must fit into a segment.
OFTEN = {
    "metadata.log.max.record.bytes.between.snapshots": 2000,
    "internal.metadata.log.segment.bytes": 3000,
    "metadata.max.retention.bytes": 9000,
}
OFTEN_THERE = {
    "metadata.log.max.record.bytes.between.snapshots": 3000,
    "internal.metadata.log.segment.bytes": 10_000,
    "metadata.max.retention.bytes": 15_000,
}
METADATA = "__cluster_metadata-0"


def check(folder: Path, code: int = 0) -> dict[str, Any]:
    """What `moldau folder check` says."""
    done = subprocess.run(
        [sys.executable, "-m", "moldau", "folder", "check", "--json", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def files(folder: Path, pattern: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


def dump(folder: Path, *patterns: str, options: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """What Apache Kafka's own tool prints of these files, by file."""
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    done = run_tool("kafka-dump-log", *options, "--files", ",".join(map(str, found)), timeout=120)
    assert done.returncode == 0, done.stderr
    text: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("Dumping "):
            lines = text[str(Path(line.removeprefix("Dumping ")).relative_to(folder))] = []
        else:
            lines.append(line)
    return text


def same_dump(
    folder: Path, *patterns: str, options: tuple[str, ...] = ("--print-data-log",)
) -> None:
    """Our kafka-dump-log prints of these files what Apache Kafka's prints."""
    paths = [str(path) for pattern in patterns for path in sorted(folder.glob(pattern))]
    arguments = (*options, "--files", ",".join(paths))
    theirs = run_tool("kafka-dump-log", *arguments, timeout=120).stdout
    tool = Path(sys.executable).with_name("kafka-dump-log")
    ours = subprocess.run(
        [tool, *arguments], capture_output=True, text=True, timeout=120, check=True
    )
    assert ours.stdout == theirs
    assert len(theirs) > 1000


def wait_for_snapshot(directory: Path) -> None:
    """One that ends behind the first segment: it is written beside what goes on."""
    deadline = time.monotonic() + 60
    while True:
        _, second, *_ = sorted(directory.glob("*.log"))
        if any(path.name[:20] >= second.stem for path in directory.glob("*-*.checkpoint")):
            return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def cut_at_the_front(directory: Path) -> None:
    """What Apache Kafka does once a minute when its metadata are larger than they may be: the
    first segment goes, and the snapshots that end in it (KafkaRaftLog.maybeClean)."""
    first, second, *_ = sorted(directory.glob("*.log"))
    for path in directory.glob(f"{first.stem}.*"):
        path.unlink()
    for path in directory.glob("*-*.checkpoint"):
        if path.name[:20] < second.stem:
            path.unlink()
    assert list(directory.glob("*-*.checkpoint"))


def test_out_to_apache_kafka_and_in_again(tmp_path: Path) -> None:
    ours, theirs, back = tmp_path / "ours", tmp_path / "theirs", tmp_path / "back"
    with Broker(data=ours, config=SMALL_FOLDER | OFTEN) as broker:
        servers = broker.bootstrap_servers
        create(servers, "orders", 3, retention_ms="999999999999")
        create(servers, "packed", 1, compression_type="zstd", max_message_bytes="500000")
        limit(servers, "slow", 5000.0)
        create(servers, "stamped", 1, message_timestamp_type="LogAppendTime")
        create_many(servers, 40)
        delete(servers, "many-7")
        for codec in CODECS:
            produce(servers, "orders", 40, **{"compression.type": codec})
        produce(servers, "packed", 30)
        produce(servers, "stamped", 30)
        first = consume_in_group(servers, "app", "orders", 80)
        producer_id = new_producer_id(servers)
        sent = [send(servers, "orders", producer_id, sequence) for sequence in range(3)]
        before = topics(servers)
        records = {name: read(servers, name) for name in ("orders", "packed", "stamped")}
        offsets = committed(servers, "app")
    assert not (ours / METADATA / f"{0:020d}.log").exists(), "the metadata log is cut at the front"
    assert check(ours)["apache_kafka"]["can_go_on"]

    shutil.copytree(ours, theirs / "data-1")
    with ApacheKafka(folder=theirs, config=SMALL_FOLDER) as kafka:
        servers = kafka.bootstrap_servers
        assert topics(servers) == before
        assert {name: read(servers, name) for name in records} == records
        assert committed(servers, "app") == offsets
        assert limits(servers) == {"slow": 5000.0}
        limit(servers, "slower", 50.0)
        assert send(servers, "orders", producer_id, 2) == sent[2], "known as sent before"
        sent.append(send(servers, "orders", producer_id, 3))
        assert sent[3] == (ErrorCode.NONE, sent[2][1] + 1)
        assert new_producer_id(servers) > producer_id
        more = consume_in_group(servers, "app", "orders", 60)
        create(servers, "theirs", 2)
        produce(servers, "theirs", 25)
        before = topics(servers)
        records = {name: read(servers, name) for name in (*records, "theirs")}
        offsets = committed(servers, "app")
        newest_id = new_producer_id(servers)

    shutil.copytree(theirs / "data-1", back)
    with Broker(data=back) as broker:
        servers = broker.bootstrap_servers
        assert topics(servers) == before
        assert {name: read(servers, name) for name in records} == records
        assert committed(servers, "app") == offsets
        assert limits(servers) == {"slow": 5000.0, "slower": 50.0}
        assert send(servers, "orders", producer_id, 3) == sent[3]
        assert send(servers, "orders", producer_id, 4)[0] == ErrorCode.NONE
        assert new_producer_id(servers) > newest_id
        rest = consume_in_group(servers, "app", "orders", len(records["orders"]) + 1 - 140)
    everything = sorted([*first, *more, *rest])
    assert [one[:2] for one in everything] == sorted({one[:2] for one in everything})
    assert [one for one in everything if one in set(records["orders"])] == records["orders"]


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_in_from_apache_kafka_and_out_again(tmp_path: Path, killed: bool) -> None:
    theirs, ours, again = tmp_path / "theirs", tmp_path / "ours", tmp_path / "again"
    config = SMALL_FOLDER | OFTEN_THERE
    with ApacheKafka(folder=theirs, config=config) as kafka:
        servers = kafka.bootstrap_servers
        create(servers, "paid", 1)
        create(servers, "plain", 3, retention_ms="888888888888", cleanup_policy="delete")
        create_many(servers, 60)
        transactions(servers, "paid", "till", "acaacac")
        produce(servers, "plain", 90)
        first = consume_in_group(servers, "app", "plain", 40)
        producer_id = new_producer_id(servers)
        sent = [send(servers, "plain", producer_id, sequence) for sequence in range(2)]
        offsets = committed(servers, "app")
        before = topics(servers)
        records = {name: read(servers, name) for name in ("paid", "plain")}
        stable = read(servers, "paid", "read_committed")
        wait_for_snapshot(theirs / "data-1" / METADATA)
        if killed:
            for process in kafka.processes:
                process.kill()
                process.wait()
    data = theirs / "data-1"
    assert len(records["paid"]) > 30 + 35
    assert not any(b"-a-" in (one.value or b"") for one in stable)
    cut_at_the_front(data / METADATA)
    report = check(data)
    assert report["features"]["transaction.version"] == 2
    assert [one["state"] for one in report["transactional_ids"]] == ["CompleteCommit"]
    paid = next(topic for topic in report["topics"] if topic["topic"] == "paid")
    assert paid["partitions"][0]["aborted_transactions"] == 4

    shutil.copytree(data, ours)
    untouched = ("paid-*/*.log", "__transaction_state-*/*.log", "many-*/*.log")
    if killed:  # as if it had not reached the disk
        for path in ours.glob("paid-0/*.txnindex"):
            path.unlink()
    stored = {pattern: files(ours, pattern) for pattern in untouched}
    dumped = dump(data, f"{METADATA}/*.log", options=("--cluster-metadata-decoder",))
    with Broker(data=ours) as broker:
        servers = broker.bootstrap_servers
        assert topics(servers) == before
        assert {name: read(servers, name) for name in records} == records
        assert read(servers, "paid", "read_committed") == stable
        assert committed(servers, "app") == offsets
        assert send(servers, "plain", producer_id, 1) == sent[1]
        assert send(servers, "plain", producer_id, 2)[0] == ErrorCode.NONE
        assert new_producer_id(servers) > producer_id
        more = consume_in_group(servers, "app", "plain", 20)
        assert not set(first) & set(more)
        create(servers, "ours", 2)
        produce(servers, "ours", 20)
        records = {name: read(servers, name) for name in ("paid", "plain", "ours")}
        before, offsets = topics(servers), committed(servers, "app")
    assert {pattern: files(ours, pattern) for pattern in untouched} == stored
    assert files(ours, "paid-0/*.txnindex") == files(data, "paid-0/*.txnindex") != {}
    after = dump(ours, f"{METADATA}/*.log", options=("--cluster-metadata-decoder",))
    for file, lines in dumped.items():
        assert after[file][: len(lines)] == lines

    shutil.copytree(ours, again / "data-1")
    with ApacheKafka(folder=again, config=SMALL_FOLDER) as kafka:
        servers = kafka.bootstrap_servers
        assert topics(servers) == before
        assert {name: read(servers, name) for name in records} == records
        assert read(servers, "paid", "read_committed") == stable
        assert committed(servers, "app") == offsets
        transactions(servers, "paid", "till", "c")
        rest = consume_in_group(servers, "app", "plain", 92 + 1 - 60)
        features = run_tool("kafka-features", "--bootstrap-server", servers, "describe").stdout
        for name, level in report["features"].items():
            shown = "4.3-IV0" if name == "metadata.version" else level
            assert re.search(
                rf"Feature: {re.escape(name)}\s.*FinalizedVersionLevel: {shown}\s", features
            ), features
    everything = sorted([*first, *more, *rest])
    assert everything == records["plain"]
    assert "rebuilding index" not in kafka.logs[0].read_text()


def test_a_folder_with_dynamic_voters(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    with ApacheKafka(folder=theirs, dynamic=True, config=SMALL_FOLDER) as kafka:
        create(kafka.bootstrap_servers, "t", 2)
        settle(kafka.bootstrap_servers)
        before = topics(kafka.bootstrap_servers)
    shutil.copytree(theirs / "data-1", tmp_path / "ours")
    report = check(tmp_path / "ours")
    assert (report["kraft_version"], report["voters"]) == (1, [1])
    with Broker(data=tmp_path / "ours", config=OFTEN) as broker:
        assert topics(broker.bootstrap_servers) == before
        create_many(broker.bootstrap_servers, 60)
        before = topics(broker.bootstrap_servers)
    assert not (tmp_path / "ours" / METADATA / f"{0:020d}.log").exists()
    shutil.copytree(tmp_path / "ours", tmp_path / "again" / "data-1")
    with ApacheKafka(folder=tmp_path / "again", dynamic=True, config=SMALL_FOLDER) as kafka:
        assert topics(kafka.bootstrap_servers) == before
        quorum = run_tool(
            "kafka-metadata-quorum", "--bootstrap-server", kafka.bootstrap_servers,
            "describe", "--status",
        )  # fmt: skip
        assert '"directoryId"' in quorum.stdout or "directoryId" in quorum.stdout, quorum


def test_a_folder_of_an_older_format_stays_one(tmp_path: Path) -> None:
    """Of the oldest that Apache Kafka 4.3 knows."""
    level = "3.3-IV3"
    properties = tmp_path / "format.properties"
    folder = tmp_path / "theirs" / "data-1"
    properties.write_text(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:1\n"
        "controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://127.0.0.1:1,PLAINTEXT://:2\n"
        f"log.dirs={folder}\n"
    )
    done = run_tool(
        "kafka-storage",
        "format",
        "-t",
        "9PGmuv5dS2qW2kmGLVIvBA",
        "-c",
        str(properties),
        "-r",
        level,
    )
    assert done.returncode == 0, done.stderr
    shutil.copytree(folder, tmp_path / "fresh")
    with Broker(data=tmp_path / "fresh") as broker:  # formatted, and never started
        create(broker.bootstrap_servers, "t", 3)
    features = check(tmp_path / "fresh")["features"]
    with ApacheKafka(folder=folder.parent, config=SMALL_FOLDER) as kafka:
        create(kafka.bootstrap_servers, "t", 2)
        produce(kafka.bootstrap_servers, "t", 10)
    assert check(folder)["features"] == features
    shutil.copytree(folder, tmp_path / "ours")
    with Broker(data=tmp_path / "ours", config=OFTEN) as broker:
        create_many(broker.bootstrap_servers, 60)
        produce(broker.bootstrap_servers, "t", 10)
        before = topics(broker.bootstrap_servers)
        records = read(broker.bootstrap_servers, "t")
    shutil.copytree(tmp_path / "ours", tmp_path / "again" / "data-1")
    with ApacheKafka(folder=tmp_path / "again", config=SMALL_FOLDER) as kafka:
        assert topics(kafka.bootstrap_servers) == before
        assert read(kafka.bootstrap_servers, "t") == records
        described = run_tool(
            "kafka-features", "--bootstrap-server", kafka.bootstrap_servers, "describe"
        )
        assert f"FinalizedVersionLevel: {level}" in described.stdout


def refused(folder: Path) -> str:
    with pytest.raises(BrokerError) as error, Broker(data=folder):
        pass
    return str(error.value)


def reasons(folder: Path) -> dict[str, list[str]]:
    found = check(folder, 1)
    assert found["apache_kafka"]["can_go_on"]
    return {one["what"]: one["where"] for one in found["moldau"]["reasons"]}


def test_what_would_be_lost_is_refused(tmp_path: Path) -> None:
    """Everything of which Apache Kafka can make something that we could not go on with."""
    config = SMALL_FOLDER | {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "group.share.enable": "true",
        "transaction.max.timeout.ms": 900_000,
    }
    with ApacheKafka(folder=tmp_path, config=config) as kafka:
        servers = ("--bootstrap-server", kafka.bootstrap_servers)
        create(kafka.bootstrap_servers, "t", 1)
        produce(kafka.bootstrap_servers, "t", 3)
        consumer = Consumer(
            {
                "bootstrap.servers": kafka.bootstrap_servers,
                "group.id": "modern",
                "group.protocol": "consumer",
                "auto.offset.reset": "earliest",
            }
        )
        consumer.subscribe(["t"])
        while consumer.poll(1) is None:
            pass
        consumer.close()
        with start_tool(
            "kafka-console-share-consumer", *servers, "--topic", "t", "--group", "sharing"
        ) as tool:
            until("a group that shares", lambda: "sharing" in groups(kafka.bootstrap_servers))
            tool.terminate()
            tool.communicate(timeout=60)
        rule = run_tool(
            "kafka-acls", *servers, "--add", "--allow-principal", "User:alice", "--operation",
            "Read", "--topic", "t",
        )  # fmt: skip
        user = run_tool(
            "kafka-configs", *servers, "--alter", "--add-config",
            "SCRAM-SHA-256=[iterations=4096,password=secret]", "--entity-type", "users",
            "--entity-name", "bob",
        )  # fmt: skip
        assert (rule.returncode, user.returncode) == (0, 0), (rule, user)
        producer = Producer(
            {
                "bootstrap.servers": kafka.bootstrap_servers,
                "transactional.id": "open",
                "transaction.timeout.ms": 900_000,
            }
        )
        retried(lambda: producer.init_transactions(60))
        producer.begin_transaction()
        producer.produce("t", "never committed")
        assert producer.flush(60) == 0
        producer.send_offsets_to_transaction(
            [TopicPartition("t", 0, 2)], consumer_metadata(kafka.bootstrap_servers), 30
        )
    data = tmp_path / "data-1"
    found = reasons(data)
    text = refused(data)
    expected = {
        "Access rules (1), which would protect nothing here": "User:alice on t",
        "SCRAM credentials (1), which would protect nothing here": "User:bob",
        "Groups of the consumer protocol": "modern (__consumer_offsets-",
        "Groups of the share protocol": "sharing (__consumer_offsets-",
        "Transactions without an end": "open (Ongoing, __transaction_state-",
        "Records of transactions without an end": "t-0 from offset 3 (producer ",
    }
    assert found.keys() == expected.keys()
    for what, where in expected.items():
        assert any(one.startswith(where) for one in found[what]), (what, found[what])
        assert f"  - {what}: " in text
    assert any(
        "__consumer_offsets-" in one for one in found["Records of transactions without an end"]
    )


def consumer_metadata(servers: str) -> object:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "paid"})
    consumer.subscribe(["t"])
    consumer.poll(3)
    return consumer.consumer_group_metadata()


def test_a_folder_of_a_cluster_of_three_is_refused(tmp_path: Path) -> None:
    with ApacheKafka(brokers=3, folder=tmp_path, config=SMALL_FOLDER) as kafka:
        create(kafka.bootstrap_servers, "t", 1)
    found = reasons(tmp_path / "data-2")
    assert found["Other nodes vote on the metadata, and know what this one may not"] == [
        "node 1",
        "node 3",
    ]
    assert "Other nodes vote" in refused_of(2, tmp_path / "data-2")


def refused_of(node: int, folder: Path) -> str:
    with pytest.raises(BrokerError) as error, Broker(data=folder, config={"node.id": node}):
        pass
    return str(error.value)


def test_several_log_directories(tmp_path: Path) -> None:
    """Of two directories of one broker each has a part of the logs."""
    first, second = tmp_path / "data-1", tmp_path / "second"
    with ApacheKafka(folder=tmp_path, config=SMALL_FOLDER) as kafka:
        create(kafka.bootstrap_servers, "one", 1)
    meta = (first / "meta.properties").read_text()
    second.mkdir()
    (second / "meta.properties").write_text(
        "".join(f"{line}\n" for line in meta.splitlines() if "directory.id" not in line)
        + "directory.id=8k2Qm0AMQ1mlKL6p5Zz9Yw\n"
    )
    both = SMALL_FOLDER | {"log.dirs": f"{first},{second}"}
    with ApacheKafka(folder=tmp_path, config=both) as kafka:
        create(kafka.bootstrap_servers, "spread", 6)
        produce(kafka.bootstrap_servers, "spread", 60)
        records = read(kafka.bootstrap_servers, "spread")
    missing = {path.name for path in second.glob("*-*") if path.is_dir()}
    assert "spread-5" in missing, "Apache Kafka puts a new log where there are the fewest"
    ((what, where),) = reasons(first).items()
    assert what == "Partitions whose logs are in other directories of log.dirs"
    assert set(where) == missing
    assert check(second, 1)["moldau"]["reasons"][0]["what"].startswith("Logs of partitions without")
    for path in second.glob("*-*"):
        if path.is_dir():
            shutil.move(path, first / path.name)
    with Broker(data=first) as broker:
        assert read(broker.bootstrap_servers, "spread") == records
