"""May a broker's configs become these while it runs?

What Apache Kafka asks beyond single values: what must fit together (KafkaConfig.validateValues,
GroupCoordinatorConfig) and what may not change by too much at once (DynamicThreadPool, LogCleaner,
DynamicLogConfig, DynamicRemoteLogConfig, SocketServer). The texts are Kafka's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from moldau.protocol.config.definition import InvalidConfig, Value
from moldau.protocol.config.topic import topic_defaults

_HOST_CHARACTERS: Final = frozenset(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-%._:"
)
# Numbers of threads: at most doubled or halved at a time. In the order in which Kafka looks.
_THREADS: Final = (
    "num.network.threads",
    "num.io.threads",
    "num.replica.fetchers",
    "num.recovery.threads.per.data.dir",
    "background.threads",
    "log.cleaner.threads",
    "remote.log.reader.threads",
    "remote.log.manager.copier.thread.pool.size",
    "remote.log.manager.expiration.thread.pool.size",
    "remote.log.manager.follower.thread.pool.size",
)
_POSITIVE: Final = ("max.connections", "max.connection.creation.rate")


def check_reconfiguration(old: Mapping[str, Value], new: Mapping[str, Value]) -> None:
    """Both hold all broker configs, typed. Raises InvalidConfig."""
    for broken in _assignment_intervals(new):
        raise InvalidConfig(broken)
    for _, unmet in (*unmet_by_logs(new), *_unmet_by_cleaner(new)):
        raise InvalidConfig(f"requirement failed: {unmet}")
    for _, broken in unmet_by_addresses(new):
        raise InvalidConfig(broken)
    changed = {name for name, value in new.items() if value != old[name]}
    for broken in (*_listeners(new, changed), *_threads(old, new, changed), *_local_parts(new)):
        raise InvalidConfig(
            f"Invalid value org.apache.kafka.common.config.ConfigException: {broken} "
            "for configuration Invalid dynamic configuration"
        )


def unmet_by_logs(values: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    """The names of configs for how long segments and records are kept that are wrong, and why."""
    logs = topic_defaults(values)
    if _number(logs["segment.ms"]) < 1:
        yield "log.roll.ms", "log.roll.ms must be greater than or equal to 1"
    if _number(logs["segment.jitter.ms"]) < 0:
        yield "log.roll.jitter.ms", "log.roll.jitter.ms must be greater than or equal to 0"
    if _number(logs["retention.ms"]) == 0:
        why = "log.retention.ms must be unlimited (-1) or, greater than or equal to 1"
        yield "log.retention.ms", why


def _assignment_intervals(values: Mapping[str, Value]) -> Iterator[str]:
    for kind in ("consumer", "share", "streams"):
        name = f"group.{kind}.assignment.interval.ms"
        low = f"group.{kind}.min.assignment.interval.ms"
        high = f"group.{kind}.max.assignment.interval.ms"
        if _number(values[name]) < _number(values[low]):
            yield f"{name} must be greater than or equal to {low}"
        if _number(values[name]) > _number(values[high]):
            yield f"{name} must be less than or equal to {high}"


def _unmet_by_cleaner(values: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    name = "log.cleaner.dedupe.buffer.size"
    threads = _number(values["log.cleaner.threads"])
    if not threads:
        raise InvalidConfig("/ by zero")
    if _number(values[name]) // threads <= 1024 * 1024:
        yield name, f"{name} must be at least 1MB per cleaner thread."


def unmet_by_addresses(values: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    """What is wrong with limits per address. Whoever gives none to all must give some to
    somebody."""
    name = "max.connections.per.ip.overrides"
    text = values[name]
    assert isinstance(text, str)
    try:
        overrides = connections_per_ip(text)
    except ValueError as error:
        yield name, str(error)
        return
    if values["max.connections.per.ip"] == 0 and not overrides:
        why = f"max.connections.per.ip can be set to zero only if {name} property is set."
        yield name, f"requirement failed: {why}"
    invalid = [address for address in overrides if not _HOST_CHARACTERS.issuperset(address)]
    if invalid:
        yield name, f"{name} contains invalid addresses : {','.join(invalid)}"


def connections_per_ip(text: str) -> dict[str, int]:
    """`address:count,…`. Raises ValueError with Kafka's text."""
    overrides = {}
    for pair in text.split(",") if text else ():
        address, colon, count = pair.rpartition(":")
        if not colon:
            raise ValueError(
                "Error parsing configuration property 'max.connections.per.ip.overrides': "
                f"begin 0, end -1, length {len(pair.strip())}"
            )
        if not count.strip().lstrip("+-").isdecimal():
            raise ValueError(f'For input string: "{count.strip()}"')
        overrides[address.strip()] = int(count)
    return overrides


def _listeners(new: Mapping[str, Value], changed: Collection[str]) -> Iterator[str]:
    for name in _POSITIVE:
        if name in changed and _number(new[name]) <= 0:
            yield f"Invalid {name} {new[name]}"


def _threads(
    old: Mapping[str, Value], new: Mapping[str, Value], changed: Collection[str]
) -> Iterator[str]:
    for name in _THREADS:
        if name in changed:
            before, after = _number(old[name]), _number(new[name])
            if name == "log.cleaner.threads":
                yield from _cleaner_threads(before, after)
            else:
                yield from _thread_count(name, before, after)


def _cleaner_threads(old: int, new: int) -> Iterator[str]:
    if new < old // 2:
        yield f"Log cleaner threads cannot be reduced to less than half the current value {old}"
    if new > old * 2:
        yield f"Log cleaner threads cannot be increased to more than double the current value {old}"


def _thread_count(name: str, old: int, new: int) -> Iterator[str]:
    failed = f"Dynamic thread count update validation failed for {name}={new}, value should"
    if new < old // 2:
        yield f"{failed} be at least half the current value {old}"
    if new > old * 2:
        yield f"{failed} not be greater than double the current value {old}"


def _local_parts(values: Mapping[str, Value]) -> Iterator[str]:
    """What stays local of remote storage is part of what is kept; -2 means all of it."""
    retention = topic_defaults(values)["retention.ms"]
    for whole, limit in (
        ("log.retention.ms", retention),
        ("log.retention.bytes", values["log.retention.bytes"]),
    ):
        part = whole.replace("log.", "log.local.", 1)
        local = _number(values[part])
        if _number(limit) < 0 or local == -2:
            continue
        invalid = f"Invalid value {local} for configuration {part}: Value must not be"
        if local == -1:
            yield f"{invalid} -1 as {whole} value is set as {limit}."
        elif local > _number(limit):
            yield f"{invalid} more than {whole} property value: {limit}"


def _number(value: Value) -> int:
    assert isinstance(value, int)
    return value
