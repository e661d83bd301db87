"""Topics that were just made: brokers hear of them after their maker was told. A group's leader
that asks one meanwhile which does not know them leaves them to nobody, and librdkafka looks again
after five minutes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, BrokerMetadata, ClusterMetadata

KNOWN_S = 30.0
SLOW_S = 5.0
ASK_S = 1.0
AGAIN_S = 0.2


def until_known(
    admin: AdminClient,
    settings: Mapping[str, Any],
    names: Collection[str],
    say: Callable[[str], None],
) -> None:
    """Returns when all brokers of the cluster know them, or do not after all. `settings`: of the
    client. `say` is told whom it waits for."""
    began, is_said = time.monotonic(), False
    for ignorant in _ignorant(admin, settings, set(names)):
        waited = time.monotonic() - began
        if waited > KNOWN_S:
            return
        if waited > SLOW_S and not is_said:
            is_said = True
            say(
                f"waiting for {', '.join(ignorant)}, which does not answer, or does not know all "
                f"topics of the program yet; after {KNOWN_S:.0f} s it goes on all the same"
            )
        time.sleep(AGAIN_S)


def _ignorant(
    admin: AdminClient, settings: Mapping[str, Any], names: set[str]
) -> Iterator[list[str]]:
    """The brokers that do not know them, or do not answer: each time, until there are none."""

    def at(where: str) -> AdminClient:
        # A new one each time: one that has heard of others may ask these, once it has lost or
        # missed the one that is meant.
        return AdminClient({**settings, "bootstrap.servers": where})

    knowing: set[str] = set()
    while True:
        told = _told(admin)  # each time: the cluster lets go of a broker that is down
        there = {_address(one): one.id for one in told.brokers.values()} if told else {}
        for where in there.keys() - knowing:
            answer = told if told and told.orig_broker_id == there[where] else _told(at(where))
            if answer and answer.topics.keys() >= names:
                knowing.add(where)
        if told and there.keys() <= knowing:
            return
        yield sorted(there.keys() - knowing) or [settings["bootstrap.servers"]]


def _told(admin: AdminClient) -> ClusterMetadata | None:
    """None: there is no answer."""
    try:
        return admin.list_topics(timeout=ASK_S)
    except KafkaException:
        return None


def _address(broker: BrokerMetadata) -> str:
    host = f"[{broker.host}]" if ":" in broker.host else broker.host
    return f"{host}:{broker.port}"
