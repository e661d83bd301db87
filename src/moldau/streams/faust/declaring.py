"""Makes the topics of a program where they are missing, as Faust does."""

from __future__ import annotations

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from moldau.streams.errors import StreamsError
from moldau.streams.faust.app import App
from moldau.streams.running.internal_topics import TIMEOUT_S, make


def declare(app: App) -> None:
    """Raises StreamsError."""
    core = app.core
    admin = AdminClient(core.client_settings)
    try:
        known = admin.list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as error:
        raise StreamsError(
            f"{app.id}: {core.bootstrap_servers} does not answer ({error.args[0].str()})"
        ) from None
    missing = [one for one in app.topics.values() if one.name not in known]
    make(admin, [NewTopic(one.name, one.partitions, -1) for one in missing])
