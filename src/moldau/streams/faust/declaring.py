"""Makes the topics of a program where they are missing, as Faust does."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from moldau.streams.errors import StreamsError
from moldau.streams.faust.app import App

TIMEOUT_S = 30.0


def declare(app: App) -> None:
    """Raises StreamsError."""
    core = app.core
    admin = AdminClient({"bootstrap.servers": core.bootstrap_servers, **core.config})
    try:
        known = admin.list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as error:
        raise StreamsError(
            f"{app.id}: {core.bootstrap_servers} does not answer ({error.args[0].str()})"
        ) from None
    missing = [
        NewTopic(one.name, one.partitions, -1)
        for one in app.topics.values()
        if one.name not in known
    ]
    for name, future in admin.create_topics(missing).items() if missing else ():
        try:
            future.result(TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise StreamsError(f"topic {name} cannot be made: {error.args[0].str()}") from None
