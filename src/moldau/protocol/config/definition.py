"""What a config is: a name with a type, a default and a check, and the texts Kafka makes of it.

The rules and the wording of errors are those of Apache Kafka's ConfigDef (clients,
org.apache.kafka.common.config), because scripts and clients read them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from enum import IntEnum
from typing import Final, NamedTuple

from moldau.protocol.java_maps import hash_order, string_hash

Value = bool | int | float | str | tuple[str, ...] | None
"""A parsed value. Lists are tuples; CLASS and PASSWORD are strings; None is "not set"."""


class ConfigType(IntEnum):
    """The types of configs, numbered as DescribeConfigs numbers them (KIP-569)."""

    UNKNOWN = 0
    BOOLEAN = 1
    STRING = 2
    INT = 3
    SHORT = 4
    LONG = 5
    DOUBLE = 6
    LIST = 7
    CLASS = 8
    PASSWORD = 9


class InvalidConfig(ValueError):
    """A config that Kafka would refuse too; the text is Kafka's own."""


class Definition(NamedTuple):
    """One row of a table.

    `valid` is the check in short form (see `table`); `mode` says who may change it at run
    time: static (nobody), broker, cluster; internal ones are static and not listed; dynamic
    ones cannot stand in a file. `effect` says what Moldau makes of a broker config.
    """

    name: str
    type: ConfigType
    default: str | None
    valid: str
    mode: str
    effect: str

    @property
    def is_sensitive(self) -> bool:
        return self.type is ConfigType.PASSWORD


_TYPES: Final = {
    "bool": ConfigType.BOOLEAN,
    "string": ConfigType.STRING,
    "int": ConfigType.INT,
    "short": ConfigType.SHORT,
    "long": ConfigType.LONG,
    "double": ConfigType.DOUBLE,
    "list": ConfigType.LIST,
    "class": ConfigType.CLASS,
    "password": ConfigType.PASSWORD,
}
MAX_INT: Final = 2**31 - 1
MAX_LONG: Final = 2**63 - 1
_DEFAULTS: Final[dict[str, str | None]] = {
    "-": None,
    "''": "",
    "max": str(MAX_LONG),
    "maxint": str(MAX_INT),
}
_BITS: Final = {ConfigType.SHORT: 16, ConfigType.INT: 32, ConfigType.LONG: 64}
# What Java's String.trim takes away: everything up to the space.
_JAVA_BLANK: Final = "".join(map(chr, range(33)))
_NUMERIC: Final = tuple("0123456789.")


def table(text: str, words: dict[str, str] | None = None) -> dict[str, Definition]:
    """Reads rows of `name type default valid [mode]`; `[effect]` heads the rows below it.

    Defaults: `-` none, `''` empty, `max` and `maxint` the largest long and int. Checks: `>=N`,
    `A..B`, `in:a,b`, `icase:a,b`, `nonempty`; for lists `list` (each value once), `list!` (and
    not empty), `of:a,b`, `of!:a,b`; `gzip`, `replicas` and `reset` are checks of single
    configs; `-` is none. `*word` stands for a long default or check in `words`.
    """
    rows, effect = {}, ""
    for line in text.splitlines():
        if line.startswith("["):
            effect = line[1:-1]
        elif line:
            name, kind, default, valid, *mode = line.split()
            if words:
                default, valid = _long(default, words), _long(valid, words)
            value = _DEFAULTS.get(default, default)
            how = mode[0] if mode else "static"
            rows[name] = Definition(name, _TYPES[kind], value, valid, how, effect)
    return rows


def _long(column: str, words: dict[str, str]) -> str:
    return words[column[1:]] if column[0] == "*" else column


def parse(definition: Definition, text: str) -> Value:
    """The checked value of what a user wrote. Raises InvalidConfig with Kafka's sentence."""
    value = _parse_type(definition, text)
    if definition.type is ConfigType.LIST and definition.valid.startswith(("list", "of")):
        # Kafka drops repeated values with a warning before it checks them.
        value = tuple(dict.fromkeys(_as_list(value)))
    _check(definition, value)
    return value


def default_value(definition: Definition) -> Value:
    return None if definition.default is None else _parse_type(definition, definition.default)


def unknown_name(names: Iterable[str], known: Container[str]) -> str | None:
    """The one that Kafka tells of when several are unknown: they come out of a hash map."""
    unknown = (name for name in hash_order(names, string_hash) if name not in known)
    return next(unknown, None)


def to_text(value: Value) -> str | None:
    """A value as Kafka prints it (ConfigDef.convertToString)."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float():
            return _java_double(value)
        case tuple():
            return ",".join(value)
    return str(value)


def _parse_type(definition: Definition, text: str) -> Value:
    trimmed = text.strip(_JAVA_BLANK)
    match definition.type:
        case ConfigType.BOOLEAN:
            if trimmed.lower() not in ("true", "false"):
                raise _invalid(definition, text, "Expected value to be either true or false")
            return trimmed.lower() == "true"
        case ConfigType.INT | ConfigType.SHORT | ConfigType.LONG:
            return _parse_integer(definition, text, trimmed)
        case ConfigType.DOUBLE:
            return _parse_double(definition, text, trimmed)
        case ConfigType.LIST:
            return (
                tuple(part.strip(" \t\n\v\f\r") for part in trimmed.split(",")) if trimmed else ()
            )
    return trimmed


def _parse_integer(definition: Definition, text: str, trimmed: str) -> int:
    digits = trimmed[1:] if trimmed[:1] in ("+", "-") else trimmed
    limit = 1 << (_BITS[definition.type] - 1)
    # isdecimal first: int() would also take underscores and inner blanks.
    if digits.isdecimal() and len(digits) < 40 and -limit <= int(trimmed) < limit:
        return int(trimmed)
    raise _invalid(definition, text, f"Not a number of type {definition.type.name}")


def _parse_double(definition: Definition, text: str, trimmed: str) -> float:
    body = trimmed[:-1] if trimmed[-1:] in ("d", "D", "f", "F") else trimmed
    unsigned = body.lstrip("+-")
    try:
        if unsigned in ("NaN", "Infinity") or (body.isascii() and unsigned[:1] in _NUMERIC):
            return float(body.replace("_", "x"))
    except ValueError:
        pass
    raise _invalid(definition, text, "Not a number of type DOUBLE")


def _as_list(value: Value) -> tuple[str, ...]:
    assert isinstance(value, tuple)
    return value


def _invalid(definition: Definition, value: Value, why: str) -> InvalidConfig:
    if isinstance(value, tuple):
        value = "[" + ", ".join(value) + "]"
    return InvalidConfig(
        f"Invalid value {to_text(value)} for configuration {definition.name}: {why}"
    )


def _check(definition: Definition, value: Value) -> None:
    valid = definition.valid
    if valid == "-":
        return
    if isinstance(value, tuple):
        _check_list(definition, value)
    elif isinstance(value, str):
        _check_string(definition, value)
    elif isinstance(value, int | float):
        _check_number(definition, value)


def _check_number(definition: Definition, value: float) -> None:
    if definition.valid == "gzip":
        if value != -1 and not 1 <= value <= 9:
            raise _invalid(definition, value, "Value must be between 1 and 9 or equal to -1")
        return
    if definition.valid.startswith(">="):
        low, high = definition.valid[2:], ""
    else:
        low, _, high = definition.valid.partition("..")
    if value < float(low):
        raise _invalid(definition, value, f"Value must be at least {low}")
    if high and value > float(high):
        raise _invalid(definition, value, f"Value must be no more than {high}")


def _check_string(definition: Definition, value: str) -> None:
    kind, _, allowed = definition.valid.partition(":")
    choices = allowed.split(",")
    if kind == "nonempty" and not value:
        raise _invalid(definition, value, "String must be non-empty")
    if kind == "in" and value not in choices:
        raise _invalid(definition, value, f"String must be one of: {', '.join(choices)}")
    if kind == "icase" and value.upper() not in map(str.upper, choices):
        why = f"String must be one of (case insensitive): {', '.join(choices)}"
        raise _invalid(definition, value, why)
    if kind == "reset" and value not in ("earliest", "latest") and not _is_duration(value):
        why = (
            f"Invalid value `{value}` for configuration {definition.name}. The value must be "
            "either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
        )
        raise _invalid(definition, value, why)


def _check_list(definition: Definition, values: tuple[str, ...]) -> None:
    kind, _, allowed = definition.valid.partition(":")
    if kind == "replicas":
        _check_replicas(definition, values)
        return
    if not values and kind.endswith("!"):
        valid = f"[{allowed.replace(',', ', ')}]" if allowed else "any non-empty value"
        raise InvalidConfig(
            f"Configuration '{definition.name}' must not be empty. Valid values include: {valid}"
        )
    for value in values:
        if not value:
            raise InvalidConfig(f"Configuration '{definition.name}' values must not be empty.")
        if allowed and value not in allowed.split(","):
            why = f"String must be one of: {allowed.replace(',', ', ')}"
            raise _invalid(definition, value, why)


def _check_replicas(definition: Definition, values: tuple[str, ...]) -> None:
    """`partition:broker,…` or `*` (Kafka's ThrottledReplicaListValidator)."""
    if "".join(values) == "*" or all(_is_replica(value) for value in values):
        return
    why = (
        f"{definition.name} must be the literal '*' or a list of replicas in the following "
        "format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."
    )
    raise _invalid(definition, values, why)


def _is_replica(value: str) -> bool:
    partition, colon, broker = value.partition(":")
    digits = partition + broker
    return not value or bool(
        colon and partition and broker and digits.isascii() and digits.isdigit()
    )


def _is_duration(value: str) -> bool:
    """`by_duration:` and an ISO 8601 duration of days to seconds, not negative."""
    prefix, _, duration = value.partition(":")
    days, _, time = duration.removeprefix("P").partition("T")
    if prefix != "by_duration" or not duration.startswith("P") or not (days or time):
        return False
    return _has_units(days, "D") and _has_units(time, "HMS") and not duration.endswith("T")


def _has_units(text: str, units: str) -> bool:
    for unit in units:
        number, found, rest = text.partition(unit)
        if not found:
            continue
        whole, dot, fraction = number.partition(".")
        if not whole.isdecimal() or (dot and not (unit == "S" and fraction.isdecimal())):
            return False
        text = rest
    return not text


def _java_double(value: float) -> str:
    """Double.toString: plain between 0.001 and ten million, else with an exponent."""
    if value != value or value in (float("inf"), float("-inf")):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction.rstrip("0") if exponent else whole + fraction
    shift = int(exponent or 0) + len(whole) - 1
    stripped = digits.lstrip("0")
    shift -= len(digits) - len(stripped)
    stripped = stripped.rstrip("0") or "0"
    return f"{sign}{stripped[0]}.{stripped[1:] or '0'}E{shift}"
