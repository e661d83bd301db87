"""The topics that a program keeps for itself: repartition topics and changelogs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from moldau.streams.app import App
from moldau.streams.errors import StreamsError, Trouble
from moldau.streams.running.first_contact import NO_ANSWER, partitions_known
from moldau.streams.running.new_topics import until_known
from moldau.streams.running.rights import READ, Rights, refuse_hidden
from moldau.streams.shapes import depends_on_count
from moldau.streams.topology import Stage, Topology

# While there is no controller, or fewer brokers than a topic is to have replicas.
_MAY_PASS = (
    *NO_ANSWER,
    KafkaError.NOT_CONTROLLER,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.INVALID_REPLICATION_FACTOR,
)
TIMEOUT_S = 30.0
AGAIN_S = 1.0
# Nothing of them may go by age: a changelog is compacted, a repartition topic emptied by us.
# A frame or a value of state is larger than the records that it was made of.
MOST_BYTES = 8 * 1024 * 1024
_FOR_GOOD = {"retention.ms": "-1"}
_KEPT = {**_FOR_GOOD, "max.message.bytes": str(MOST_BYTES)}

_A_DAY_MS = 86_400_000
_REFUSED = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)
_LEAST_LAG_MS = 60_000


def _compacted(app: App) -> dict[str, str]:
    """Of a changelog. Compaction must not outrun the marker (promise 9): it would take the value
    that a marker stands for, and leave a newer one that no marker ever followed. In a transaction
    that ends with the interval; without, when a worker comes back: it has a day."""
    lag = _A_DAY_MS
    if app.guarantee == "exactly_once":
        lag = max(_LEAST_LAG_MS, 10 * app.checkpoint_ms)
    return {
        "cleanup.policy": "compact",
        "max.message.bytes": str(MOST_BYTES),
        "min.compaction.lag.ms": str(lag),
        # For so long a state that a machine has kept is brought up to date; an older one may hold
        # what was deleted since, and is thrown away.
        "delete.retention.ms": str(7 * _A_DAY_MS),
    }


def prepare(app: App, topology: Topology, say: Callable[[str], None] = print) -> dict[str, int]:
    """Makes the internal topics and the ones that are written to, where they are missing. How
    many partitions each topic has. Raises StreamsError where a source is missing, or no broker
    answers."""
    read = [*topology.source_topics, *topology.global_topics]
    known = dict(partitions_known(app, say, read))
    admin = AdminClient(app.client_settings)
    missing = [name for name in read if name not in known]
    if missing:
        refuse_hidden(admin, missing, READ, app.id, app.bootstrap_servers)
        raise StreamsError(
            f"{app.id} reads {', '.join(missing)}, which {app.bootstrap_servers} does not have: "
            f"create it first (moldau topics create {' '.join(missing)})"
        )
    for stage in topology.stages:
        check(stage, known)
    used = {*read, *(written := _written(app, topology))}
    wanted: list[NewTopic] = []
    for name, partitions in written.items():
        if name not in known:
            known[name] = partitions
            # Dead letters keep the time of their records, which may be years ago.
            config = _FOR_GOOD if name in app.dead_letter_topics else {}
            wanted.append(NewTopic(name, partitions, -1, config=config))
    more: list[NewPartitions] = []
    for stage in topology.stages:
        for name, count, config in _internal(app, topology, stage, known):
            if name not in known:
                wanted.append(NewTopic(name, count, -1, config=config))
            elif known[name] < count and not depends_on_count(stage):
                more.append(NewPartitions(name, count))
            elif known[name] != count:
                raise StreamsError(
                    f"{app.id}: {name} has {known[name]} partitions and needs {count}, as many as "
                    f"step {stage.name!r} reads now; keys lie elsewhere than they did: reset the "
                    f"program (moldau streams reset)"
                )
            known[name] = count
            used.add(name)
    make(admin, wanted)
    _enlarge(admin, more)
    Rights(app, topology, admin).look(say)
    until_known(admin, app.client_settings, used, lambda text: say(f"{app.id}: {text}"))
    return known


def _enlarge(admin: AdminClient, wanted: list[NewPartitions]) -> None:
    """What others enlarge meanwhile is large enough. Raises StreamsError."""
    asked = admin.create_partitions(wanted) if wanted else {}
    _wait_for(admin, asked, KafkaError.INVALID_PARTITIONS, "", "ALTER")


def make(admin: AdminClient, wanted: list[NewTopic]) -> None:
    """Those too that somebody else makes meanwhile. Raises StreamsError."""
    asked = admin.create_topics(wanted) if wanted else {}
    _wait_for(admin, asked, KafkaError.TOPIC_ALREADY_EXISTS, " cannot be made", "CREATE")


def _wait_for(
    admin: AdminClient, asked: Mapping[str, Future[None]], is_done: int, trouble: str, right: str
) -> None:
    """`is_done`: the error that says that somebody else has done it. `right`: what it takes. Raises
    StreamsError."""
    until = time.monotonic() + TIMEOUT_S
    for name, future in asked.items():
        while not wait([future], AGAIN_S).done and time.monotonic() < until:
            with suppress(KafkaException):  # who is the controller now? It was one that is down.
                admin.list_topics(timeout=AGAIN_S)
        try:
            future.result(0)
        except TimeoutError:
            raise Trouble(f"topic {name}{trouble}: no answer from the brokers") from None
        except KafkaException as error:
            code, why = error.args[0].code(), error.args[0].str()
            if code in _REFUSED:
                why = f"the program's user has no right {right} on it"
            if code != is_done:
                kind = Trouble if code in _MAY_PASS else StreamsError
                raise kind(f"topic {name}{trouble}: {why}") from None


def _written(app: App, topology: Topology) -> dict[str, int]:
    """What it writes to, with how many partitions; -1: the broker's default."""
    topics = dict(topology.sink_topics)
    if app.has_handlers:  # they may send to each topic that is declared
        topics = {**app.topics, **topics}
    counts = {name: topic.partitions or -1 for name, topic in topics.items()}
    return {**dict.fromkeys(app.dead_letter_topics, -1), **counts}


def _internal(
    app: App, topology: Topology, stage: Stage, known: Mapping[str, int]
) -> Iterator[tuple[str, int, dict[str, str]]]:
    """A stage's own, with partitions and configuration."""
    count = topology.partitions(stage, known)
    yield from ((one.name, count, _KEPT) for one in stage.reads)
    yield stage.redrive, count, _KEPT
    yield topology.changelog(stage), count, _compacted(app)


def check(stage: Stage, known: Mapping[str, int]) -> None:
    """Partition p of all that a stage reads is one task (promise 13). Raises StreamsError, naming
    two that do not go together."""
    for other in stage.sources[1:]:
        one, two = stage.sources[0].topic, other.topic
        if known[one.name] != known[two.name]:
            why = f"have {known[one.name]} and {known[two.name]} partitions"
        elif stage.is_joined and one.partitioner != two.partitioner:
            why = f"place keys as {one.partitioner} and {two.partitioner}"
        else:
            continue
        raise StreamsError(
            f"step {stage.name!r}: {one.name} and {two.name} are read together, and {why}: give "
            f"both the same, or bring one to the other by a field that it is not keyed by (on= of "
            f"a join; key_by before a function that looks into a table)"
        )
