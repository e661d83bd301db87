"""Decisions on configs. The texts are those of Apache Kafka 4.3.1, or say that they are ours."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from moldau.cluster.alter_configs import Situation, alter_configs, incremental_alter_configs
from moldau.cluster.configs import effective, topic_values
from moldau.cluster.decided import Decided
from moldau.cluster.image import ClusterImage, ResourceType
from moldau.protocol.messages import alter_configs as plain
from moldau.protocol.messages import incremental_alter_configs as incremental
from moldau.protocol.messages import metadata_log as m
from tests.cluster.situations import CONFIGS, cluster, topic, with_topics

TOPIC, BROKER = ResourceType.TOPIC, ResourceType.BROKER
SET, DELETE, APPEND, SUBTRACT = range(4)
Change = tuple[str, int, str | None]
ELR = m.FeatureLevelRecord(name="eligible.leader.replicas.version", feature_level=1)


def situation(image: ClusterImage | None = None) -> Situation:
    if image is None:
        configured = topic("t", retention_ms="5", cleanup_policy="delete")
        image = with_topics(cluster(1), configured, topic("other"))
    return Situation(image, effective(image, CONFIGS, 1), 1, ("root", "moldau.request"))


def alter(
    *resources: tuple[int, str, Sequence[Change]],
    now: Situation | None = None,
    validate_only: bool = False,
) -> Decided:
    request = incremental.IncrementalAlterConfigsRequest(
        resources=[
            incremental.AlterConfigsResource(
                resource_type=kind,
                resource_name=name,
                configs=[
                    incremental.AlterableConfig(name=key, config_operation=how, value=value)
                    for key, how, value in changes
                ],
            )
            for kind, name, changes in resources
        ],
        validate_only=validate_only,
    )
    return incremental_alter_configs(now or situation(), request)


def replace(*resources: tuple[int, str, dict[str, str]], now: Situation | None = None) -> Decided:
    request = plain.AlterConfigsRequest(
        resources=[
            plain.AlterConfigsResource(
                resource_type=kind,
                resource_name=name,
                configs=[
                    plain.AlterableConfig(name=key, value=value) for key, value in values.items()
                ],
            )
            for kind, name, values in resources
        ]
    )
    return alter_configs(now or situation(), request)


def outcomes(decided: Decided) -> list[tuple[int, str | None]]:
    return [(r.error_code, r.error_message) for r in decided.response.responses]


def after(decided: Decided, kind: int = TOPIC, name: str = "t") -> dict[str, str]:
    assert {code for code, _ in outcomes(decided)} == {0}, outcomes(decided)
    return dict(situation().image.apply(decided.records).config(kind, name))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("segment.ms", SET, "7")], {"retention.ms": "5", "segment.ms": "7"}),
        ([("retention.ms", SET, "6")], {"retention.ms": "6"}),
        ([("retention.ms", DELETE, None)], {}),
        ([("retention.ms", DELETE, "ignored")], {}),
        ([("segment.ms", DELETE, None)], {"retention.ms": "5"}),
    ],
)
def test_single_values_are_set_and_taken_away(
    changes: list[Change], expected: dict[str, str]
) -> None:
    found = after(alter((TOPIC, "t", changes)))
    assert found == {"cleanup.policy": "delete"} | expected


@pytest.mark.parametrize(
    ("how", "value", "expected"),
    [
        (APPEND, "compact", "delete,compact"),
        (APPEND, "delete", "delete"),
        (APPEND, "delete,compact", "delete,compact"),
        (SUBTRACT, "compact", "delete"),
        (SUBTRACT, "delete", ""),
    ],
)
def test_lists_grow_and_shrink(how: int, value: str, expected: str) -> None:
    decided = alter((TOPIC, "t", [("cleanup.policy", how, value)]))
    assert after(decided)["cleanup.policy"] == expected


def test_list_that_was_not_set_grows_from_the_default() -> None:
    now = situation(with_topics(cluster(1), topic("t")))
    decided = alter((TOPIC, "t", [("cleanup.policy", APPEND, "compact")]), now=now)
    assert now.image.apply(decided.records).config(TOPIC, "t") == {
        "cleanup.policy": "delete,compact"
    }


def test_value_that_stays_the_same_is_not_written_for_a_topic_but_for_a_broker() -> None:
    assert not alter((TOPIC, "t", [("retention.ms", SET, "5")])).records
    image = cluster(1).apply(
        [m.ConfigRecord(resource_type=4, resource_name="", name="log.retention.ms", value="5")]
    )
    same = alter((BROKER, "", [("log.retention.ms", SET, "5")]), now=situation(image))
    assert len(same.records) == 1


def test_validate_only_writes_nothing() -> None:
    decided = alter((TOPIC, "t", [("retention.ms", SET, "6")]), validate_only=True)
    assert outcomes(decided) == [(0, None)]
    assert not decided.records


INVALID = (
    "Invalid value org.apache.kafka.common.config.ConfigException: {} "
    "for configuration Invalid dynamic configuration"
)
CONFLICT = "conflict topic config setting min.compaction.lag.ms (5) > max.compaction.lag.ms (4)"
REFUSED: list[tuple[int, str, list[Change], int, str]] = [
    (
        TOPIC,
        "t",
        [("retention.ms", SET, "x")],
        40,
        "Invalid value x for configuration retention.ms: Not a number of type LONG",
    ),
    (TOPIC, "t", [("bogus", SET, "1")], 40, "Unknown topic config name: bogus"),
    (TOPIC, "nope", [("retention.ms", SET, "5")], 3, "The topic 'nope' does not exist."),
    (TOPIC, "nope", [("retention.ms", DELETE, None)], 3, "The topic 'nope' does not exist."),
    (TOPIC, "", [("retention.ms", SET, "5")], 42, "Default topic resources are not allowed."),
    (
        TOPIC,
        "a b",
        [("retention.ms", SET, "5")],
        17,
        "Topic name is invalid: 'a b' contains one or more characters other than ASCII "
        "alphanumerics, '.', '_' and '-'",
    ),
    (
        TOPIC,
        "t",
        [("retention.ms", APPEND, "5")],
        40,
        "Can't APPEND to key retention.ms because its type is not LIST.",
    ),
    (
        TOPIC,
        "t",
        [("bogus", SUBTRACT, "5")],
        40,
        "Can't SUBTRACT to key bogus because its type is not LIST.",
    ),
    (
        TOPIC,
        "t",
        [("cleanup.policy", APPEND, "")],
        40,
        "Configuration 'cleanup.policy' values must not be empty.",
    ),
    (
        TOPIC,
        "t",
        [("min.compaction.lag.ms", SET, "5"), ("max.compaction.lag.ms", SET, "4")],
        40,
        CONFLICT,
    ),
    (
        TOPIC,
        "t",
        [("retention.ms", SET, None), ("segment.ms", SET, None)],
        42,
        "Null value not supported for : retention.ms, segment.ms",
    ),
    (
        TOPIC,
        "t",
        [("retention.ms", SET, "1"), ("retention.ms", SET, "2")],
        42,
        "Error due to duplicate config keys",
    ),
    (TOPIC, "t", [("retention.ms", 9, "1")], 42, "Unknown operations type 9"),
    (BROKER, "7", [], 42, "Unexpected broker id, expected 1, but received 7"),
    (BROKER, "x", [], 42, "Node id must be an integer, but it is: x"),
    (
        BROKER,
        "1",
        [("node.id", SET, "5"), ("log.retention.ms", SET, "5")],
        42,
        "Cannot update these configs dynamically: [node.id]",
    ),
    (
        BROKER,
        "",
        [("listeners", SET, "PLAINTEXT://:9")],
        42,
        "Cannot update these configs at default cluster level, broker id must be specified: "
        "[listeners]",
    ),
    (
        BROKER,
        "",
        [("log.retention.ms", SET, "x")],
        42,
        "Invalid value x for configuration log.retention.ms: Not a number of type LONG",
    ),
    (
        BROKER,
        "",
        [("log.retention.ms", APPEND, "1")],
        40,
        "Config value append is not allowed for config key: log.retention.ms",
    ),
    (BROKER, "", [("bogus", SUBTRACT, "1")], 40, "Unknown config name: bogus"),
    (
        BROKER,
        "1",
        [("listeners", SET, "PLAINTEXT://:9")],
        42,
        "This broker reads these configs only when it starts; set them in its configuration and "
        "start it again: [listeners]",
    ),
    (
        BROKER,
        "1",
        [("cordoned.log.dirs", SET, "/a")],
        42,
        "cordoned.log.dirs is refused: Moldau keeps all data, metadata included, in one folder",
    ),
    (
        BROKER,
        "",
        [("num.io.threads", SET, "17")],
        42,
        INVALID.format(
            "Dynamic thread count update validation failed for num.io.threads=17, value should "
            "not be greater than double the current value 8"
        ),
    ),
    (BROKER, "", [("max.connections", SET, "0")], 42, INVALID.format("Invalid max.connections 0")),
    (
        BROKER,
        "",
        [("log.local.retention.bytes", SET, "5"), ("log.retention.bytes", SET, "4")],
        42,
        INVALID.format(
            "Invalid value 5 for configuration log.local.retention.bytes: Value must not be more "
            "than log.retention.bytes property value: 4"
        ),
    ),
    (
        BROKER,
        "",
        [("log.roll.ms", SET, "0")],
        42,
        "requirement failed: log.roll.ms must be greater than or equal to 1",
    ),
    (
        BROKER,
        "",
        [("group.share.assignment.interval.ms", SET, "15001")],
        42,
        "group.share.assignment.interval.ms must be less than or equal to "
        "group.share.max.assignment.interval.ms",
    ),
    (5, "1", [], 42, "Unknown resource type 5"),
    (
        ResourceType.GROUP,
        "g",
        [("consumer.session.timeout.ms", SET, "5")],
        40,
        "consumer.session.timeout.ms must be greater than or equal to "
        "group.consumer.min.session.timeout.ms",
    ),
    (
        ResourceType.GROUP,
        "",
        [("consumer.session.timeout.ms", SET, "50000")],
        42,
        "Default group resources are not allowed.",
    ),
    (
        ResourceType.CLIENT_METRICS,
        "m",
        [("interval.ms", SET, "50")],
        42,
        "Invalid value 50 for interval.ms, interval must be between 100 and 3600000 (1 hour)",
    ),
    (
        ResourceType.CLIENT_METRICS,
        "m",
        [("match", SET, "client_id=(")],
        40,
        "Illegal client matching pattern: client_id=(",
    ),
    (
        ResourceType.BROKER_LOGGER,
        "1",
        [("kafka.server.KafkaApis", SET, "DEBUG")],
        40,
        "Logger kafka.server.KafkaApis does not exist!",
    ),
    (
        ResourceType.BROKER_LOGGER,
        "1",
        [("root", DELETE, None)],
        42,
        "Removing the log level of the root logger is not allowed",
    ),
    (
        ResourceType.BROKER_LOGGER,
        "1",
        [("root", SET, "LOUD")],
        40,
        "Cannot set the log level of root to LOUD as it is not a supported log level. "
        "Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
    ),
    (
        ResourceType.BROKER_LOGGER,
        "1",
        [("root", APPEND, "DEBUG")],
        42,
        "APPEND operation is not allowed for the BROKER_LOGGER resource",
    ),
    (
        ResourceType.BROKER_LOGGER,
        "2",
        [("root", SET, "DEBUG")],
        42,
        "Unexpected node id. Expected 1, but received 2",
    ),
]


@pytest.mark.parametrize(("kind", "name", "changes", "code", "message"), REFUSED)
def test_what_is_refused_and_why(
    kind: int, name: str, changes: list[Change], code: int, message: str
) -> None:
    decided = alter((kind, name, changes), (TOPIC, "other", [("segment.ms", SET, "7")]))
    assert outcomes(decided) == [(code, message), (0, None)]
    assert len(decided.records) == 1


def test_groups_and_subscriptions_need_not_exist() -> None:
    group = alter((ResourceType.GROUP, "g", [("consumer.session.timeout.ms", SET, "50000")]))
    assert after(group, ResourceType.GROUP, "g") == {"consumer.session.timeout.ms": "50000"}
    changes = [("interval.ms", SET, "500"), ("match", SET, "client_id=a.*,client_source_port=9")]
    metrics = alter((ResourceType.CLIENT_METRICS, "m", changes))
    assert after(metrics, ResourceType.CLIENT_METRICS, "m")["interval.ms"] == "500"


def test_levels_of_loggers_are_checked_and_not_written() -> None:
    decided = alter((ResourceType.BROKER_LOGGER, "1", [("moldau.request", SET, "DEBUG")]))
    assert outcomes(decided) == [(0, None)]
    assert not decided.records


def test_dynamic_configs_that_count_at_once_are_accepted() -> None:
    changes = [("max.connections", SET, "5"), ("producer.id.expiration.ms", SET, "1000")]
    assert outcomes(alter((BROKER, "1", changes))) == [(0, None)]


def test_resource_that_comes_twice_is_refused_each_time() -> None:
    change = [("retention.ms", SET, "6")]
    twice = (42, "Each resource must appear at most once.")
    assert outcomes(alter((TOPIC, "t", change), (TOPIC, "t", change))) == [twice, twice]


def test_minimum_in_sync_is_one_for_the_cluster() -> None:
    now = situation(
        cluster(1).apply(
            [
                ELR,
                m.ConfigRecord(
                    resource_type=4, resource_name="", name="min.insync.replicas", value="1"
                ),
            ]
        )
    )
    name = "min.insync.replicas"
    assert outcomes(alter((BROKER, "1", [(name, SET, "2")]), now=now)) == [
        (40, "Broker-level min.insync.replicas cannot be altered while ELR is enabled.")
    ]
    removal = (40, "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")
    assert outcomes(alter((BROKER, "", [(name, DELETE, None)]), now=now)) == [removal]
    assert outcomes(replace((BROKER, "", {}), now=now)) == [removal]


def test_another_minimum_forgets_eligible_leaders() -> None:
    image = with_topics(cluster(1), topic("t")).apply([ELR])
    change = [("min.insync.replicas", SET, "2")]
    by_topic = alter((TOPIC, "t", change), now=situation(image))
    assert by_topic.records[-1] == m.ClearElrRecord(topic_name="t")
    of_all = alter((BROKER, "", change), now=situation(image))
    assert of_all.records[-1] == m.ClearElrRecord(topic_name="")
    without = alter((TOPIC, "t", change))
    assert [type(r) for r in without.records] == [m.ConfigRecord]


def test_broker_s_defaults_reach_its_topics_at_once() -> None:
    now = situation()
    decided = alter(
        (BROKER, "", [("log.segment.bytes", SET, "2000000"), ("log.retention.ms", SET, "9")]),
        (BROKER, "1", [("log.segment.bytes", SET, "3000000")]),
        now=now,
    )
    image = now.image.apply(decided.records)
    values = topic_values(image, effective(image, CONFIGS, 1), "t")
    assert values["segment.bytes"] == 3000000  # the broker's own before the cluster's
    assert values["retention.ms"] == 5  # the topic's own before both


def test_plain_alteration_replaces_everything() -> None:
    assert after(replace((TOPIC, "t", {"segment.ms": "7"}))) == {"segment.ms": "7"}
    assert after(replace((TOPIC, "t", {}))) == {}


def test_plain_alteration_knows_no_loggers() -> None:
    assert outcomes(replace((ResourceType.BROKER_LOGGER, "1", {"root": "DEBUG"}))) == [
        (42, "Unknown resource type 8")
    ]


def test_dynamic_layers_are_taken_from_the_image_once() -> None:
    image = cluster(1).apply(
        [m.ConfigRecord(resource_type=4, resource_name="1", name="log.retention.ms", value="5")]
    )
    configs = effective(image, CONFIGS, 1)
    assert configs.values["log.retention.ms"] == 5
    assert effective(image, configs, 1) is configs
    assert effective(image, CONFIGS, 2) is CONFIGS
