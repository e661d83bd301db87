"""Is there a broker? The first question of a worker, so that an address that is wrong or a broker
that is not started is one sentence, and not twenty lines of librdkafka's a second."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from moldau.streams.app import QUIET, App
from moldau.streams.errors import StreamsError, Trouble

PATIENCE_S = 30.0
ASK_S = 1.0
SLOW_S = 5.0  # for which a broker that is there may be busy
BEHIND_S = 3.0  # for which a broker may not know yet what the controller has made
AGAIN_S = 0.2
_REFUSED = (KafkaError._AUTHENTICATION, KafkaError._SSL)
NO_ANSWER = (KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN)


def partitions_known(
    app: App, say: Callable[[str], None], awaited: Collection[str] = ()
) -> Mapping[str, int]:
    """How many partitions each topic has. `awaited`: topics that may have been made a moment ago.
    Raises StreamsError when nobody answers, and KafkaException."""
    advice = (
        f"start one (moldau up), or give the address of yours, App({app.id!r}, 'HOST:PORT'), and "
        f"what it asks for in config="
    )
    until = time.monotonic() + BEHIND_S
    while True:
        known = ask(app.client_settings, f"{app.id}: ", say, PATIENCE_S, advice)
        if known.keys() >= set(awaited) or time.monotonic() > until:
            return known
        time.sleep(AGAIN_S)


def ask(
    settings: Mapping[str, Any],
    who: str = "",
    say: Callable[[str], None] | None = None,
    patience_s: float = 0.0,
    advice: str = "is one running there? (moldau up)",
) -> Mapping[str, int]:
    """The same, of any Kafka. `say` is told when it has to be waited for."""
    reasons: list[str] = []
    is_refused = False

    def failed(error: KafkaError) -> None:
        nonlocal is_refused
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            reasons[:] = [plain(error.str())]
            is_refused = error.code() in _REFUSED

    admin = AdminClient({**QUIET, "error_cb": failed, **settings})
    where = settings["bootstrap.servers"]
    began = time.monotonic()
    while True:
        try:
            topics = admin.list_topics(timeout=ASK_S).topics
            return {name: len(one.partitions) for name, one in topics.items()}
        except KafkaException as error:
            if error.args[0].code() not in NO_ANSWER:
                raise
            admin.poll(0)
        why = f" ({reasons[0]})" if reasons else ""
        waited = time.monotonic() - began
        is_over = waited > patience_s
        if is_over or (say is not None and (reasons or waited > SLOW_S)):
            if is_over and is_refused:
                raise StreamsError(f"{who}{where} does not let us in{why}")
            if _is_web_server(where):
                raise StreamsError(f"{who}a web server answers at {where}, and no Kafka: {advice}")
            if is_over:
                raise Trouble(f"{who}no broker answers at {where}{why}: {advice}")
            if say is not None:
                say(f"{who}waiting for a broker at {where}{why}")
            say = None


def _is_web_server(where: str) -> bool:
    """Nothing that waiting mends: it is asked in its own way, once."""
    host, _, port = where.partition(",")[0].rpartition("/")[2].strip().rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ASK_S) as asked:
            asked.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            return asked.recv(5) == b"HTTP/"
    except (OSError, ValueError):
        return False


def plain(reason: str) -> str:
    """Without which thread of librdkafka says it, and how long that took."""
    return re.sub(r" \(after \d+ms in state \w+\)$", "", reason.partition(": ")[2] or reason)
