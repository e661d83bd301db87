"""Java client properties, as typed on a command line, made into a librdkafka configuration."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any

from moldau.client.errors import BadSettings, KafkaError
from moldau.client.near_names import nearest
from moldau.client.settings import find_bootstrap

# Beneath the tools' own defaults. When librdkafka knows the brokers it goes on from the bootstrap
# server to one of them, but not before this has passed since it began (its own default is 100 ms,
# Java's 50): most of the time that a small tool takes.
_HASTE = {"reconnect.backoff.ms": "20"}


def librdkafka_config(
    typed: Mapping[str, str],
    defaults: Mapping[str, str],
    client: str,
    say: Callable[[str], None],
    handled: Container[str] = (),
) -> dict[str, Any]:
    """What the user typed, over the tool's defaults. Names that Java's client does not know are
    passed over, as Java does, and told with `say`; so is what librdkafka cannot do, unless it is
    `handled` by the tool. Raises BadSettings."""
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
            near = nearest(name, known)
            hint = f"; did you mean {near}?" if near else "."
            say(f"{name} is no config of a Kafka {client}: it is passed over{hint}")
    chosen = {**_HASTE, **defaults, **{name: typed[name] for name in typed if name in known}}
    _check_together(chosen, typed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            config = java_config(chosen, "producer" if client == "producer" else "consumer")
        except JavaConfigError as error:
            raise BadSettings(str(error)) from None
    for warning in caught:
        text = str(warning.message)
        name = text.split(" ", 1)[0]
        if name in typed and name not in handled:
            say(text)
    # librdkafka's own log lines are not for people; its errors reach us by callbacks.
    return {**config, "log_level": 0}


def _check_together(chosen: Mapping[str, str], typed: Mapping[str, str]) -> None:
    """What Java's clients refuse though each value by itself would do. Raises BadSettings."""
    try:
        heartbeat = int(chosen.get("heartbeat.interval.ms", 3000))
        if heartbeat >= int(chosen.get("session.timeout.ms", 45_000)):
            raise BadSettings(
                "Heartbeat must be set lower than the session timeout: make "
                "session.timeout.ms larger than heartbeat.interval.ms."
            )
        least = int(chosen.get("linger.ms", 5)) + int(chosen.get("request.timeout.ms", 30_000))
        if int(typed.get("delivery.timeout.ms", least)) < least:
            raise BadSettings(
                "delivery.timeout.ms should be equal to or larger than linger.ms + "
                f"request.timeout.ms, which are {least} together."
            )
    except ValueError:
        return  # the value that is no number is refused by itself
