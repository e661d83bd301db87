"""How large the batches may be that a worker sends: an output topic that takes less than librdkafka
puts into one would refuse all of it, and each of its records would have to be sent alone."""

from __future__ import annotations

from collections.abc import Collection

from confluent_kafka.admin import AdminClient

from moldau.streams.app import App
from moldau.streams.running.topic_configs import topic_configs

SETTING = "batch.size"
USUAL = 1_000_000  # librdkafka's default
_OF_LIMIT = 0.9  # the batch's own bytes come on top


def batch_size(app: App, topics: Collection[str]) -> dict[str, int]:
    """As a setting of a producer that sends to these. None where it is large enough, where the
    program says another, or where brokers may not be asked."""
    if SETTING in app.config or not topics:
        return {}
    least = USUAL
    for told in topic_configs(AdminClient(app.client_settings), topics).values():
        limit = told.get("max.message.bytes")
        if limit is not None:
            least = min(least, int(int(limit) * _OF_LIMIT))
    return {} if least == USUAL else {SETTING: max(1, least)}
