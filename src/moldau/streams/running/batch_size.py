"""How large the batches may be that a worker sends: an output topic that takes less than librdkafka
puts into one would refuse all of it, and each of its records would have to be sent alone."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from moldau.streams.app import App

TIMEOUT_S = 10.0
SETTING = "batch.size"
USUAL = 1_000_000  # librdkafka's default
_OF_LIMIT = 0.9  # the batch's own bytes come on top


def batch_size(app: App, topics: Iterable[str]) -> dict[str, int]:
    """As a setting of a producer that sends to these. None where it is large enough, where the
    program says another, or where brokers may not be asked."""
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
    if SETTING in app.config or not resources:
        return {}
    least, admin = USUAL, AdminClient(app.client_settings)
    for future in admin.describe_configs(resources).values():
        try:
            limit = int(future.result(TIMEOUT_S)["max.message.bytes"].value)
        except (KafkaException, TimeoutError):
            continue
        least = min(least, int(limit * _OF_LIMIT))
    return {} if least == USUAL else {SETTING: max(1, least)}
