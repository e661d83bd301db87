"""How options, -o, environment, files and defaults become one Settings."""

from pathlib import Path

import pytest

from moldau.protocol.config.broker import BROKER
from moldau.protocol.config.describe import Source, describe_broker
from moldau.protocol.config.history import HISTORIC
from moldau.protocol.user_folder import user_data_folder
from moldau.server.given import SettingsError
from moldau.server.listeners import Listener
from moldau.server.settings import (
    ConfigFile,
    Settings,
    read_config,
    resolve,
)


def settings(
    *overrides: str,
    file: str | None = None,
    environ: dict[str, str] | None = None,
    data: str | None = None,
    temporary: bool = False,
    host: str | None = None,
    port: int | None = None,
) -> Settings:
    return resolve(
        user_data="/home/me/.local/share/moldau",
        overrides=overrides,
        environ=environ,
        config=None if file is None else ConfigFile("server.properties", file),
        data=data,
        temporary=temporary,
        host=host,
        port=port,
    )


def refusal(*overrides: str, file: str | None = None, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as error:
        settings(*overrides, file=file, environ=environ)
    return str(error.value)


# --- defaults -------------------------------------------------------------------------------


def test_nothing_given_is_one_broker_on_this_machine() -> None:
    plain = settings()
    assert plain.listeners == (Listener("PLAINTEXT", "localhost", 9092, None),)
    assert plain.data_dir == "/home/me/.local/share/moldau"
    assert (plain.node_id, plain.cluster_id, plain.temporary) == (1, None, False)
    assert plain.create_topics == ()
    assert plain.notes == ()
    assert plain.explicit == frozenset()
    assert plain.broker.keys() == BROKER.keys()
    assert plain.broker["log.dir"] == (plain.data_dir,)
    assert plain.broker["group.initial.rebalance.delay.ms"] == 0
    assert plain.broker["offsets.topic.replication.factor"] == 1
    assert plain.broker["moldau.sync"] == "acks-all"


def test_settings_cannot_be_changed() -> None:
    plain = settings()
    with pytest.raises(AttributeError):
        plain.temporary = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        plain.broker["node.id"] = 5  # type: ignore[index]


# --- precedence -----------------------------------------------------------------------------


def test_o_beats_environment_beats_file_beats_default() -> None:
    file = "num.partitions=2\n"
    environ = {"KAFKA_NUM_PARTITIONS": "3"}
    assert settings().broker["num.partitions"] == 1
    assert settings(file=file).broker["num.partitions"] == 2
    assert settings(file=file, environ=environ).broker["num.partitions"] == 3
    assert settings("num.partitions=4", file=file, environ=environ).broker["num.partitions"] == 4
    assert settings("num.partitions=4", "num.partitions=5").broker["num.partitions"] == 5


@pytest.mark.parametrize(
    ("file", "variable", "text", "name", "value"),
    [
        ("log.retention.ms=5", "KAFKA_LOG_RETENTION_HOURS", "1", "log.retention.ms", None),
        ("log.roll.ms=5", "KAFKA_LOG_ROLL_HOURS", "1", "log.roll.ms", None),
        ("node.id=5", "KAFKA_BROKER_ID", "7", "node.id", 7),
        ("broker.id=5", "KAFKA_NODE_ID", "7", "broker.id", 7),
        ("log.dirs=/a,/b", "KAFKA_LOG_DIR", "/c", "log.dir", ("/c",)),
    ],
)
def test_a_stronger_source_wins_in_whatever_spelling(
    file: str, variable: str, text: str, name: str, value: object
) -> None:
    assert settings(file=file, environ={variable: text}).broker[name] == value


def test_within_one_source_kafkas_order_of_spellings_counts() -> None:
    both = settings(file="log.dir=/a\nlog.dirs=/b")
    assert both.data_dir == "/b"
    assert both.broker["log.dirs"] == ("/b",)


def test_the_data_option_wins_over_any_number_of_log_dirs() -> None:
    chosen = settings(file="log.dirs=/a,/b", data="/c")
    assert chosen.data_dir == "/c"
    assert chosen.broker["log.dirs"] == ("/c",)
    assert "log.dirs" in chosen.explicit


def test_temporary_wins_over_every_folder_and_is_placed_later() -> None:
    assert settings("log.dirs=/a,/b", temporary=True).data_dir is None
    temporary = settings("log.dirs=/a,/b", data="/c", temporary=True)
    assert temporary.temporary
    assert temporary.data_dir is None
    placed = temporary.placed("/tmp/moldau-x")
    assert placed.data_dir == "/tmp/moldau-x"
    assert placed.broker["log.dir"] == ("/tmp/moldau-x",)
    assert placed.broker["log.dirs"] is None


def test_what_was_given_is_described_as_static() -> None:
    given = settings("num.partitions=4", "node.id=9", data="/d")
    assert given.explicit == {"num.partitions", "node.id", "broker.id", "log.dirs"}
    sources = {entry.name: entry.source for entry in describe_broker(given.configs)}
    assert sources["num.partitions"] is Source.STATIC_BROKER_CONFIG
    assert sources["message.max.bytes"] is Source.DEFAULT_CONFIG


# --- refusals say where and why -------------------------------------------------------------


def test_a_bad_value_is_told_with_its_place() -> None:
    sentence = "Invalid value x for configuration num.partitions: Not a number of type INT"
    assert refusal("num.partitions=x") == f"-o num.partitions: {sentence}"
    assert refusal(file="# one\n\nnum.partitions=x") == (
        f"--config server.properties, line 3: {sentence}"
    )
    assert refusal(environ={"KAFKA_NUM_PARTITIONS": "x"}) == (
        f"environment KAFKA_NUM_PARTITIONS: {sentence}"
    )


def test_a_name_that_kafka_never_knew_is_refused_with_the_nearest() -> None:
    assert refusal("log.retension.ms=5") == (
        "-o log.retension.ms: no version of Kafka knows the broker config log.retension.ms; "
        "the nearest name is log.retention.ms"
    )
    for odd in ("NUM.PARTITIONS", "num_partitions", "KAFKA_NUM_PARTITIONS"):
        assert refusal(f"{odd}=5").endswith("; the nearest name is num.partitions")
    assert refusal("xyzzy=5") == "-o xyzzy: no version of Kafka knows the broker config xyzzy"


def test_an_override_needs_a_name_and_a_value() -> None:
    for text in ("num.partitions", "=5", " =5"):
        assert refusal(text).endswith("write name=value, as in -o num.partitions=3")
    assert settings("listeners=PLAINTEXT://h:1").listeners[0].host == "h"
    assert settings("num.partitions = 5").broker["num.partitions"] == 5


def test_a_broken_file_is_told_with_its_line() -> None:
    assert refusal(file="a=\\u00") == (
        "--config server.properties, line 1: \\u must be followed by four hexadecimal digits"
    )


@pytest.mark.parametrize(
    "override",
    [
        "sasl.enabled.mechanisms=PLAIN",
        "sasl.jaas.config=org.X required;",
        "sasl.of.the.future=1",
        "ssl.keystore.location=/k.jks",
        "ssl.client.auth=required",
        "ssl.client.auth=nonsense",
        "ssl.keystore.filename=k.jks",
        "security.inter.broker.protocol=SSL",
        "security.providers=org.X",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "principal.builder.class=org.X",
        "delegation.token.secret.key=s",
        "delegation.token.master.key=s",
        "connections.max.reauth.ms=5",
        "listener.name.internal.ssl.keystore.location=/k",
        "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=x",
        "listener.name.x.principal.builder.class=org.X",
    ],
)
def test_what_would_protect_is_refused(override: str) -> None:
    assert "Moldau has no TLS, SASL or authorisation yet" in refusal(override)


@pytest.mark.parametrize(
    "override",
    [
        "security.inter.broker.protocol=PLAINTEXT",
        "authorizer.class.name=",
        "ssl.client.auth=none",
        "ssl.endpoint.identification.algorithm=",
        "ssl.keystore.type=JKS",
        "sasl.enabled.mechanisms=GSSAPI",
        "super.users=User:admin",
        "allow.everyone.if.no.acl.found=false",
        "delegation.token.max.lifetime.ms=5",
        "create.topic.policy.class.name=",
        "config.providers=",
    ],
)
def test_what_asks_for_nothing_is_accepted(override: str) -> None:
    assert settings(override).notes == ()


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("create.topic.policy.class.name=org.X", "Moldau cannot run it"),
        ("client.quota.callback.class=org.X", "Moldau cannot run it"),
        ("config.providers=file", "write the values themselves"),
        ("cordoned.log.dirs=*", "in one folder"),
        ("metadata.log.dir=/m", "in one folder"),
        ("log.dirs=/a,/b", "-o log.dirs: log.dirs names 2 folders"),
        ("log.dir=/a,/b,/c", "names 3 folders"),
        ("process.roles=controller", "names no broker"),
        ("log.dirs=", "must not be empty"),
        ("node.id=-5", "configuration node.id: Value must be at least 0"),
        ("broker.id=-5", "configuration node.id: Value must be at least 0"),
        ("log.roll.ms=0", "log.roll.ms must be greater than or equal to 1"),
        ("log.roll.jitter.ms=-1", "log.roll.jitter.ms must be greater than or equal to 0"),
        ("log.retention.ms=0", "-o log.retention.ms: log.retention.ms must be unlimited (-1) or"),
        ("log.retention.hours=0", "-o log.retention.hours: log.retention.ms must be unlimited"),
        ("moldau.sync=sometimes", "String must be one of: acks-all, always, never"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(override: str, why: str) -> None:
    assert why in refusal(override)


def test_two_numbers_for_one_broker_are_refused_as_kafka_refuses_them() -> None:
    assert refusal(file="node.id=1\nbroker.id=2") == (
        "--config server.properties, line 1: "
        "You must set `node.id` to the same value as `broker.id`."
    )
    assert settings(file="node.id=3\nbroker.id=3").node_id == 3


def test_configs_that_contradict_each_other_are_refused() -> None:
    why = refusal("log.cleaner.min.compaction.lag.ms=9", "log.cleaner.max.compaction.lag.ms=5")
    assert why.startswith("-o log.cleaner.min.compaction.lag.ms: conflict topic config setting")


@pytest.mark.parametrize(
    ("override", "name", "value"),
    [
        ("log.retention.hours=-1", "log.retention.hours", -1),
        ("log.retention.ms=-7", "log.retention.ms", -7),
        ("broker.id=-1", "node.id", 1),
        ("metadata.log.dir=", "metadata.log.dir", None),
        ("moldau.sync=never", "moldau.sync", "never"),
        ("log.cleanup.policy=", "log.cleanup.policy", ()),
        ("connections.max.idle.ms=-1", "connections.max.idle.ms", -1),
    ],
)
def test_odd_values_that_mean_something(override: str, name: str, value: object) -> None:
    assert settings(override).broker[name] == value


def test_a_metadata_folder_that_is_the_data_folder_is_accepted() -> None:
    assert settings("log.dirs=/a", "metadata.log.dir=/a").data_dir == "/a"


# --- notes ----------------------------------------------------------------------------------


def test_a_bad_value_without_effect_is_a_warning() -> None:
    odd = settings("num.io.threads=many")
    assert odd.notes == (
        "-o num.io.threads: Invalid value many for configuration num.io.threads: "
        "Not a number of type INT; it would have no effect anyway",
    )
    assert odd.broker["num.io.threads"] == 8


def test_a_good_value_without_effect_needs_no_words() -> None:
    assert settings("num.io.threads=3", "confluent.license=x").notes == ()


def test_historic_names_are_accepted_with_a_line() -> None:
    (note,) = settings(file="zookeeper.connect=localhost:2181").notes
    assert note == (
        "--config server.properties, line 1: zookeeper.connect is of Kafka up to 3.9: "
        "Kafka left ZooKeeper with 4.0; Moldau keeps its metadata in its own log"
    )
    (note,) = settings("log.message.format.version=2.8").notes
    assert "Moldau serves what Kafka 4.3 serves" in note


def test_more_copies_than_brokers_are_lowered_with_one_note() -> None:
    three = settings(
        "default.replication.factor=3",
        "offsets.topic.replication.factor=3",
        "transaction.state.log.min.isr=2",
        "min.insync.replicas=2",
    )
    assert three.notes == (
        "There is one broker, so 1 is used instead of default.replication.factor=3, "
        "offsets.topic.replication.factor=3, transaction.state.log.min.isr=2",
    )
    assert three.broker["offsets.topic.replication.factor"] == 1
    # Kafka itself holds this one against the number of replicas that there are.
    assert three.broker["min.insync.replicas"] == 2
    assert settings("default.replication.factor=1").notes == ()


# --- files and folders ----------------------------------------------------------------------


def test_kafkas_own_server_properties_starts() -> None:
    whole = settings(
        file="""\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,\\
    SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
"""
    )
    (warning,) = whole.notes
    assert warning.startswith("Other machines can reach 0.0.0.0:9092, ")
    assert whole.listeners == (Listener("PLAINTEXT", "", 9092, ("localhost", 9092)),)
    assert whole.data_dir == "/tmp/kraft-combined-logs"


OF_0_7 = """\
brokerid=0
hostname=
port=9092
num.threads=8
socket.send.buffer=1048576
socket.receive.buffer=1048576
max.socket.request.bytes=104857600
log.dir=/tmp/kafka-logs
num.partitions=1
topic.partition.count.map=topic1:3, topic2:4
log.flush.interval=10000
log.default.flush.interval.ms=1000
topic.flush.intervals.ms=topic1:1000, topic2:3000
log.default.flush.scheduler.interval.ms=1000
log.retention.hours=168
log.retention.size=1073741824
log.file.size=536870912
log.cleanup.interval.mins=1
enable.zookeeper=true
zk.connect=localhost:2181
zk.connectiontimeout.ms=1000000
"""
OF_0_8 = """\
broker.id=0
port=9092
num.network.threads=2
num.io.threads=2
socket.send.buffer.bytes=1048576
socket.receive.buffer.bytes=1048576
socket.request.max.bytes=104857600
log.dir=/tmp/kafka-logs
num.partitions=1
log.flush.interval.messages=10000
log.flush.interval.ms=1000
log.retention.hours=168
log.retention.bytes=1073741824
log.segment.bytes=536870912
log.cleanup.interval.mins=1
zookeeper.connect=localhost:2181
zookeeper.connection.timeout.ms=1000000
kafka.metrics.polling.interval.secs=5
kafka.metrics.reporters=kafka.metrics.KafkaCSVMetricsReporter
kafka.csv.metrics.dir=/tmp/kafka_metrics
kafka.csv.metrics.reporter.enabled=false
"""


@pytest.mark.parametrize("file", [OF_0_7, OF_0_8])
def test_the_server_properties_of_old_kafkas_start(file: str) -> None:
    old = settings(file=file)
    assert old.listeners == (Listener("PLAINTEXT", "localhost", 9092, None),)
    assert old.data_dir == "/tmp/kafka-logs"
    said = " ".join(old.notes)
    for line in file.splitlines():
        name = line.partition("=")[0]
        assert (f": {name} is of Kafka" in said) == (name in HISTORIC), name


def test_a_file_is_read_as_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "server.properties"
    path.write_text("log.dirs=/tmp/dätä", encoding="utf-8")
    assert read_config(str(path)) == ConfigFile(str(path), "log.dirs=/tmp/dätä")


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--config .*/none: No such file or directory"):
        read_config(str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="Is a directory"):
        read_config(str(tmp_path))
    (tmp_path / "latin").write_bytes(b"a=\xe9")
    with pytest.raises(SettingsError, match="not UTF-8 at byte 2"):
        read_config(str(tmp_path / "latin"))


@pytest.mark.parametrize(
    ("environ", "platform", "folder"),
    [
        ({}, "linux", "/home/me/.local/share/moldau"),
        ({"XDG_DATA_HOME": "/data"}, "linux", "/data/moldau"),
        ({"XDG_DATA_HOME": "relative"}, "linux", "/home/me/.local/share/moldau"),
        ({}, "darwin", "/home/me/Library/Application Support/moldau"),
    ],
)
def test_data_lives_where_the_system_keeps_users_data(
    environ: dict[str, str], platform: str, folder: str
) -> None:
    assert user_data_folder(environ, "/home/me", platform) == folder


def test_the_port_option_must_be_a_port() -> None:
    for port in (-1, 65536):
        with pytest.raises(SettingsError, match=f"--port {port}: ports are 0"):
            settings(port=port)


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ({"host": ""}, "--host is empty: name an address"),
        ({"data": " "}, "--data is empty: name a folder"),
    ],
)
def test_an_option_without_a_value_is_refused(option: dict[str, str], why: str) -> None:
    """`--host "$UNSET"` would listen to everybody, `--data "$UNSET"` take the user's folder."""
    with pytest.raises(SettingsError, match=why):
        settings(**option)  # type: ignore[arg-type]
