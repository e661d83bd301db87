"""How large the batches may be that a worker sends: an output topic that takes less than librdkafka
puts into one would refuse all of it, and each of its records would have to be sent alone."""

from __future__ import annotations

from collections.abc import Mapping

from moldau.streams.app import App
from moldau.streams.running.topic_configs import Configs

SETTING = "batch.size"
USUAL = 1_000_000  # librdkafka's default
_OF_LIMIT = 0.9  # the batch's own bytes come on top


def batch_size(app: App, configs: Mapping[str, Configs]) -> dict[str, int]:
    """As a setting of a producer that sends to topics of these. None where it is large enough, or
    where the program says another."""
    if SETTING in app.config:
        return {}
    least = USUAL
    for told in configs.values():
        limit = told.get("max.message.bytes")
        if limit is not None:
            least = min(least, int(int(limit) * _OF_LIMIT))
    return {} if least == USUAL else {SETTING: max(1, least)}
