"""What the user of a program may do, where brokers ask that (ACLs): said in a sentence before it
begins, and where something fails. librdkafka asks on for minutes, or names no topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AclOperation, AdminClient

from moldau.streams.app import App
from moldau.streams.errors import StreamsError
from moldau.streams.topology import Topology

READ, WRITE, DELETE = AclOperation.READ, AclOperation.WRITE, AclOperation.DELETE
DESCRIBE = AclOperation.DESCRIBE
ASK_S = 5.0
KNOWN_S = 1.0  # for which brokers may not know yet what was just made
AGAIN_S = 0.05
GROUP_S, TRY_S, EVENTS = 30.0, 1.0, 100
_REFUSED = "authorization failed"  # as librdkafka names it, and brokers


def lacking(who: str, servers: str, rights: Iterable[str]) -> StreamsError:
    """`rights`: as `WRITE on topic orders`."""
    return StreamsError(
        f"{who}: its user needs rights at {servers} that it does not have: {', '.join(rights)}"
    )


class Rights:
    """Of a program, to its topics."""

    def __init__(self, app: App, topology: Topology, admin: AdminClient) -> None:
        self._app = app
        self._admin = admin
        self._needed: dict[str, set[Any]] = {}
        self._need([*topology.source_topics, *topology.global_topics], READ)
        self._need([*topology.sink_topics, *app.dead_letter_topics], WRITE)
        self._emptied = [one.name for one in topology.repartitions]
        self._need(self._emptied, READ, WRITE)
        self._need((topology.changelog(stage) for stage in topology.stages), READ, WRITE)
        self._need((stage.redrive for stage in topology.stages), READ)
        if app.has_handlers:  # they may send there, or not
            self._need(app.topics, DESCRIBE)

    def _need(self, names: Iterable[str], *operations: Any) -> None:
        for name in names:
            self._needed.setdefault(name, set()).update(operations)

    def explain(self, error: BaseException) -> None:
        """Something has failed: is it because of this? Raises StreamsError."""
        said = str(error).lower()
        if f"group {_REFUSED}" in said:
            raise lacking(
                self._app.id, self._app.bootstrap_servers, [f"READ on group {self._app.id}"]
            )
        if _REFUSED in said:
            self._told(0.0)

    def look(self, say: Callable[[str], None]) -> None:
        """The same, when all topics are there; `say` is told what it goes on without."""
        may = self._told(KNOWN_S)
        full = [one for one in self._emptied if DELETE not in may.get(one, {DELETE})]
        if full:
            say(
                f"{self._app.id}: its user has no right DELETE on {', '.join(full)}: what was read "
                f"is not deleted there, and stays for good"
            )

    def _told(self, patience_s: float) -> dict[str, set[Any]]:
        may = allowed(self._admin, self._needed, patience_s)
        missing = [
            f"{one.name} on topic {name}"
            for name, wanted in self._needed.items()
            for one in sorted(wanted - may.get(name, wanted), key=lambda one: one.value)
        ]
        if missing:
            raise lacking(self._app.id, self._app.bootstrap_servers, missing)
        return may


def allowed(
    admin: AdminClient, names: Iterable[str], patience_s: float = 0.0
) -> dict[str, set[Any]]:
    """By topic; without those that are not there, or of which brokers do not say it. `patience_s`:
    for so long they may not know yet what was just made."""
    may: dict[str, set[Any]] = {}
    unknown, until = list(names), time.monotonic() + patience_s
    while unknown:
        unknown = _ask(admin, unknown, may)
        if time.monotonic() > until:
            break
        time.sleep(AGAIN_S if unknown else 0)
    return may


def _ask(admin: AdminClient, names: list[str], may: dict[str, set[Any]]) -> list[str]:
    """Those that are not known."""
    unknown = []
    asked = admin.describe_topics(
        TopicCollection(names), include_authorized_operations=True, request_timeout=ASK_S
    )
    for name, future in asked.items():
        try:
            told = future.result().authorized_operations
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                may[name] = set()
            elif code == KafkaError.UNKNOWN_TOPIC_OR_PART:
                unknown.append(name)
        else:
            if told:
                may[name] = set(told)
    return unknown


def refuse_hidden(
    admin: AdminClient, names: Iterable[str], right: Any, who: str, servers: str
) -> None:
    """Of topics that seem not to be there, those that the user may not even see. Raises
    StreamsError."""
    found = [name for name, may in allowed(admin, names).items() if not may]
    if found:
        raise lacking(who, servers, [f"{right.name} on topic {name}" for name in found])


def refuse_group(app: App, consumer: Consumer, place: TopicPartition) -> None:
    """Where the user may not ask the group for its positions: librdkafka asks on. Raises
    StreamsError."""
    until = time.monotonic() + GROUP_S
    while time.monotonic() < until:
        try:
            consumer.committed([place], TRY_S)
            return
        except KafkaException as raised:
            if raised.args[0].code() != KafkaError._TIMED_OUT:
                return  # whoever asks next has more patience
        errors = [message.error() for message in consumer.consume(EVENTS, 0)]
        if any(one and one.code() == KafkaError.GROUP_AUTHORIZATION_FAILED for one in errors):
            raise lacking(app.id, app.bootstrap_servers, [f"READ on group {app.id}"])
