"""What people give to the verbs, looked at when the program is defined."""

from __future__ import annotations

import re
from typing import Any

from moldau.streams.durations import Duration, milliseconds
from moldau.streams.errors import DefinitionError
from moldau.streams.program import Topic

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_PROTOCOLS = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")  # librdkafka takes their names

# What a verb is called in Kafka Streams, Quix Streams and polars.
_ELSEWHERE = {
    "aggregate": "group_by(field).agg(n=moldau.fold(init, add))",
    "apply": "map(function)",
    "count": "group_by(field).agg(n=moldau.count())",
    "drop": "select('field', ...) of those that stay",
    "drop_duplicates": "deduplicate(field, within='1h')",
    "foreach": "peek(function)",
    "flatMap": "flat_map(function)",
    "groupby": "group_by(field)",
    "groupBy": "group_by(field)",
    "group_by_key": "group_by(field)",
    "groupByKey": "group_by(field)",
    "leftJoin": "join(other, how='left')",
    "left_join": "join(other, how='left')",
    "mapValues": "map(function)",
    "map_values": "map(function)",
    "print": "peek(print)",
    "outerJoin": "join(other, how='outer')",
    "reduce": "group_by(field).agg(n=moldau.fold(init, add))",
    "rename": "select(new='old')",
    "repartition": "key_by(field)",
    "rolling": "group_by(field).sliding('10m')",
    "selectKey": "key_by(field)",
    "select_key": "key_by(field)",
    "session_window": "group_by(field).session('30m')",
    "sink": "to(topic)",
    "sliding_window": "group_by(field).sliding('10m')",
    "sum": "group_by(field).agg(total=moldau.sum(field))",
    "through": "to(topic)",
    "to_topic": "to(topic)",
    "tumbling_window": "group_by(field).tumbling('1m')",
    "hopping_window": "group_by(field).hopping('1h', '5m')",
    "unique": "deduplicate(field, within='1h')",
    "update": "peek(function)",
    "where": "filter(function)",
    "with_columns": "with_fields(name=field)",
}


def legal(name: Any, what: str) -> str:
    """The name of a topic, or of what topics are named after. Raises DefinitionError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in (".", ".."):
        raise DefinitionError(
            f"{what} {name!r} can be no topic's name: letters (a-z), digits, '.', '_' and '-', at "
            f"most 249"
        )
    return name


def addresses(given: Any) -> str:
    """Where brokers are. Raises DefinitionError for URLs, and what is no text."""
    if not isinstance(given, str):
        hint = ",".join(map(str, given)) if isinstance(given, list | tuple) else "localhost:9092"
        raise DefinitionError(f"bootstrap_servers={given!r} is no text: write {hint!r}")
    for one in given.split(","):
        scheme, is_url, _ = one.strip().partition("://")
        if is_url and scheme.lower() not in _PROTOCOLS:
            raise DefinitionError(
                f"bootstrap_servers={given!r} is a URL, and a Kafka has an address: HOST:PORT, as "
                f"in 'localhost:9092'"
            )
    return given


def topic_of(given: Any, verb: str) -> Topic:
    """Raises DefinitionError."""
    if isinstance(given, Topic):
        return given
    hint = repr(given) if isinstance(given, str) else "'orders'"
    raise DefinitionError(
        f"{verb}: {_shown(given)} is no topic; declare it and give that, as in "
        f"app.topic({hint}, Order)"
    )


def refuse_another(known: Topic, topic: Topic, verb: str) -> None:
    """Two declarations of one topic must say the same. Raises DefinitionError."""
    told = zip(_told(known).items(), _told(topic).values(), strict=True)
    for (name, one), other in told:
        if one != other:
            raise DefinitionError(
                f"{verb}: topic {topic.name!r} is read with {name} {_name(one)} already, and "
                f"cannot be read with {_name(other)} too: declare it once, and use what app.topic "
                f"gave"
            )


def _told(topic: Topic) -> dict[str, Any]:
    when = topic.event_time
    return {
        "type": topic.type,
        "format": type(topic.format),
        "key": topic.key,
        "lateness": topic.lateness,
        "until": topic.until,
        "event_time": None if when is None else (when.unit, str(when.zone)),
    }


def _name(value: Any) -> str:
    return str(getattr(value, "__name__", value))


def no_stream(given: Any, verb: str) -> DefinitionError:
    """What is wrong with it where a stream is wanted."""
    if isinstance(given, Topic):
        return DefinitionError(
            f"{verb}: {given.name!r} is a topic; give its records, app.stream(topic), or its rows, "
            f"app.table(topic)"
        )
    if hasattr(given, "stream"):  # a table
        return DefinitionError(
            f"{verb}: a table is given where a stream is wanted: its changes are table.stream()"
        )
    return DefinitionError(f"{verb}: {_shown(given)} is no stream, as app.stream(topic) is")


def how_often(emit: Any, every: Duration | None) -> int | None:
    """Updates go out every so many ms; 0: each; None: none does. Raises DefinitionError."""
    if emit not in ("final", "updates"):
        raise DefinitionError(f"to: emit={emit!r} is neither 'final' nor 'updates'")
    if every is not None:
        return milliseconds(every, "every")
    return 0 if emit == "updates" else None


def no_verb(of: object, name: str, hint: str) -> AttributeError:
    """What is wrong where a verb is not there, or not yet."""
    known = _ELSEWHERE.get(name, "")
    if not hasattr(type(of), "group_by"):  # it is grouped
        known = known.removeprefix("group_by(field).")
    if not hint and hasattr(type(of), known.partition("(")[0]):
        hint = f"; here it is .{known}"
    said = f"{type(of).__name__!r} object has no attribute {name!r}{hint}"
    return AttributeError(said, name=name, obj=of)


def no_name(given: Any) -> DefinitionError:
    """What is wrong with it among the fields of `select`."""
    if isinstance(given, list | tuple):
        names = ", ".join(map(repr, given))
        return DefinitionError(f"select: give the fields one by one, select({names})")
    return DefinitionError(
        f"select: {_shown(given)} is no name of a field; what a function makes is given one, as in "
        f"select(total=function)"
    )


def no_updates() -> DefinitionError:
    """What is wrong with `emit` and `every` elsewhere."""
    return DefinitionError(
        "to: emit= and every= are for the results of windows, just behind agg(...), and for "
        "tables: write .to(...) there"
    )


def _shown(given: Any) -> str:
    return repr(given) if isinstance(given, str) else f"a {type(given).__name__}"
