"""Apache Kafka's own tools judge our broker: its answers, and what it leaves on the disk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from moldau.server.embedded import Broker
from tests.apache_kafka import ApacheKafka, run_tool

pytestmark = [pytest.mark.apache, pytest.mark.slow, pytest.mark.timeout(240)]
GROUP = "judged-group"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(data=tmp_path_factory.mktemp("ours") / "data") as broker:
        yield broker


def ask(broker: Broker, tool: str, *args: str, stdin: str = "") -> str:
    """stdout of a tool that must succeed without a warning on stderr."""
    run = run_tool(tool, "--bootstrap-server", broker.bootstrap_servers, *args, stdin=stdin)
    assert (run.returncode, run.stderr) == (0, ""), run
    return run.stdout


def test_topics(broker: Broker) -> None:
    create = ("--create", "--topic", "made", "--partitions", "3", "--config", "retention.ms=5000")
    assert ask(broker, "kafka-topics", *create) == "Created topic made.\n"
    assert "made" in ask(broker, "kafka-topics", "--list").splitlines()
    head, *partitions = ask(broker, "kafka-topics", "--describe", "--topic", "made").splitlines()
    assert re.fullmatch(
        r"Topic: made\tTopicId: [\w-]{22}\tPartitionCount: 3\tReplicationFactor: 1\t"
        r"Configs: .*retention\.ms=5000.*",
        head,
    )
    assert partitions == [
        f"\tTopic: made\tPartition: {i}\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: \tLastKnownElr: "
        for i in range(3)
    ]
    ask(broker, "kafka-topics", "--alter", "--topic", "made", "--partitions", "4")
    described = ask(broker, "kafka-configs", "--describe", "--topic", "made")
    assert "retention.ms=5000" in described
    ask(broker, "kafka-topics", "--delete", "--topic", "made")
    assert "made" not in ask(broker, "kafka-topics", "--list").splitlines()


def test_console_producer_and_consumer(broker: Broker) -> None:
    lines = "".join(f"key-{i}:wert-{i} ✓\n" for i in range(50))
    ask(broker, "kafka-topics", "--create", "--topic", "console")
    keyed = ("--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        ask(
            broker, "kafka-console-producer", "--topic", "console", "--compression-codec", codec,
            *keyed, stdin=lines,
        )  # fmt: skip
    run = run_tool(
        "kafka-console-consumer", "--bootstrap-server", broker.bootstrap_servers,
        "--topic", "console", "--from-beginning", "--max-messages", "250", "--group", GROUP,
        "--formatter-property", "print.key=true", "--formatter-property", "key.separator=:",
    )  # fmt: skip
    assert run.stdout == lines * 5
    assert run.stderr.endswith("Processed a total of 250 messages\n")
    offsets = ask(broker, "kafka-get-offsets", "--topic", "console")
    assert offsets == "console:0:250\n"


def test_groups(broker: Broker) -> None:
    commit(broker, "groups-topic", GROUP + "-2", produced=7, committed=5)
    assert GROUP + "-2" in ask(broker, "kafka-consumer-groups", "--list").splitlines()
    run = run_tool(
        "kafka-consumer-groups", "--bootstrap-server", broker.bootstrap_servers,
        "--describe", "--group", GROUP + "-2",
    )  # fmt: skip
    assert run.stdout.split()[-9:-2] == [
        GROUP + "-2", "groups-topic", "0", "5", "7", "2", "-"
    ]  # fmt: skip
    reset = ask(
        broker, "kafka-consumer-groups", "--group", GROUP + "-2", "--topic", "groups-topic",
        "--reset-offsets", "--to-earliest", "--execute",
    )  # fmt: skip
    assert reset.split()[-4:] == [GROUP + "-2", "groups-topic", "0", "0"]
    deleted = ask(broker, "kafka-consumer-groups", "--delete", "--group", GROUP + "-2")
    assert "successful" in deleted


def test_verifiable_clients(broker: Broker) -> None:
    produced = ask(
        broker, "kafka-verifiable-producer", "--topic", "verified", "--max-messages", "200",
        "--throughput", "-1", "--acks", "-1",
    )  # fmt: skip
    events = [json.loads(line) for line in produced.splitlines()]
    assert (events[-1]["sent"], events[-1]["acked"]) == (200, 200)
    consumed = run_tool(
        "kafka-verifiable-consumer", "--bootstrap-server", broker.bootstrap_servers,
        "--topic", "verified", "--group-id", "verifying", "--max-messages", "200",
        "--reset-policy", "earliest",
    )  # fmt: skip
    told = [json.loads(line) for line in consumed.stdout.splitlines() if line.startswith("{")]
    assert sum(e["count"] for e in told if e["name"] == "records_consumed") == 200
    commits = [e for e in told if e["name"] == "offsets_committed"]
    assert commits
    assert all(e["success"] for e in commits)


def test_perf_tests(broker: Broker) -> None:
    ask(broker, "kafka-topics", "--create", "--topic", "perf", "--partitions", "2")
    said = ask(
        broker, "kafka-producer-perf-test", "--topic", "perf", "--num-records", "3000",
        "--record-size", "100", "--throughput", "-1", "--command-property", "acks=all",
    )  # fmt: skip
    assert "3000 records sent" in said
    run = run_tool(
        "kafka-consumer-perf-test", "--bootstrap-server", broker.bootstrap_servers,
        "--topic", "perf", "--num-records", "3000", "--timeout", "20000",
    )  # fmt: skip
    assert run.stdout.splitlines()[1].split(", ")[4] == "3000"


def test_an_administrator_goes_round(broker: Broker, tmp_path: Path) -> None:
    """What Java's Admin can ask of us and the tests above have not: each answer is read back."""
    ask(broker, "kafka-topics", "--create", "--topic", "round")
    ask(broker, "kafka-console-producer", "--topic", "round", stdin="a\nb\nc\n")
    plan = tmp_path / "plan.json"
    plan.write_text('{"partitions":[{"topic":"round","partition":0,"offset":2}],"version":1}')
    deleted = ask(broker, "kafka-delete-records", "--offset-json-file", str(plan))
    assert "low_watermark: 2" in deleted
    assert ask(broker, "kafka-get-offsets", "--topic", "round", "--time", "-2") == "round:0:2\n"
    dirs = ask(broker, "kafka-log-dirs", "--describe", "--topic-list", "round")
    assert '"partition":"round-0"' in dirs
    alter = ("--alter", "--add-config", "log.retention.ms=5000000", "--broker", "1")
    ask(broker, "kafka-configs", *alter)
    assert "log.retention.ms=5000000" in ask(broker, "kafka-configs", "--describe", "--broker", "1")
    ask(broker, "kafka-configs", "--alter", "--delete-config", "log.retention.ms", "--broker", "1")
    assert "metadata.version" in ask(broker, "kafka-features", "describe")
    server = ("--bootstrap-server", broker.bootstrap_servers)
    assert run_tool("kafka-cluster", "cluster-id", *server).stdout.startswith("Cluster ID: ")


def test_the_versions_that_the_broker_says_it_serves(broker: Broker) -> None:
    said = ask(broker, "kafka-broker-api-versions")
    assert "Produce(0): 0 to 13 [usable: 13]" in said
    assert "OffsetFetch(9): 1 to 10 [usable: 10]" in said


def commit(
    broker: Broker | ApacheKafka, topic: str, group: str, produced: int, committed: int
) -> None:
    """`produced` records in a new topic, of which a consumer that joins commits `committed`."""
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for i in range(produced):
        producer.produce(topic, str(i), partition=0)
    assert producer.flush(60) == 0
    settings = {
        "bootstrap.servers": broker.bootstrap_servers,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    assert len(consumer.consume(produced, 60)) == produced
    consumer.commit(
        offsets=[TopicPartition(topic, 0, committed, metadata="näher")], asynchronous=False
    )
    consumer.close()


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a broker that has created, changed and deleted topics, and served a group."""
    data = tmp_path_factory.mktemp("left") / "data"
    with Broker(data=data) as broker:
        commit(broker, "kept", GROUP, produced=3, committed=2)
        ask(broker, "kafka-topics", "--create", "--topic", "gone", "--partitions", "2")
        alter = ("--alter", "--add-config", "retention.ms=77", "--topic", "kept")
        ask(broker, "kafka-configs", *alter)
        ask(broker, "kafka-topics", "--delete", "--topic", "gone")
    return data


def dump(decoder: str, folders: list[Path]) -> str:
    """What kafka-dump-log reads from all segments of the folders; every record must decode."""
    files = [str(path) for folder in folders for path in sorted(folder.glob("*.log"))]
    run = run_tool("kafka-dump-log", decoder, "--deep-iteration", "--files", ",".join(files))
    assert (run.returncode, run.stderr) == (0, ""), run
    assert "isvalid: true" in run.stdout
    for wrong in ("isvalid: false", "rror", "skipping", "Could not"):
        assert wrong not in run.stdout
    return run.stdout


def test_dump_of_the_metadata_log(left_behind: Path) -> None:
    said = dump("--cluster-metadata-decoder", [left_behind / "__cluster_metadata-0"])
    for record in (
        '"type":"REGISTER_BROKER_RECORD"',
        '"type":"FEATURE_LEVEL_RECORD"',
        '"type":"TOPIC_RECORD","version":0,"data":{"name":"kept"',
        '"type":"REMOVE_TOPIC_RECORD"',
        '"name":"retention.ms","value":"77"',
    ):
        assert record in said


def group_records(data: Path, group: str) -> list[tuple[str, str]]:
    """Keys and values that tell of a group, without what no two runs share."""
    said = dump("--offsets-decoder", sorted(data.glob("__consumer_offsets-*")))
    for changes, instead in (
        (r"rdkafka-[\w-]{36}", "MEMBER"),
        (r'"(\w*Timestamp)":\d{13}', r'"\1":NOW'),
        (r'"topicId":"[\w-]{22}"', '"topicId":"ID"'),
    ):
        said = re.sub(changes, instead, said)
    return re.findall(rf'key: (.*"group":"{group}".*) payload: (.*)', said)


def test_a_group_leaves_the_records_that_it_leaves_in_apache_kafka(
    left_behind: Path, apache_kafka: ApacheKafka
) -> None:
    commit(apache_kafka, "kept", GROUP, produced=3, committed=2)
    ours = group_records(left_behind, GROUP)
    assert ours == group_records(apache_kafka.data_dirs[0], GROUP)
    assert any('"offset":2' in value for _, value in ours)
    assert any('"assignedPartitions":[{"topic":"kept"' in value for _, value in ours)


def test_dump_of_a_topic(left_behind: Path) -> None:
    said = dump("--print-data-log", [left_behind / "kept-0"])
    assert re.findall(r"payload: (\d)", said) == ["0", "1", "2"]
