"""The environment variables that Kafka's containers take, as broker configs.

The rules are apache/kafka's (KafkaDockerWrapper): KAFKA_ABC_DEF is abc.def, two underscores
are one, three a dash. Bitnami's KAFKA_CFG_ works alike. wurstmeister's KAFKA_CREATE_TOPICS
and the three spellings of the cluster id are understood too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from moldau.server.given import Given, SettingsError

# Read by scripts around Kafka, not by the broker: the Java machine, logging, images.
_FOR_SCRIPTS: Final = frozenset(
    f"KAFKA_{name}"
    for name in (
        *("VERSION", "HOME", "DEBUG", "MODE", "ENABLE_KRAFT", "CLASSPATH"),
        *("OPTS", "HEAP_OPTS", "JVM_PERFORMANCE_OPTS", "GC_LOG_OPTS", "LOG4J_OPTS"),
        *("JMX_OPTS", "JMX_PORT", "JMX_HOSTNAME"),
        *("LOG4J_ROOT_LOGLEVEL", "LOG4J_LOGGERS", "TOOLS_LOG4J_LOGLEVEL"),
        *("CREATE_TOPICS", "CREATE_TOPICS_SEPARATOR"),
    )
)
_CLUSTER_IDS: Final = ("CLUSTER_ID", "KAFKA_CLUSTER_ID", "KAFKA_KRAFT_CLUSTER_ID")


class NewTopic(NamedTuple):
    """A topic to create at start; `cleanup_policy` None leaves the broker's default."""

    name: str
    partitions: int
    replication_factor: int
    cleanup_policy: str | None


class Environment(NamedTuple):
    configs: Mapping[str, Given]
    cluster_id: str | None
    create_topics: tuple[NewTopic, ...]


def read(environ: Mapping[str, str]) -> Environment:
    """Raises SettingsError when KAFKA_CREATE_TOPICS makes no sense.

    An empty variable counts as absent: compose files leave many of them behind.
    """
    filled = {name: text for name, text in environ.items() if text.strip()}
    configs = {
        config_name(name): Given(text, f"environment {name}")
        for name, text in sorted(filled.items())
        if _is_config(name, text)
    }
    cluster_id = next((filled[name] for name in _CLUSTER_IDS if name in filled), None)
    topics = _create_topics(
        filled.get("KAFKA_CREATE_TOPICS", ""), filled.get("KAFKA_CREATE_TOPICS_SEPARATOR", ",")
    )
    return Environment(configs, cluster_id, topics)


def config_name(variable: str) -> str:
    """The broker config that a variable stands for: KAFKA_LOG_DIRS is log.dirs."""
    name = variable.removeprefix("KAFKA_").removeprefix("CFG_").lower()
    return name.replace("_", ".").replace("...", "-").replace("..", "_")


def _is_config(name: str, text: str) -> bool:
    return (
        name.startswith("KAFKA_")
        and name not in _FOR_SCRIPTS
        and name not in _CLUSTER_IDS
        and not _is_service_link(name, text)
    )


def _is_service_link(name: str, text: str) -> bool:
    """Kubernetes tells every pod of the services around it; one called kafka looks like us."""
    if "_SERVICE_HOST" in name or "_SERVICE_PORT" in name:
        return True
    _, found, rest = name.partition("_PORT")
    number, _, protocol = rest.strip("_").partition("_")
    if found and number.isdecimal() and protocol.startswith(("TCP", "UDP", "SCTP")):
        return True
    return name.endswith("_PORT") and "://" in text


def _create_topics(text: str, separator: str) -> tuple[NewTopic, ...]:
    entries = text.replace("\n", separator).split(separator)
    return tuple(_new_topic(entry.strip()) for entry in entries if entry.strip())


def _new_topic(entry: str) -> NewTopic:
    """`name:partitions:replicas[:cleanup.policy]`, as wurstmeister/kafka reads it."""
    name, *rest = entry.split(":")
    if name and 2 <= len(rest) <= 3 and all(n.isdecimal() and int(n) > 0 for n in rest[:2]):
        policy = rest[2] if len(rest) == 3 else None
        return NewTopic(name, int(rest[0]), int(rest[1]), policy)
    raise SettingsError(
        f"environment KAFKA_CREATE_TOPICS: {entry!r} is not name:partitions:replicas "
        "or name:partitions:replicas:cleanup.policy"
    )
