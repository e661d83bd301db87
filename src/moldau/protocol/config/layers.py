"""A broker's configs as Kafka keeps them: four layers of texts, and the values they come to.

From strong to weak: dynamic for this broker, dynamic for all brokers, static (files, options,
environment), defaults (KafkaConfig, DynamicBrokerConfig.updateCurrentConfig).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from moldau.protocol.config.broker import BROKER
from moldau.protocol.config.definition import InvalidConfig, Value, default_value, parse

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
# Names of one setting in different units: a stronger layer's name hides all weaker ones.
_FAMILIES: Final = (
    ("log.roll.ms", "log.roll.hours"),
    ("log.roll.jitter.ms", "log.roll.jitter.hours"),
    ("log.retention.ms", "log.retention.minutes", "log.retention.hours"),
)
LISTENER_PREFIX: Final = "listener.name."
_CLUSTER_WIDE_FOR_LISTENERS: Final = (
    "max.connections",
    "max.connection.creation.rate",
    "num.network.threads",
)
_SECURITY: Final = ("ssl.", "sasl.", "principal.builder.class")


def synonyms(name: str) -> tuple[str, ...]:
    """The names that can give this broker config its value, in the order they are asked."""
    if name.startswith(LISTENER_PREFIX):
        return (name, base_name(name))
    return _family(name)


def _family(name: str) -> tuple[str, ...]:
    if name == "log.flush.interval.ms":
        return (name, "log.flush.scheduler.interval.ms")
    return next((family for family in _FAMILIES if name in family), (name,))


def base_name(name: str) -> str:
    """`listener.name.internal.ssl.key.password` is `ssl.key.password` for one listener."""
    if not name.startswith(LISTENER_PREFIX):
        return name
    return name[len(LISTENER_PREFIX) :].partition(".")[2]


@dataclass(frozen=True)
class BrokerConfigs:
    """The four layers (name to text) and `values`, every broker config parsed.

    `defaults` holds only what differs from the table: the data folder. Raises InvalidConfig
    when a text does not parse.
    """

    static: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    defaults: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    dynamic_default: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    dynamic_broker: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    values: Mapping[str, Value] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(_values(self)))

    def with_dynamic(self, default: Mapping[str, str], broker: Mapping[str, str]) -> BrokerConfigs:
        return replace(
            self,
            dynamic_default=MappingProxyType(dict(default)),
            dynamic_broker=MappingProxyType(dict(broker)),
        )


def _values(configs: BrokerConfigs) -> dict[str, Value]:
    given = dict(configs.static)
    for layer in (configs.dynamic_default, configs.dynamic_broker):
        for name in layer:
            for other in _family(name):
                given.pop(other, None)
        given.update(layer)
    values = {name: default_value(definition) for name, definition in BROKER.items()}
    for name, text in (dict(configs.defaults) | given).items():
        if name in BROKER:
            values[name] = parse(BROKER[name], text)
    return values


def validate_dynamic(changes: Mapping[str, str], per_broker: bool) -> None:
    """Checks broker configs that an admin sets at run time (DynamicBrokerConfig.validateConfigs).

    Unknown names pass, as in Kafka. Raises InvalidConfig: INVALID_REQUEST on the wire.
    """
    _refuse(
        "Cannot update these configs dynamically",
        [
            name
            for name in changes
            if name in BROKER and BROKER[name].mode in ("static", "internal")
        ],
    )
    _refuse(
        "These security configs can be dynamically updated only per-listener using the "
        "listener prefix",
        [name for name in changes if name in BROKER and name.startswith(_SECURITY)],
    )
    _refuse(
        "Moldau cannot protect listeners yet and would not pretend to with these configs",
        [name for name in changes if base_name(name).startswith(_SECURITY)],
    )
    for name, text in changes.items():
        if base_name(name) in BROKER:
            parse(BROKER[base_name(name)], text)
    if not per_broker:
        _refuse(
            "Cannot update these configs at default cluster level, broker id must be specified",
            [name for name in changes if _is_per_broker(name)],
        )


def _is_per_broker(name: str) -> bool:
    """A listener's own configs are for one broker, but for those that limit its threads."""
    if name.startswith(LISTENER_PREFIX):
        return base_name(name) not in _CLUSTER_WIDE_FOR_LISTENERS
    return name in BROKER and BROKER[name].mode == "broker"


def _refuse(why: str, names: list[str]) -> None:
    if names:
        raise InvalidConfig(f"{why}: [{', '.join(sorted(names))}]")
