"""What brokers say of topics' settings. It is asked for advice: nobody stops for want of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

TIMEOUT_S = 10.0
Configs = Mapping[str, str | None]


def topic_configs(admin: AdminClient, topics: Iterable[str]) -> dict[str, Configs]:
    """By topic; without those that may not be asked, or are not answered in time."""
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
    asked = admin.describe_configs(resources) if resources else {}
    until = time.monotonic() + TIMEOUT_S
    found: dict[str, Configs] = {}
    for resource, future in asked.items():
        try:
            entries = future.result(max(0.0, until - time.monotonic()))
        except (KafkaException, TimeoutError):
            continue
        found[resource.name] = {name: entry.value for name, entry in entries.items()}
    return found
