"""Values, checks and texts of configs, against what Apache Kafka 4.3.1 answered."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from moldau.protocol.config.broker import BROKER, DIFFERENCES, KAFKA
from moldau.protocol.config.client_metrics import CLIENT_METRICS
from moldau.protocol.config.definition import (
    ConfigType,
    Definition,
    InvalidConfig,
    Value,
    default_value,
    parse,
    to_text,
)
from moldau.protocol.config.documentation import broker_sentence, topic_sentence
from moldau.protocol.config.effects import NO_EFFECT, REFUSED, reason
from moldau.protocol.config.group import GROUP, validate_group_configs
from moldau.protocol.config.history import HISTORIC, plug_in
from moldau.protocol.config.topic import (
    BROKER_SYNONYMS,
    TOPIC,
    topic_config,
    topic_defaults,
    validate_topic_configs,
)

RECORDED = Path(__file__).parent / "recorded" / "config_answers.jsonl"
TABLES: Mapping[str, Mapping[str, Definition]] = {"broker": KAFKA, "topic": TOPIC, "group": GROUP}


def defaults(**changes: Value) -> dict[str, Value]:
    values = {name: default_value(row) for name, row in BROKER.items()}
    return values | {name.replace("_", "."): value for name, value in changes.items()}


def answer(table: str, name: str, text: str) -> tuple[str, str]:
    try:
        return "ok", str(to_text(parse(TABLES[table][name], text)))
    except InvalidConfig as error:
        return "err", str(error)


def test_every_recorded_answer_is_ours_too() -> None:
    lines = RECORDED.read_text(encoding="utf-8").splitlines()
    assert len(lines) > 500
    for line in lines:
        table, name, text, *expected = json.loads(line)
        assert answer(table, name, text) == tuple(expected), (table, name, text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (True, "true"),
        (-1, "-1"),
        ((), ""),
        (("a", "b"), "a,b"),
        ("x", "x"),
        (0.5, "0.5"),
        (0.0, "0.0"),
        (100.0, "100.0"),
        (0.0001, "1.0E-4"),
        (12345678.9, "1.23456789E7"),
        (1e21, "1.0E21"),
        (-1e7, "-1.0E7"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_values_print_as_java_prints_them(value: Value, text: str | None) -> None:
    assert to_text(value) == text


def test_every_default_passes_its_own_check() -> None:
    for table in (BROKER, KAFKA, TOPIC, GROUP, CLIENT_METRICS):
        for definition in table.values():
            if definition.default is not None:
                assert to_text(parse(definition, definition.default)) is not None


def test_the_tables_hold_all_that_kafka_4_3_knows() -> None:
    assert len(KAFKA) == 363
    assert sum(row.mode == "dynamic" for row in KAFKA.values()) == 3
    assert len(TOPIC) == 34
    assert len(GROUP) == 17
    assert BROKER.keys() - KAFKA.keys() == {"moldau.sync"}


def test_our_differences_are_differences() -> None:
    for name, (ours, why) in DIFFERENCES.items():
        assert BROKER[name].default == ours != KAFKA[name].default
        assert why


def test_every_effect_has_its_reason_and_every_reason_a_config() -> None:
    effects = {row.effect for row in BROKER.values()}
    assert "effective" in effects
    assert {kind for kind in effects if kind.startswith("none: ")} == {
        f"none: {key}" for key in NO_EFFECT
    }
    assert {kind for kind in effects if kind.startswith("refused: ")} == {
        f"refused: {key}" for key in REFUSED
    }
    assert all(reason(effect) for effect in effects - {"effective"})


def test_every_config_has_a_sentence() -> None:
    assert all(broker_sentence(name) for name in BROKER)
    assert all(topic_sentence(name) for name in TOPIC)
    assert broker_sentence("nonsense") is None
    assert broker_sentence("num.io.threads") == (
        "No effect: Moldau is not built from Kafka's thread pools, queues and schedules."
    )
    assert str(broker_sentence("ssl.key.password")).startswith("Refused: ")


def test_wire_types_are_kafkas_numbers() -> None:
    assert [kind.value for kind in ConfigType] == list(range(10))
    assert TOPIC["min.cleanable.dirty.ratio"].type is ConfigType.DOUBLE
    assert BROKER["ssl.key.password"].is_sensitive


def test_topics_take_the_brokers_values() -> None:
    values = topic_defaults(defaults(log_segment_bytes=2_000_000, message_max_bytes=77))
    assert values["segment.bytes"] == 2_000_000
    assert values["max.message.bytes"] == 77
    assert values["retention.ms"] == 7 * 24 * 3600 * 1000
    assert values["flush.ms"] == 2**63 - 1
    assert values.keys() == TOPIC.keys()
    assert BROKER_SYNONYMS.keys() < TOPIC.keys()


@pytest.mark.parametrize(
    ("broker", "retention"),
    [
        ({"log_retention_hours": 2}, 7_200_000),
        ({"log_retention_hours": 2, "log_retention_minutes": 3}, 180_000),
        ({"log_retention_minutes": 3, "log_retention_ms": 4}, 4),
        ({"log_retention_hours": -1}, -1),
        ({"log_retention_ms": -5}, -1),
    ],
)
def test_finer_units_of_retention_win(broker: dict[str, Value], retention: int) -> None:
    assert topic_defaults(defaults(**broker))["retention.ms"] == retention


def test_a_topics_own_settings_win_and_unknown_ones_are_passed_over() -> None:
    values = topic_config(defaults(), {"retention.ms": "5", "of.a.newer.kafka": "1"})
    assert values["retention.ms"] == 5
    assert "of.a.newer.kafka" not in values


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"zzz": "1"}, "Unknown topic config name: zzz"),
        (
            {"retention.ms": "-2"},
            "Invalid value -2 for configuration retention.ms: Value must be at least -1",
        ),
        (
            {"cleanup.policy": "wrong"},
            "Invalid value wrong for configuration cleanup.policy: "
            "String must be one of: compact, delete",
        ),
        (
            {"min.compaction.lag.ms": "9", "max.compaction.lag.ms": "5"},
            "conflict topic config setting min.compaction.lag.ms (9) > max.compaction.lag.ms (5)",
        ),
        (
            {"remote.storage.enable": "true"},
            "Tiered Storage functionality is disabled in the broker. "
            "Topic cannot be configured with remote log storage.",
        ),
        # Of two mistakes Kafka names the one that it defined first, not the one given first.
        (
            {"retention.ms": "x", "segment.bytes": "1"},
            "Invalid value 1 for configuration segment.bytes: Value must be at least 1048576",
        ),
    ],
)
def test_topic_configs_are_refused_as_kafka_refuses_them(
    overrides: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidConfig) as refusal:
        validate_topic_configs(overrides, defaults())
    assert str(refusal.value) == message


def test_topic_configs_are_checked_together_with_the_brokers() -> None:
    broker = defaults(log_cleaner_min_compaction_lag_ms=10)
    with pytest.raises(InvalidConfig, match=r"min\.compaction\.lag\.ms \(10\)"):
        validate_topic_configs({"max.compaction.lag.ms": "5"}, broker)
    assert validate_topic_configs({"max.compaction.lag.ms": "50"}, broker)["retention.ms"]


def test_a_tool_checks_topic_configs_without_a_broker() -> None:
    # Kafka's tools do not know whether the broker has remote storage, so they let it pass.
    assert validate_topic_configs({"remote.storage.enable": "true"})["segment.ms"] == 604800000


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"x": "1"}, "Unknown group config name: x"),
        (
            {"consumer.session.timeout.ms": "1"},
            "consumer.session.timeout.ms must be greater than or equal to "
            "group.consumer.min.session.timeout.ms",
        ),
        (
            {"consumer.heartbeat.interval.ms": "70000"},
            "consumer.heartbeat.interval.ms must be less than or equal to "
            "group.consumer.max.heartbeat.interval.ms",
        ),
        (
            {"streams.num.standby.replicas": "5"},
            "streams.num.standby.replicas must be less than or equal to "
            "group.streams.max.standby.replicas",
        ),
        (
            {"share.delivery.count.limit": "50"},
            "share.delivery.count.limit must be less than or equal to "
            "group.share.max.delivery.count.limit",
        ),
        (
            {"share.assignment.interval.ms": "99999"},
            "share.assignment.interval.ms must be less than or equal to "
            "group.share.max.assignment.interval.ms",
        ),
    ],
)
def test_group_configs_are_refused_as_kafka_refuses_them(
    overrides: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidConfig) as refusal:
        validate_group_configs(overrides, defaults())
    assert str(refusal.value) == message


def test_a_session_must_outlast_a_heartbeat() -> None:
    broker = defaults(
        group_consumer_min_session_timeout_ms=1, group_consumer_max_heartbeat_interval_ms=99999
    )
    with pytest.raises(InvalidConfig, match=r"must be greater than consumer\.heartbeat"):
        validate_group_configs({"consumer.session.timeout.ms": "5000"}, broker)


def test_history_and_present_do_not_overlap() -> None:
    assert not HISTORIC.keys() & BROKER.keys()
    assert {"zookeeper.connect", "log.message.format.version", "port"} <= HISTORIC.keys()
    assert all(meaning for _, meaning in HISTORIC.values())
    assert plug_in("confluent.license") == "settings of Confluent's distribution"
    assert plug_in("zookeeper.some.future.thing")
    assert plug_in("log.retention") is None
