"""DescribeConfigs of a broker with all four layers, against Apache Kafka 4.3.1's answer."""

from pathlib import Path

import pytest

from moldau.protocol.config.broker import BROKER, DIFFERENCES
from moldau.protocol.config.definition import InvalidConfig
from moldau.protocol.config.describe import (
    Entry,
    Source,
    describe_broker,
    describe_cluster_default,
    describe_group,
    describe_topic,
)
from moldau.protocol.config.layers import BrokerConfigs, validate_dynamic

RECORDED = Path(__file__).parent / "recorded" / "config_described.txt"
# What the recorded broker's server.properties said; Kafka adds broker.id itself.
STATIC = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "broker.id": "1",
    "controller.quorum.voters": "1@127.0.0.1:9093",
    "listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
    "controller.listener.names": "CONTROLLER",
    "log.dirs": "/var/lib/kafka/data",
    "log.retention.hours": "24",
    "log.roll.ms": "3600000",
    "log.roll.hours": "5",
    "log.flush.scheduler.interval.ms": "77777",
    "log.segment.bytes": "2000000",
    "some.unknown": "5",
    "listener.name.plaintext.max.connections": "7",
    "ssl.key.password": "secret",
    "log.initial.task.delay.ms": "1000",
    "max.connections": "0500",
    "offsets.topic.replication.factor": "1",
}
# What was then set with an admin client; formatting a folder sets min.insync.replicas.
DEFAULT = {
    "log.retention.ms": "6000",
    "max.connections.per.ip": "1000",
    "log.flush.interval.ms": "9",
    "listener.name.plaintext.max.connections": "6",
    "leader.replication.throttled.rate": "100",
    "min.insync.replicas": "1",
}
OWN = {"log.retention.ms": "5000", "log.cleaner.threads": "2", "nonsense": "x"}
TOPIC = {
    "retention.ms": "1000",
    "cleanup.policy": " compact , delete",
    "segment.ms": "5",
    "internal.segment.bytes": "10000",
    "leader.replication.throttled.replicas": "0:1,1:1",
}
GROUP = {"consumer.session.timeout.ms": "50000"}


def as_line(resource: str, entry: Entry) -> str:
    def text(value: str | None) -> str:
        return "null" if value is None else value

    synonyms = "".join(f" {s.source.name}:{s.name}={text(s.value)}" for s in entry.synonyms)
    flags = f"{entry.is_read_only}|{entry.is_sensitive}".lower()
    return (
        f"{resource}|{entry.name}|{text(entry.value)}|{entry.source.name}|{flags}"
        f"|{entry.type.name}|{synonyms}"
    )


def test_all_layers_are_described_as_kafka_describes_them() -> None:
    configs = BrokerConfigs(STATIC).with_dynamic(DEFAULT, OWN)
    ours = {
        (resource, entry.name): as_line(resource, entry)
        for resource, entries in {
            "TOPIC/plain": describe_topic(configs, {}),
            "TOPIC/conf": describe_topic(configs, TOPIC),
            "BROKER/1": describe_broker(configs),
            "BROKER/": describe_cluster_default(configs),
            "GROUP/g": describe_group(configs, GROUP),
        }.items()
        for entry in entries
    }
    compared = 0
    for line in RECORDED.read_text(encoding="utf-8").splitlines():
        # The Java client's name for the source of a group's own configs.
        line = line.replace("DYNAMIC_GROUP_CONFIG", "GROUP_CONFIG")
        resource, _, rest = line.partition("|")
        name = rest.partition("|")[0]
        if line[0] != "#" and name not in DIFFERENCES:
            assert ours[resource, name] == line
            compared += 1
    assert compared > 130


def test_a_topic_lists_no_more_than_kafka() -> None:
    listed = {entry.name for entry in describe_topic(BrokerConfigs(), {})}
    assert len(listed) == 33
    assert "internal.segment.bytes" not in listed


def test_defaults_of_this_installation_count_as_defaults() -> None:
    configs = BrokerConfigs(defaults={"log.dir": "/home/me/data"})
    (entry,) = [entry for entry in describe_broker(configs) if entry.name == "log.dir"]
    assert (entry.value, entry.source) == ("/home/me/data", Source.DEFAULT_CONFIG)
    assert configs.values["log.dir"] == ("/home/me/data",)


def test_a_stronger_layer_hides_coarser_units_of_weaker_ones() -> None:
    configs = BrokerConfigs({"log.roll.ms": "5", "log.roll.hours": "3"})
    assert configs.values["log.roll.ms"] == 5
    # A listener's own value hides nothing of the others'.
    changed = configs.with_dynamic({}, {"listener.name.x.max.connections": "1"})
    assert changed.values["max.connections"] == 2**31 - 1
    assert configs.with_dynamic({"log.roll.ms": "9"}, {}).values["log.roll.hours"] == 168


@pytest.mark.parametrize(
    ("changes", "per_broker", "message"),
    [
        ({"log.dirs": "x"}, True, "Cannot update these configs dynamically: [log.dirs]"),
        (
            {"log.retention.hours": "5"},
            True,
            "Cannot update these configs dynamically: [log.retention.hours]",
        ),
        (
            {"num.io.threads": "0"},
            True,
            "Invalid value 0 for configuration num.io.threads: Value must be at least 1",
        ),
        (
            {"ssl.key.password": "x"},
            True,
            "These security configs can be dynamically updated only per-listener using the "
            "listener prefix: [ssl.key.password]",
        ),
        (
            {"listeners": "PLAINTEXT://:5"},
            False,
            "Cannot update these configs at default cluster level, broker id must be specified: "
            "[listeners]",
        ),
        (
            {"listener.name.x.ssl.key.password": "x"},
            True,
            "Moldau cannot protect listeners yet and would not pretend to with these configs: "
            "[listener.name.x.ssl.key.password]",
        ),
    ],
)
def test_dynamic_changes_are_refused_as_kafka_refuses_them(
    changes: dict[str, str], per_broker: bool, message: str
) -> None:
    with pytest.raises(InvalidConfig) as refusal:
        validate_dynamic(changes, per_broker)
    assert str(refusal.value) == message


def test_dynamic_changes_that_kafka_takes() -> None:
    validate_dynamic({"nonsense": "x", "log.retention.ms": "5"}, per_broker=False)
    validate_dynamic({"listener.name.x.max.connections": "6"}, per_broker=False)
    validate_dynamic({"listeners": "PLAINTEXT://:5"}, per_broker=True)
    assert all(
        row.mode in ("static", "internal", "broker", "cluster", "dynamic")
        for row in BROKER.values()
    )
