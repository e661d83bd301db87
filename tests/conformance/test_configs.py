"""Configs of topics, brokers, groups, client metrics and loggers: listed, validated, altered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from tests.conformance.both import Both, Pair

pytestmark = pytest.mark.apache

TOPIC, BROKER, LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = range(4)
Change = tuple[str, int, str | None]
Resource = dict[str, Any]


def changed(kind: int, name: str, *changes: Change) -> Resource:
    """Of IncrementalAlterConfigs."""
    configs = [
        {"name": key, "config_operation": how, "value": value} for key, how, value in changes
    ]
    return {"resource_type": kind, "resource_name": name, "configs": configs}


def replaced(kind: int, name: str, **values: str | None) -> Resource:
    """Of AlterConfigs; underscores stand for dots."""
    configs = [{"name": k.replace("_", "."), "value": v} for k, v in values.items()]
    return {"resource_type": kind, "resource_name": name, "configs": configs}


def alter(both: Both, *resources: Resource, validate_only: bool = False, version: int = 1) -> Pair:
    return both.ask(
        "IncrementalAlterConfigs", version, resources=list(resources), validate_only=validate_only
    )


def validate(both: Both, *resources: Resource) -> None:
    alter(both, *resources, validate_only=True)


def validate_each(both: Both, kind: int, name: str, settings: Iterable[tuple[str, str]]) -> None:
    """One after the other, because a request stops at its first error."""
    for key, value in settings:
        validate(both, changed(kind, name, (key, SET, value)))


def describe(
    both: Both,
    kind: int,
    name: str,
    *keys: str,
    version: int = 4,
    include_synonyms: bool = True,
    include_documentation: bool = False,
) -> None:
    resource: Resource = {"resource_type": kind, "resource_name": name}
    if keys:
        resource["configuration_keys"] = [key for key in keys if key]
    both.ask(
        "DescribeConfigs",
        version,
        resources=[resource],
        include_synonyms=include_synonyms,
        include_documentation=include_documentation,
    )


def resources(both: Both, *types: int, version: int = 1) -> None:
    both.ask("ListConfigResources", version, resource_types=list(types))


# --- listing -------------------------------------------------------------------------------------


def test_describe_a_topic(both: Both) -> None:
    topic = both.topic(retention_ms="500000", cleanup_policy="compact,delete")
    for version in range(1, 5):
        describe(both, TOPIC, topic, version=version)
    describe(both, TOPIC, topic, include_synonyms=False)
    describe(both, TOPIC, topic, "retention.ms", "bogus", "", "retention.ms")
    describe(both, TOPIC, topic, "")


def test_describe_a_topic_whose_configs_are_oddly_written(both: Both) -> None:
    topic = both.topic(retention_ms=" 5 ", cleanup_policy=" compact , delete", preallocate="TRUE")
    describe(both, TOPIC, topic)


@pytest.mark.parametrize("name", ["nope", "a b", "", "x" * 250])
def test_describe_a_topic_that_is_not_there(both: Both, name: str) -> None:
    describe(both, TOPIC, name)


@pytest.mark.parametrize("name", ["", "7", "x", "-1"])
def test_describe_a_broker_that_is_not_this_one(both: Both, name: str) -> None:
    describe(both, BROKER, name)


def test_describe_a_broker(both: Both) -> None:
    describe(
        both,
        *(BROKER, "1", "num.partitions", "log.retention.ms", "log.retention.hours"),
        *("background.threads", "bogus", "min.insync.replicas"),
    )


def test_describe_every_config_of_a_broker(both: Both) -> None:
    """But where it lies and listens, and which part it has in a cluster: that is each one's own."""
    own = {"broker.id", "controller.listener.names", "controller.quorum.voters", "listeners"}
    own |= {"log.dir", "log.dirs", "node.id", "process.roles"}
    wanted = {"resource_type": BROKER, "resource_name": "1"}
    answer = both.quietly("DescribeConfigs", resources=[wanted])
    listed = answer.map(lambda found: {config.name for config in found.results[0].configs})
    assert listed.ours - listed.theirs == {"moldau.sync"}
    describe(both, BROKER, "1", *sorted(listed.theirs - own))


@pytest.mark.parametrize("name", ["", "7", "x"])
def test_describe_loggers_that_are_not_here(both: Both, name: str) -> None:
    describe(both, LOGGER, name)


@pytest.mark.parametrize("kind", [GROUP, CLIENT_METRICS])
def test_describe_what_nobody_has_set(both: Both, kind: int) -> None:
    describe(both, kind, "nobody")
    describe(both, kind, "nobody", "interval.ms", "consumer.session.timeout.ms", "bogus")
    describe(both, kind, "")


@pytest.mark.parametrize("kind", [0, 1, 5, -1, 127])
def test_describe_what_has_no_configs(both: Both, kind: int) -> None:
    describe(both, kind, "x")


def test_describe_several_at_once(both: Both) -> None:
    topic = both.topic()
    wanted = [(TOPIC, topic), (TOPIC, "nope"), (BROKER, "7"), (GROUP, ""), (TOPIC, topic)]
    keys = ["retention.ms"]
    both.ask(
        "DescribeConfigs",
        resources=[
            {"resource_type": kind, "resource_name": name, "configuration_keys": keys}
            for kind, name in wanted
        ],
    )
    both.ask("DescribeConfigs", resources=[])


def test_documentation(both: Both) -> None:
    topic = both.topic()
    describe(both, TOPIC, topic, "retention.ms", include_documentation=True)


def test_resources_of_no_kind(both: Both) -> None:
    resources(both, 7)
    resources(both, CLIENT_METRICS, 0)
    resources(both, version=0)


# --- validating ----------------------------------------------------------------------------------

TWO_UNKNOWN: list[Change] = [("bogus", SET, "1"), ("a", SET, "1"), ("", SET, "1")]
ON_A_TOPIC: Mapping[str, list[Change]] = {
    "unknown": [("bogus", SET, "1")],
    "fine": [("retention.ms", SET, "1"), ("segment.ms", DELETE, "")],
    "append to what is no list": [("retention.ms", APPEND, "1")],
    "append to what is unknown": [("bogus", APPEND, "1")],
    "append": [("cleanup.policy", APPEND, "compact")],
    "append what is there": [("cleanup.policy", APPEND, "delete")],
    "append nothing": [("cleanup.policy", APPEND, "")],
    "append null": [("cleanup.policy", APPEND, None)],
    "subtract all": [("cleanup.policy", SUBTRACT, "delete")],
    "subtract what is not there": [("cleanup.policy", SUBTRACT, "compact")],
    "subtract from what is no list": [("retention.ms", SUBTRACT, "1")],
    "null": [("retention.ms", SET, None)],
    "delete what is unknown": [("bogus", DELETE, None)],
    "same key twice": [("retention.ms", SET, "1"), ("retention.ms", SET, "2")],
    "same key in two ways": [("retention.ms", SET, "1"), ("retention.ms", DELETE, None)],
    "too long": [("leader.replication.throttled.replicas", SET, "0:1," * 8000 + "0:1")],
    "two wrong": [("retention.ms", SET, "x"), ("bogus", SET, "1")],
    "two wrong, the other way round": [("bogus", SET, "1"), ("retention.ms", SET, "x")],
    "append to two that are no lists": [("index.interval.bytes", APPEND, "1"), ("a", APPEND, "1")],
    "two unknown": TWO_UNKNOWN,
    "internal": [("internal.segment.bytes", SET, "5000")],
    "lag of compaction": [("min.compaction.lag.ms", SET, "9"), ("max.compaction.lag.ms", SET, "8")],
    "remote storage": [("remote.storage.enable", SET, "true")],
    "local retention": [("local.retention.ms", SET, "9999999999")],
}


@pytest.mark.parametrize("name", ON_A_TOPIC)
def test_alter_a_topic(both: Both, name: str) -> None:
    topic = both.topic(2, retention_ms="500000")
    for validate_only in (True, False):
        alter(both, changed(TOPIC, topic, *ON_A_TOPIC[name]), validate_only=validate_only)
    describe(both, TOPIC, topic)


def test_alter_a_topic_in_no_known_way(both: Both) -> None:
    validate(both, changed(TOPIC, both.topic(), ("retention.ms", 9, "1")))


def test_alter_several_topics(both: Both) -> None:
    topic = both.topic()
    validate(
        both,
        changed(TOPIC, topic, ("retention.ms", SET, "x")),
        changed(TOPIC, "nope", ("retention.ms", SET, "5")),
        changed(TOPIC, "", ("retention.ms", SET, "5")),
        changed(TOPIC, "a b", ("retention.ms", SET, "5")),
        changed(TOPIC, "nope2", ("bogus", SET, "5")),
    )
    validate(both, *(changed(TOPIC, topic, ("retention.ms", SET, value)) for value in "12"))
    validate(both)


def test_alter_a_topic_and_see(both: Both) -> None:
    topic = both.topic()
    for changes in (
        [("retention.ms", SET, "5"), ("cleanup.policy", APPEND, "compact")],
        [("cleanup.policy", SUBTRACT, "delete"), ("min.insync.replicas", SET, "2")],
        [("cleanup.policy", DELETE, None), ("retention.ms", DELETE, None)],
    ):
        alter(both, changed(TOPIC, topic, *changes))
        describe(both, TOPIC, topic)


ON_ALL_BROKERS: Mapping[str, Change] = {
    "type": ("log.retention.ms", SET, "x"),
    "range": ("log.segment.bytes", SET, "1"),
    "append to what is no list": ("log.retention.ms", APPEND, "1"),
    "append to what is unknown": ("bogus", APPEND, "1"),
    "unknown": ("bogus", SET, "1"),
    "unknown operation": ("log.retention.ms", 9, "1"),
    "threads": ("num.io.threads", SET, "9"),
    "minimum in sync removed": ("min.insync.replicas", DELETE, None),
    "only for one broker": ("listeners", SET, "PLAINTEXT://:9"),
    "read-only": ("num.partitions", SET, "5"),
}


@pytest.mark.parametrize("name", ON_ALL_BROKERS)
def test_alter_all_brokers(both: Both, name: str) -> None:
    validate(both, changed(BROKER, "", ON_ALL_BROKERS[name]))


def test_alter_one_broker(both: Both) -> None:
    validate(
        both,
        changed(BROKER, "7", ("log.retention.ms", SET, "5")),
        changed(BROKER, "x"),
        changed(BROKER, "1", ("node.id", SET, "5")),
        changed(BROKER, "", ("listeners", SET, "PLAINTEXT://:9")),
    )
    validate(both, changed(BROKER, "1", ("min.insync.replicas", SET, "1")))


def test_alter_threads(both: Both) -> None:
    validate_each(
        both,
        BROKER,
        "",
        [
            ("num.io.threads", "3"),
            ("num.io.threads", "4"),
            ("num.io.threads", "16"),
            ("num.io.threads", "17"),
            ("num.network.threads", "7"),
            ("num.replica.fetchers", "2"),
            ("num.replica.fetchers", "3"),
            ("num.recovery.threads.per.data.dir", "5"),
            ("background.threads", "21"),
            ("log.cleaner.threads", "0"),
            ("log.cleaner.threads", "3"),
            ("remote.log.reader.threads", "21"),
            ("remote.log.manager.copier.thread.pool.size", "4"),
        ],
    )


def test_alter_what_must_fit_together(both: Both) -> None:
    validate_each(
        both,
        BROKER,
        "",
        [
            ("log.roll.ms", "0"),
            ("log.roll.jitter.ms", "-1"),
            ("log.retention.ms", "0"),
            ("log.retention.ms", "-1"),
            ("log.retention.ms", "-5"),
            ("log.retention.minutes", "5"),
            ("log.local.retention.ms", "999999999999"),
            ("log.local.retention.ms", "-1"),
            ("log.local.retention.bytes", "-1"),
            ("log.cleaner.dedupe.buffer.size", "1000"),
            ("group.consumer.assignment.interval.ms", "15001"),
            ("group.share.assignment.interval.ms", "15001"),
            ("group.streams.assignment.interval.ms", "-1"),
            ("max.connections", "0"),
            ("max.connections", "-1"),
            ("max.connection.creation.rate", "0"),
            ("max.connections.per.ip", "0"),
            ("max.connections.per.ip.overrides", "127.0.0.1:5"),
            ("max.connections.per.ip.overrides", "127.0.0.1:x"),
            ("max.connections.per.ip.overrides", "127.0.0.1"),
            ("max.connections.per.ip.overrides", "a b:5"),
            ("message.max.bytes", "-1"),
            ("compression.type", "rar"),
            ("min.insync.replicas", "0"),
            ("unclean.leader.election.enable", "perhaps"),
            ("producer.id.expiration.ms", "0"),
            ("follower.replication.throttled.rate", "-1"),
        ],
    )


@pytest.mark.parametrize("broker", ["", "1"])
def test_alter_listeners(both: Both, broker: str) -> None:
    validate_each(
        both,
        BROKER,
        broker,
        [
            ("listener.name.plaintext.max.connections", "7"),
            ("listener.name.plaintext.max.connection.creation.rate", "7"),
            ("listener.name.plaintext.num.network.threads", "4"),
            ("listener.name.plaintext.max.connections", "x"),
            ("ssl.keystore.location", "/a"),
        ],
    )


def test_alter_a_group(both: Both) -> None:
    validate_each(
        both,
        GROUP,
        "g",
        [
            ("consumer.session.timeout.ms", "50000"),
            ("consumer.session.timeout.ms", "5"),
            ("consumer.session.timeout.ms", "500000"),
            ("consumer.session.timeout.ms", "x"),
            ("consumer.heartbeat.interval.ms", "1"),
            ("consumer.heartbeat.interval.ms", "15000"),
            ("consumer.assignment.interval.ms", "15001"),
            ("share.auto.offset.reset", "earliest"),
            ("share.auto.offset.reset", "never"),
            ("share.isolation.level", "READ"),
            ("share.record.lock.duration.ms", "5000"),
            ("share.delivery.count.limit", "11"),
            ("share.partition.max.record.locks", "1"),
            ("streams.num.standby.replicas", "3"),
            ("streams.initial.rebalance.delay.ms", "-1"),
            ("bogus", "1"),
        ],
    )
    two_wrong: list[Change] = [
        ("consumer.session.timeout.ms", SET, "5"),
        ("consumer.heartbeat.interval.ms", SET, "1"),
    ]
    validate(both, changed(GROUP, "g", *two_wrong))
    validate(both, changed(GROUP, "g", *TWO_UNKNOWN))


def test_alter_a_group_in_other_ways(both: Both) -> None:
    timeout = "consumer.session.timeout.ms"
    validate(both, changed(GROUP, "", (timeout, SET, "50000")))
    validate(both, changed(GROUP, "g", (timeout, APPEND, "50000")))
    validate(both, changed(GROUP, "g", (timeout, DELETE, None)))
    for resource in (replaced(GROUP, "g", consumer_session_timeout_ms="1"), replaced(GROUP, "")):
        both.ask("AlterConfigs", resources=[resource], validate_only=True)


def test_alter_a_group_and_see(both: Both) -> None:
    for change in (
        ("share.auto.offset.reset", SET, "earliest"),
        ("share.auto.offset.reset", DELETE, None),
    ):
        alter(both, changed(GROUP, "kept", change))
        describe(both, GROUP, "kept")
        resources(both, GROUP)


def test_alter_client_metrics(both: Both) -> None:
    validate_each(
        both,
        CLIENT_METRICS,
        "m",
        [
            ("interval.ms", "100"),
            ("interval.ms", "99"),
            ("interval.ms", "3600001"),
            ("interval.ms", "x"),
            ("metrics", "org.apache.kafka.producer.,org.apache.kafka.consumer."),
            ("metrics", ""),
            ("metrics", "*"),
            ("match", "client_id=a"),
            ("match", "client_id = a.* , client_software_version=1\\.[0-9]"),
            ("match", "client_id"),
            ("match", "client_id=a=b"),
            ("match", "client_id="),
            ("match", "=a"),
            ("match", "client=a"),
            ("match", "client_id=["),
            ("match", "client_software_name=(?i)Java\\p{Digit}"),
            ("bogus", "1"),
        ],
    )


def test_alter_client_metrics_in_other_ways(both: Both) -> None:
    validate(both, changed(CLIENT_METRICS, "", ("interval.ms", SET, "500")))
    validate(both, changed(CLIENT_METRICS, "m", ("metrics", APPEND, "a")))
    validate(both, changed(CLIENT_METRICS, "m", *TWO_UNKNOWN))
    for resource in (replaced(CLIENT_METRICS, ""), replaced(CLIENT_METRICS, "m", interval_ms="1")):
        both.ask("AlterConfigs", resources=[resource], validate_only=True)


def test_alter_client_metrics_and_see(both: Both) -> None:
    alter(
        both,
        changed(CLIENT_METRICS, "sub", ("interval.ms", SET, "500"), ("metrics", SET, "a,b")),
    )
    describe(both, CLIENT_METRICS, "sub")
    resources(both, CLIENT_METRICS)
    resources(both, version=0)
    alter(both, changed(CLIENT_METRICS, "sub", ("metrics", DELETE, None)))
    describe(both, CLIENT_METRICS, "sub")
    both.ask("AlterConfigs", resources=[replaced(CLIENT_METRICS, "sub")])
    resources(both, CLIENT_METRICS)


LOGGERS: tuple[tuple[str, Change], ...] = (
    ("1", ("root", SET, "DEBUG")),
    ("1", ("root", SET, "LOUD")),
    ("1", ("root", SET, "debug")),
    ("1", ("root", DELETE, None)),
    ("1", ("root", APPEND, "INFO")),
    ("1", ("root", SUBTRACT, "INFO")),
    ("1", ("bogus", DELETE, None)),
    ("1", ("bogus", APPEND, "x")),
    ("x", ("root", SET, "DEBUG")),
    ("", ("root", SET, "DEBUG")),
    ("1", ("root", SET, None)),
    ("1", ("kafka.bogus", SET, "INFO")),
    ("2", ("root", SET, "INFO")),
)


def test_alter_loggers(both: Both) -> None:
    for broker, change in LOGGERS:
        validate(both, changed(LOGGER, broker, change))


def test_alter_the_root_logger_and_see(both: Both) -> None:
    for level in ("ERROR", "INFO"):
        alter(both, changed(LOGGER, "1", ("root", SET, level)))
        describe(both, LOGGER, "1", "root")


def test_alter_what_has_no_configs(both: Both) -> None:
    for kind in (0, 1, 5):
        validate(both, changed(kind, "1"))
        validate(both, changed(kind, "1", ("a", SET, "b")))


def test_replace(both: Both) -> None:
    topic = both.topic()
    for version in range(3):
        both.ask(
            "AlterConfigs",
            version,
            resources=[
                replaced(TOPIC, topic, retention_ms="5"),
                replaced(TOPIC, "nope"),
                replaced(TOPIC, ""),
                replaced(LOGGER, "1"),
                replaced(BROKER, "1", node_id="3"),
                replaced(BROKER, ""),
                replaced(5, "1"),
            ],
            validate_only=True,
        )
    both.ask("AlterConfigs", resources=[replaced(TOPIC, topic, retention_ms=None)])
    both.ask("AlterConfigs", resources=[replaced(TOPIC, topic, retention_ms="x", bogus="1")])
    for value in ("5", "6"):
        both.ask("AlterConfigs", resources=[replaced(TOPIC, topic, retention_ms=value)])
        describe(both, TOPIC, topic)
    both.ask("AlterConfigs", resources=[replaced(TOPIC, topic, segment_ms="7")])
    describe(both, TOPIC, topic)


def test_a_default_of_all_brokers(both: Both) -> None:
    topic = both.topic()
    alter(both, changed(BROKER, "", ("log.retention.ms", SET, "7200000")))
    describe(both, BROKER, "")
    describe(both, TOPIC, topic)
    alter(both, changed(BROKER, "", ("log.retention.ms", DELETE, None)))
    describe(both, BROKER, "")
    describe(both, TOPIC, topic)
