"""Java client configs for librdkafka: what maps is mapped, what does not is said plainly.

    from moldau.client import java_config

    config = java_config({"acks": "1", "buffer.memory": 33554432}, "producer")
    producer = confluent_kafka.Producer(config)

confluent-kafka refuses to start on a name that librdkafka does not have, `buffer.memory` for
one. Here every config of Apache Kafka 4.3's Java producer, consumer and admin client is
translated; or dropped with a `JavaConfigWarning` that says why, where nothing is lost that
was promised; or refused with a `JavaConfigError`, where dropping it would change what the
program does.

Names that are not given keep librdkafka's defaults, with two exceptions. A producer places
keys as Java's does (`partitioner=murmur2_random`), so that both find a key in one partition.
A consumer whose queue is full goes on as soon as there is room (`fetch.queue.backoff.ms=10`):
librdkafka's would stand still for a second, Java's does not.
"""

import warnings
from collections.abc import Mapping
from typing import Literal

from moldau.client.java_checks import refusals as wrong_values
from moldau.client.java_rules import (
    ADMIN,
    CONSUMER,
    LIMITS,
    PRODUCER,
    Convert,
    Drop,
    Refuse,
    Refused,
    Rename,
    Rule,
    Value,
    as_text,
)
from moldau.client.near_names import nearest

Client = Literal["producer", "consumer", "admin"]

_RULES: dict[Client, Mapping[str, Rule]] = {
    "producer": PRODUCER,
    "consumer": CONSUMER,
    "admin": ADMIN,
}


class JavaConfigError(ValueError):
    """A Java config that librdkafka cannot honour; the message says what to do."""


class JavaConfigWarning(UserWarning):
    """A Java config that was dropped; the message says why."""


def java_config(config: Mapping[str, object], client: Client) -> dict[str, Value]:
    """Translate the configs of a Java client into librdkafka's.

    Values may be of the types that Java's properties files, JSON or Python give; None means
    "not set". Configs that librdkafka has and Java has not are added to the result afterwards.
    Raises JavaConfigError naming every config that is refused, not only the first.
    """
    translated: dict[str, Value] = {}
    given = {name: as_text(value) for name, value in config.items() if value is not None}
    wrong = {} if client == "admin" else wrong_values(given)
    refusals = list(wrong.values())
    for name, value in given.items():
        if name in wrong:
            continue
        try:
            translated.update(_limited(name, _translate(name, value, given, client)))
        except Refused as refused:
            # The value is not repeated: it may be a password.
            refusals.append(f"{name}: {refused}" if name in _RULES[client] else f"{refused}")
    if refusals:
        raise JavaConfigError("; ".join(refusals))
    if client == "producer":
        translated.setdefault("partitioner", "murmur2_random")
    if client == "consumer":
        translated["fetch.queue.backoff.ms"] = 10
    return translated


def _limited(name: str, translated: Mapping[str, Value]) -> dict[str, Value]:
    """Values moved to where librdkafka takes them, with a warning."""
    moved: dict[str, Value] = {}
    for to, value in translated.items():
        low, high = LIMITS.get(to, (value, value))
        if isinstance(low, int) and isinstance(high, int):
            nearest = min(max(int(value), low), high)
            if nearest != int(value):
                warnings.warn(
                    f"{name} is {nearest}: librdkafka takes {low} to {high}",
                    JavaConfigWarning,
                    stacklevel=4,
                )
                moved[to] = nearest
    return {**translated, **moved}


def _translate(name: str, value: str, given: Mapping[str, str], client: Client) -> dict[str, Value]:
    match _RULES[client].get(name):
        case Rename(to):
            return {to or name: value}
        case Convert(convert):
            return convert(value, given)
        case Drop(why, unless):
            if value.lower() not in unless:
                warnings.warn(f"{name} is dropped: {why}", JavaConfigWarning, stacklevel=3)
            return {}
        case Refuse(why, unless):
            if value.lower() not in unless:
                raise Refused(why)
            return {}
        case None:
            raise Refused(_unknown(name, client))


def _unknown(name: str, client: Client) -> str:
    for other, rules in _RULES.items():
        if name in rules:
            return f"{name} is a config of the {other}, not of the {client}"
    near = nearest(name, _RULES[client])
    hint = f", did you mean {near}?" if near else ""
    return (
        f"Java's {client} has no config {name}{hint} "
        "(configs of librdkafka are added to the result of java_config)"
    )
