"""Java client properties, as typed on a command line, made into a librdkafka configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moldau.client.errors import BadSettings, KafkaError
from moldau.client.settings import find_bootstrap


def librdkafka_config(
    typed: Mapping[str, str],
    defaults: Mapping[str, str],
    client: str,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """What the user typed, over the tool's defaults. Names that Java's client does not know are
    passed over, as Java does, and told with `say`. Raises BadSettings."""
    import warnings

    from moldau.client.java_names import JavaConfigError, java_config
    from moldau.client.java_rules import CONSUMER, PRODUCER

    try:
        find_bootstrap(defaults["bootstrap.servers"])
    except KafkaError as error:
        raise BadSettings(error.advice) from None
    known = PRODUCER if client == "producer" else CONSUMER
    for name in typed:
        if name not in known:
            say(f"{name} is no config of a Kafka {client}: it is passed over.")
    chosen = {**defaults, **{name: typed[name] for name in typed if name in known}}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            config = java_config(chosen, "producer" if client == "producer" else "consumer")
        except JavaConfigError as error:
            raise BadSettings(str(error)) from None
    for warning in caught:
        text = str(warning.message)
        if text.split(" ", 1)[0] in typed:
            say(text)
    # librdkafka's own log lines are not for people; its errors reach us by callbacks.
    return {**config, "log_level": 0}
