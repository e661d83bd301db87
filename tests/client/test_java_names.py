"""Every config of Java's clients: translated into what librdkafka takes, dropped, or refused."""

import warnings
from pathlib import Path
from typing import Any, get_args

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient

from moldau.client import JavaConfigError, JavaConfigWarning, java_config
from moldau.client.java_names import Client
from moldau.client.java_rules import ADMIN, CONSUMER, PRODUCER

# Client, name, default: ProducerConfig.configDef() and so on of kafka-clients 4.3.1, printed.
JAVA = [
    (client, name, "" if default in ("null", "REQ") else default)
    for client, name, default in (
        line.split("\t")
        for line in (Path(__file__).parent / "java_configs_4.3.1.tsv").read_text().splitlines()
    )
]
RULES = {"producer": PRODUCER, "consumer": CONSUMER, "admin": ADMIN}
CLIENTS = {
    "producer": confluent_kafka.Producer,
    "consumer": confluent_kafka.Consumer,
    "admin": AdminClient,
}
# Something other than the default, where the default is empty or has no effect.
TOKENS = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER"}
EXAMPLES = {
    "sasl.jaas.config": 'x.PlainLoginModule required username="ann" password="s;e\\"c";',
    "bootstrap.servers": "localhost:1",
    "key.serializer": "org.apache.kafka.common.serialization.StringSerializer",
    "compression.gzip.level": "9",
}


def translate(config: dict[str, Any], client: Client) -> tuple[dict[str, Any], list[str]]:
    """The translation, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        translated = java_config(config, client)
    assert all(warning.category is JavaConfigWarning for warning in caught)
    return translated, [str(warning.message) for warning in caught]


def start(client: str, config: dict[str, Any]) -> None:
    """librdkafka itself is the judge of names and values."""
    needed = {"bootstrap.servers": "localhost:1", "log_level": 0}
    if client == "consumer":
        needed["group.id"] = "g"
    started = CLIENTS[client](needed | config)
    if client == "consumer":
        started.close()


def test_every_config_of_java_has_a_rule_and_no_rule_is_of_a_config_that_java_has_not() -> None:
    for client in get_args(Client):
        assert RULES[client].keys() == {name for c, name, _ in JAVA if c == client}


@pytest.mark.parametrize(
    ("client", "name", "value"),
    [(c, n, EXAMPLES.get(n, default)) for c, n, default in JAVA if EXAMPLES.get(n, default)],
)
def test_java_s_default_is_taken_by_librdkafka(client: Client, name: str, value: str) -> None:
    translated, warned = translate({name: value}, client)
    assert len(warned) <= 1
    assert all(text.startswith(f"{name} is dropped: ") for text in warned)
    start(client, translated)


@pytest.mark.parametrize(
    ("java", "librdkafka"),
    [
        ({"buffer.memory": 33_554_432}, {"queue.buffering.max.kbytes": 32_768}),
        ({"buffer.memory": 1}, {"queue.buffering.max.kbytes": 1}),
        ({"acks": "all"}, {"acks": "all"}),
        ({"acks": 1}, {"acks": "1"}),
        ({"batch.size": 0}, {"batch.size": 1}),
        ({"linger.ms": 20}, {"linger.ms": "20"}),
        ({"compression.type": "snappy"}, {"compression.type": "snappy"}),
        ({"max.request.size": 2_000_000}, {"message.max.bytes": "2000000"}),
        ({"request.timeout.ms": 9_000}, {"socket.timeout.ms": "9000"}),
        ({"send.buffer.bytes": -1}, {"socket.send.buffer.bytes": 0}),
        ({"enable.idempotence": True}, {"enable.idempotence": "true"}),
        (
            {"compression.type": "lz4", "compression.lz4.level": 9},
            {"compression.type": "lz4", "compression.level": 9},
        ),
        ({"compression.type": "lz4", "compression.gzip.level": 9}, {"compression.type": "lz4"}),
        ({"partitioner.ignore.keys": "true"}, {"partitioner": "random"}),
        ({"transactional.id": None}, {}),
        ({"bootstrap.servers": ["a:1", "b:2"]}, {"bootstrap.servers": "a:1,b:2"}),
        (
            {"ssl.endpoint.identification.algorithm": ""},
            {"ssl.endpoint.identification.algorithm": "none"},
        ),
    ],
)
def test_a_producer_s_config_translated(java: dict[str, Any], librdkafka: dict[str, Any]) -> None:
    translated, warned = translate(java, "producer")
    assert translated == {"partitioner": "murmur2_random"} | librdkafka
    assert warned == []
    start("producer", translated)


@pytest.mark.parametrize(
    ("java", "librdkafka"),
    [
        ({"auto.offset.reset": "none"}, {"auto.offset.reset": "error"}),
        ({"auto.offset.reset": "earliest"}, {"auto.offset.reset": "earliest"}),
        ({"fetch.max.wait.ms": 100}, {"fetch.wait.max.ms": "100"}),
        (
            {"partition.assignment.strategy": "class a.RangeAssignor,class a.RoundRobinAssignor"},
            {"partition.assignment.strategy": "range,roundrobin"},
        ),
        (
            {"partition.assignment.strategy": ["a.b.CooperativeStickyAssignor"]},
            {"partition.assignment.strategy": "cooperative-sticky"},
        ),
        (
            {"partition.assignment.strategy": "range,cooperative-sticky"},
            {"partition.assignment.strategy": "range"},
        ),
        ({"exclude.internal.topics": False}, {}),
    ],
)
def test_a_consumer_s_config_translated(java: dict[str, Any], librdkafka: dict[str, Any]) -> None:
    translated, warned = translate(java, "consumer")
    assert translated == {"fetch.queue.backoff.ms": 10} | librdkafka
    assert warned == []
    start("consumer", translated)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("max.block.ms", 60_000, "BufferError"),
        ("key.serializer", "org.apache.kafka.common.serialization.StringSerializer", "bytes"),
        ("metrics.num.samples", 3, "statistics.interval.ms"),
    ],
)
def test_what_is_dropped_is_said(name: str, value: object, says: str) -> None:
    translated, warned = translate({name: value}, "producer")
    assert translated == {"partitioner": "murmur2_random"}
    assert len(warned) == 1
    assert warned[0].startswith(f"{name} is dropped: ")
    assert says in warned[0]


@pytest.mark.parametrize(
    ("client", "name", "value", "says"),
    [
        ("producer", "interceptor.classes", "com.example.Trace", "Java class"),
        ("producer", "partitioner.class", "com.example.Mine", "produce()"),
        ("producer", "transaction.two.phase.commit.enable", True, "two-phase"),
        ("producer", "ssl.truststore.location", "/etc/trust.jks", "PEM"),
        ("producer", "ssl.keystore.location", "/etc/key.jks", "PKCS12"),
        ("producer", "bufer.memory", 1, "did you mean buffer.memory?"),
        ("producer", "group.id", "g", "a config of the consumer"),
        ("producer", "buffer.memory", "32MB", "Not a number of type LONG"),
        ("consumer", "auto.offset.reset", "by_duration:P1D", "offsets_for_times"),
        ("consumer", "partition.assignment.strategy", "x.StickyAssignor", "no StickyAssignor"),
        ("admin", "bootstrap.controllers", "localhost:9093", "bootstrap.servers"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_the_way_out(
    client: Client, name: str, value: object, says: str
) -> None:
    with pytest.raises(JavaConfigError) as refused:
        java_config({name: value}, client)
    assert name in str(refused.value)
    assert says in str(refused.value)


def test_all_refusals_come_at_once() -> None:
    with pytest.raises(JavaConfigError, match=r"(?s)interceptor\.classes.*bufer\.memory"):
        java_config({"interceptor.classes": "x.Y", "bufer.memory": 1}, "producer")


def test_user_and_password_come_out_of_a_jaas_config() -> None:
    config = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required\n"
        ' username="ann" password="it\'s \\"secret\\"; really";',
    }
    translated, warned = translate(config, "consumer")
    assert warned == []
    assert translated["sasl.username"] == "ann"
    assert translated["sasl.password"] == 'it\'s "secret"; really'
    start("consumer", translated)


def test_a_refused_secret_is_not_repeated() -> None:
    with pytest.raises(JavaConfigError) as refused:
        java_config({"sasl.jaas.config": 'x.OtherModule required password="hush";'}, "producer")
    assert "hush" not in str(refused.value)


def test_pem_files_and_oauth_are_taken_as_librdkafka_names_them() -> None:
    translated, _ = translate(
        {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": "/etc/me.pem",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": "/etc/ca.pem",
            **TOKENS,
            "sasl.oauthbearer.token.endpoint.url": "https://sso/token",
            "sasl.oauthbearer.client.credentials.client.id": "me",
            "sasl.oauthbearer.client.credentials.client.secret": "hush",
        },
        "admin",
    )
    assert translated == {
        "ssl.certificate.location": "/etc/me.pem",
        "ssl.key.location": "/etc/me.pem",
        "ssl.ca.location": "/etc/ca.pem",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.token.endpoint.url": "https://sso/token",
        "sasl.oauthbearer.client.id": "me",
        "sasl.oauthbearer.client.secret": "hush",
    }


@pytest.mark.parametrize(
    ("client", "name", "value", "why"),
    [
        ("producer", "batch.size", "-1", "Value must be at least 0"),
        ("producer", "linger.ms", "x", "Not a number of type LONG"),
        ("producer", "retries", "2147483648", "Not a number of type INT"),
        ("producer", "acks", "5", "String must be one of: all, -1, 0, 1"),
        ("producer", "compression.type", "GZIP", "String must be one of: none, gzip"),
        ("producer", "transactional.id", "", "String must be non-empty"),
        ("producer", "enable.idempotence", "yes", "Expected value to be either true or false"),
        ("consumer", "isolation.level", "READ_COMMITTED", "String must be one of: read_committed"),
        ("consumer", "max.poll.records", "0", "Value must be at least 1"),
        ("consumer", "auto.offset.reset", "oldest", "it must be earliest, latest, none"),
        ("consumer", "sasl.login.refresh.window.factor", "1.5", "Value must be no more than 1.0"),
        ("consumer", "group.protocol", "share", "String must be one of (case insensitive): CON"),
    ],
)
def test_what_java_refuses_is_refused(client: Client, name: str, value: str, why: str) -> None:
    with pytest.raises(JavaConfigError) as refused:
        java_config({name: value}, client)
    assert f"Invalid value {value} for configuration {name}: {why}" in str(refused.value)


def test_what_librdkafka_does_not_take_is_moved_to_where_it_does() -> None:
    translated, warned = translate({"request.timeout.ms": "999999"}, "producer")
    assert translated == {"socket.timeout.ms": 300_000, "partitioner": "murmur2_random"}
    assert warned == ["request.timeout.ms is 300000: librdkafka takes 10 to 300000"]
    start("producer", translated)
