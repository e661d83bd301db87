"""Which topics are mirrored, and how each is to be at the target: decided here, done in `prepare`.

What a topic says itself goes along; what its brokers say for all topics is the target's own
matter. While records are copied, a few configs are held at values under which nothing is deleted,
restamped or refused; the topic's own come back at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from moldau.client.topics import ConfigEntry, Topic
from moldau.tools.mirror.failure import MirrorError
from moldau.tools.mirror.journal import Configs

_FOREVER = str((1 << 63) - 1)
# Config, and its value while records are copied.
_HELD = {
    # Records are as old at the target as at the source: they would be deleted while they come.
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    # They keep the times that they have, also those that the source's broker gave them.
    "message.timestamp.type": "CreateTime",
    "message.timestamp.before.max.ms": _FOREVER,
    "message.timestamp.after.max.ms": _FOREVER,
    "message.timestamp.difference.max.ms": _FOREVER,
}
LARGEST = "max.message.bytes"
_MIN_ISR = "min.insync.replicas"
# They name brokers of the source.
_OF_ITS_BROKERS = re.compile(r"(leader|follower)\.replication\.throttled\.replicas")
_COMPARED = ("retention.ms", "retention.bytes", "cleanup.policy", "compression.type", _MIN_ISR)


class Selection(NamedTuple):
    chosen: list[str]
    internal: list[str]


def select(topics: Iterable[Topic], patterns: Sequence[str]) -> Selection:
    """The topics whose whole name one of the patterns matches; all when there is no pattern.
    Internal ones never. Raises MirrorError."""
    matches = matcher(patterns)
    chosen: list[str] = []
    internal: list[str] = []
    for topic in topics:
        if matches(topic.name):
            is_internal = topic.internal or topic.name.startswith("__")
            (internal if is_internal else chosen).append(topic.name)
    return Selection(chosen, internal)


class Matcher:
    def __init__(self, patterns: Sequence[str]) -> None:
        try:
            self._patterns = [re.compile(pattern) for pattern in patterns]
        except re.error as error:
            raise MirrorError(
                f"{error.pattern!r} is no regular expression ({error}): write for instance "
                "'orders.*'"
            ) from None

    def __call__(self, name: str) -> bool:
        return not self._patterns or any(p.fullmatch(name) for p in self._patterns)


def matcher(patterns: Sequence[str]) -> Matcher:
    """Does any of the patterns match all of a name? Without patterns, every name does."""
    return Matcher(patterns)


class TopicPlan(NamedTuple):
    """`created` are the configs to create the topic with, `waiting` what held ones become at the
    end; `left_out` names those that the target does not know."""

    created: dict[str, str]
    waiting: Configs
    left_out: list[str]


def plan(entries: Sequence[ConfigEntry], known: Mapping[str, str | None]) -> TopicPlan:
    """`entries`: the topic's configs at the source; `known`: all that the target knows, with the
    values that a topic has there that says nothing."""
    own = own_configs(entries)
    left_out = sorted(name for name in own if name not in known)
    created = {name: value for name, value in own.items() if name in known}
    held = hold(known, largest(entries))
    waiting: Configs = {name: created.get(name) for name in held}
    return TopicPlan({**created, **held}, waiting, left_out)


def own_configs(entries: Iterable[ConfigEntry]) -> dict[str, str]:
    """What the topic says itself, and what can be said elsewhere."""
    return {
        e.name: e.value
        for e in entries
        if e.is_own and e.value is not None and not _OF_ITS_BROKERS.fullmatch(e.name)
    }


def hold(known: Mapping[str, str | None], largest_batch: int) -> dict[str, str]:
    """The held configs that the target knows."""
    held = {name: value for name, value in _HELD.items() if name in known}
    held[LARGEST] = str(max(largest_batch, int(known.get(LARGEST) or 0)))
    return held


def largest(entries: Iterable[ConfigEntry]) -> int:
    """The largest batch that the source takes, whoever says so, in bytes."""
    return max((int(e.value or 0) for e in entries if e.name == LARGEST), default=0)


def within_replicas(configs: dict[str, str], replicas: int) -> list[str]:
    """More replicas in sync than there are would let nobody write: lowers that; what was done."""
    wanted = configs.get(_MIN_ISR)
    if wanted is None or int(wanted) <= replicas:
        return []
    configs[_MIN_ISR] = str(replicas)
    return [f"{_MIN_ISR} {wanted} becomes {replicas}: there are no more replicas"]


def broker_differences(
    entries: Iterable[ConfigEntry], known: Mapping[str, str | None]
) -> dict[str, str]:
    """Configs that the source's brokers say for this topic and the target's say differently."""
    return {
        e.name: f"{e.name} is {e.value} at the source, which its brokers say, "
        f"and {known[e.name]} at the target"
        for e in entries
        if e.name in _COMPARED
        and not e.is_own
        and not e.is_default
        and e.name in known
        and e.value != known[e.name]
    }
