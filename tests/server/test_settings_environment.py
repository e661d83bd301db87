"""The environment blocks of usual compose files, and what else is found in environments."""

import pytest

from moldau.server.environment import NewTopic, config_name
from moldau.server.given import SettingsError
from moldau.server.listeners import Listener
from moldau.server.settings import Settings, resolve


def settings(**environ: str) -> Settings:
    return resolve(user_data="/d", environ=environ)


def refusal(**environ: str) -> str:
    with pytest.raises(SettingsError) as error:
        settings(**environ)
    return str(error.value)


def open_to_others(addresses: str) -> str:
    return (
        f"Other machines can reach {addresses}, and there is no authentication: "
        "whoever gets there may read, write and delete everything"
    )


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("KAFKA_LOG_DIRS", "log.dirs"),
        ("KAFKA_CFG_LOG_DIRS", "log.dirs"),
        ("KAFKA_LISTENER_NAME_SASL__SSL_X", "listener.name.sasl_ssl.x"),
        ("KAFKA_LISTENER_NAME_A_SCRAM___SHA___256_X", "listener.name.a.scram-sha-256.x"),
    ],
)
def test_variables_are_names_as_in_kafkas_containers(variable: str, name: str) -> None:
    assert config_name(variable) == name


# --- compose files --------------------------------------------------------------------------


def test_the_old_compose_file_with_zookeeper() -> None:
    old = settings(
        KAFKA_BROKER_ID="1",
        KAFKA_ZOOKEEPER_CONNECT="zookeeper:2181",
        KAFKA_ADVERTISED_LISTENERS="PLAINTEXT://localhost:9092",
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR="1",
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR="1",
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR="1",
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS="0",
        KAFKA_CONFLUENT_SUPPORT_METRICS_ENABLE="false",
        KAFKA_JMX_PORT="9101",
        KAFKA_HEAP_OPTS="-Xmx512M",
    )
    assert old.listeners == (Listener("PLAINTEXT", "localhost", 9092, ("localhost", 9092)),)
    assert old.node_id == 1
    (note,) = old.notes
    assert note.startswith("environment KAFKA_ZOOKEEPER_CONNECT: zookeeper.connect is of Kafka")


def test_the_compose_file_of_apache_kafka() -> None:
    kraft = settings(
        KAFKA_NODE_ID="1",
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP="CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
        "PLAINTEXT_HOST:PLAINTEXT",
        KAFKA_ADVERTISED_LISTENERS="PLAINTEXT_HOST://localhost:9092,PLAINTEXT://broker:19092",
        KAFKA_PROCESS_ROLES="broker,controller",
        KAFKA_CONTROLLER_QUORUM_VOTERS="1@broker:29093",
        KAFKA_LISTENERS="CONTROLLER://:29093,PLAINTEXT_HOST://:9092,PLAINTEXT://:19092",
        KAFKA_INTER_BROKER_LISTENER_NAME="PLAINTEXT",
        KAFKA_CONTROLLER_LISTENER_NAMES="CONTROLLER",
        CLUSTER_ID="4L6g3nShT-eMCtK--X86sw",
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR="1",
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS="0",
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR="1",
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR="1",
        KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR="1",
        KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR="1",
        KAFKA_LOG_DIRS="/tmp/kraft-combined-logs",
    )
    assert kraft.listeners == (
        Listener("PLAINTEXT_HOST", "", 9092, ("localhost", 9092)),
        Listener("PLAINTEXT", "", 19092, ("broker", 19092)),
    )
    assert kraft.cluster_id == "4L6g3nShT-eMCtK--X86sw"
    assert kraft.data_dir == "/tmp/kraft-combined-logs"
    assert kraft.notes == (open_to_others("0.0.0.0:9092, 0.0.0.0:19092"),)


TWO_LISTENERS = {
    "KAFKA_NODE_ID": "7",
    "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:29092,PLAINTEXT_HOST://0.0.0.0:9092,"
    "CONTROLLER://kafka:29093",
    "KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://kafka:29092,PLAINTEXT_HOST://localhost:9092",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT,"
    "CONTROLLER:PLAINTEXT",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "3",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
}


def test_the_compose_file_with_two_listeners() -> None:
    two = settings(**TWO_LISTENERS)
    assert two.listeners == (
        Listener("PLAINTEXT", "0.0.0.0", 29092, ("kafka", 29092)),
        Listener("PLAINTEXT_HOST", "0.0.0.0", 9092, ("localhost", 9092)),
    )
    assert two.node_id == 7
    assert two.broker["auto.create.topics.enable"] is False
    assert two.notes == (
        "There is one broker, so 1 is used instead of offsets.topic.replication.factor=3",
        open_to_others("0.0.0.0:29092, 0.0.0.0:9092"),
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        # The commonest mistakes: a map that forgets a listener, one port twice, 0.0.0.0 told.
        (
            {"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT"},
            "environment KAFKA_ADVERTISED_LISTENERS: "
            "No security protocol defined for listener PLAINTEXT_HOST",
        ),
        (
            {"KAFKA_LISTENERS": "PLAINTEXT://:9092,PLAINTEXT_HOST://:9092"},
            "environment KAFKA_LISTENERS: Each listener must have a different port",
        ),
        (
            {"KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://0.0.0.0:29092"},
            "environment KAFKA_ADVERTISED_LISTENERS: advertised.listeners cannot use",
        ),
        (
            {"KAFKA_LISTENERS": "PLAINTEXT://:29092"},
            "Found PLAINTEXT_HOST; listeners has PLAINTEXT",
        ),
        (
            {"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:SASL_SSL"},
            "listener PLAINTEXT_HOST asks for SASL_SSL",
        ),
        ({"KAFKA_AUTO_CREATE_TOPICS_ENABLE": "no"}, "Expected value to be either true or false"),
    ],
)
def test_odd_compose_files_are_told_what_is_wrong(change: dict[str, str], why: str) -> None:
    assert why in refusal(**(TWO_LISTENERS | change))


def test_bitnamis_spelling() -> None:
    bitnami = settings(
        ALLOW_PLAINTEXT_LISTENER="yes",
        KAFKA_ENABLE_KRAFT="yes",
        KAFKA_KRAFT_CLUSTER_ID="abc",
        KAFKA_CFG_NODE_ID="3",
        KAFKA_CFG_LISTENERS="PLAINTEXT://:9092,CONTROLLER://:9093",
    )
    assert bitnami.listeners == (Listener("PLAINTEXT", "", 9092, None),)
    assert (bitnami.node_id, bitnami.cluster_id) == (3, "abc")
    assert bitnami.notes == (open_to_others("0.0.0.0:9092"),)


def test_wurstmeisters_topics_and_addresses() -> None:
    wurst = settings(
        KAFKA_ADVERTISED_HOST_NAME="localhost",
        KAFKA_CREATE_TOPICS="a:1:3,b:2:1:compact",
    )
    assert wurst.listeners == (Listener("PLAINTEXT", "localhost", 9092, ("localhost", 9092)),)
    assert wurst.create_topics == (NewTopic("a", 1, 1, None), NewTopic("b", 2, 1, "compact"))
    assert any("KAFKA_CREATE_TOPICS with more replicas" in note for note in wurst.notes)
    separated = settings(KAFKA_CREATE_TOPICS="a:1:1;b:1:1\n", KAFKA_CREATE_TOPICS_SEPARATOR=";")
    assert [topic.name for topic in separated.create_topics] == ["a", "b"]


@pytest.mark.parametrize("text", ["a", "a:1", "a:0:1", "a:x:1", ":1:1", "a:1:1:compact:more"])
def test_topics_that_make_no_sense_are_refused(text: str) -> None:
    assert refusal(KAFKA_CREATE_TOPICS=text).startswith("environment KAFKA_CREATE_TOPICS: ")


@pytest.mark.parametrize("name", ["CLUSTER_ID", "KAFKA_CLUSTER_ID", "KAFKA_KRAFT_CLUSTER_ID"])
def test_three_spellings_of_the_cluster_id(name: str) -> None:
    assert settings(**{name: "xyz"}).cluster_id == "xyz"


# --- what only looks like ours --------------------------------------------------------------


def test_kubernetes_service_links_are_passed_over() -> None:
    linked = settings(
        KAFKA_PORT="tcp://10.0.0.1:9092",
        KAFKA_PORT_9092_TCP="tcp://10.0.0.1:9092",
        KAFKA_PORT_9092_TCP_ADDR="10.0.0.1",
        KAFKA_PORT_9092_TCP_PORT="9092",
        KAFKA_PORT_9092_TCP_PROTO="tcp",
        KAFKA_SERVICE_HOST="10.0.0.1",
        KAFKA_SERVICE_PORT="9092",
        KAFKA_SERVICE_PORT_CLIENT="9092",
        KAFKA_UI_PORT="tcp://10.0.0.2:8080",
        KAFKA_UI_SERVICE_HOST="10.0.0.2",
    )
    assert linked == settings()


def test_an_old_port_that_is_a_port_counts() -> None:
    assert settings(KAFKA_PORT="9000").listeners[0].port == 9000


def test_an_applications_variables_are_at_most_a_warning() -> None:
    application = settings(
        KAFKA_BOOTSTRAP_SERVERS="kafka:9092", KAFKA_SASL_MECHANISM="PLAIN", KAFKA_TOPIC="orders"
    )
    assert application.listeners == settings().listeners
    assert [note.partition(":")[0] for note in application.notes] == [
        "environment KAFKA_BOOTSTRAP_SERVERS",
        "environment KAFKA_SASL_MECHANISM",
        "environment KAFKA_TOPIC",
    ]


def test_a_mistyped_variable_is_a_warning_with_the_nearest_name() -> None:
    assert settings(KAFKA_LOG_RETENTION_HOUR="3").notes == (
        "environment KAFKA_LOG_RETENTION_HOUR: no version of Kafka knows log.retention.hour, "
        "so it has no effect; the nearest name is log.retention.hours",
    )


def test_key_stores_of_the_images_are_refused() -> None:
    why = refusal(KAFKA_SSL_KEYSTORE_FILENAME="broker.jks")
    assert why.startswith("environment KAFKA_SSL_KEYSTORE_FILENAME: ssl.keystore.filename is")


def test_empty_variables_count_as_absent() -> None:
    assert settings(KAFKA_LISTENERS="", KAFKA_SASL_JAAS_CONFIG=" ", CLUSTER_ID="") == settings()


def test_the_environment_is_read_only_where_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_NODE_ID", "9")
    assert resolve(user_data="/d").node_id == 1
