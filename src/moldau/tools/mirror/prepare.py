"""Topics at the target made ready: created, grown, held; refused what is not this mirror's."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError, Refused
from moldau.client.leaders import TopicPartition
from moldau.client.offsets import EARLIEST, LATEST, list_offsets
from moldau.client.topics import (
    ConfigEntry,
    TopicDescription,
    alter_topic_configs,
    configs_of_a_new_topic,
    create_partitions,
    create_topic,
    describe_topic_configs,
    describe_topics,
    list_topics,
)
from moldau.protocol.errors import ErrorCode
from moldau.tools.mirror.configs import ConfigKeeper
from moldau.tools.mirror.failure import MirrorError
from moldau.tools.mirror.journal import TOPIC, Configs, Line, TopicState
from moldau.tools.mirror.notebook import Notebook
from moldau.tools.mirror.plan import (
    broker_differences,
    hold,
    largest,
    plan,
    within_replicas,
)
from moldau.tools.mirror.sides import topic_id
from moldau.tools.mirror.window import Progress

_KNOWN_S = 30.0


class Pair(NamedTuple):
    """A topic at both sides, ready to be copied."""

    name: str
    partitions: int
    source_uuid: bytes
    target_uuid: bytes

    @property
    def target_id(self) -> str:
        return topic_id(self.name, self.target_uuid)

    @property
    def places(self) -> list[TopicPartition]:
        return [(self.name, partition) for partition in range(self.partitions)]


class Preparation:
    """Prepares topics by name, all or none: what is refused is found before anything is made."""

    def __init__(
        self,
        source: Admin,
        target: Admin,
        notebook: Notebook,
        configs: ConfigKeeper,
        replication_factor: int,
        tell: Callable[[str], None],
    ) -> None:
        self._source = source
        self._configs = configs
        self._target = target
        self._notebook = notebook
        self._replication_factor = replication_factor
        self._tell = tell
        self._known: dict[str, str | None] = {}

    def prepare(self, names: Iterable[str]) -> list[Pair]:
        """Raises MirrorError with a line for each topic that cannot be mirrored."""
        wanted = describe_topics(self._source, sorted(names))
        configs = describe_topic_configs(self._source, [topic.name for topic in wanted])
        there = self._there([topic.name for topic in wanted])
        self._refuse(wanted, there)
        known = self.target_configs()
        self._tell_differences(configs)
        pairs = []
        for topic in wanted:
            existing = there.get(topic.name)
            if existing is not None and self._is_ours(topic.name, existing):
                self._hold_again(topic.name, hold(known, largest(configs[topic.name])))
            else:
                self._make(topic, existing, configs[topic.name])
            pairs.append(self._pair(topic))
            self._configs.saw(topic.name, configs[topic.name])
        self._claim(pairs)
        self._begin(pairs)
        return pairs

    # --- what is there, and what may not be

    def _there(self, names: list[str]) -> dict[str, TopicDescription]:
        present = {topic.name for topic in list_topics(self._target)}
        found = describe_topics(self._target, [name for name in names if name in present])
        return {topic.name: topic for topic in found}

    def _state(self, name: str) -> TopicState | None:
        return self._notebook.journal.topics.get(name)

    def _is_ours(self, name: str, existing: TopicDescription) -> bool:
        state = self._state(name)
        return state is not None and state.target_id == topic_id(name, existing.id)

    def _refuse(self, wanted: list[TopicDescription], there: dict[str, TopicDescription]) -> None:
        reasons = []
        for topic in wanted:
            existing = there.get(topic.name)
            if existing is not None and (reason := self._reason(topic, existing)):
                reasons.append(reason)
        if reasons:
            raise MirrorError("\n  ".join(["nothing was copied:", *reasons]))

    def _reason(self, topic: TopicDescription, existing: TopicDescription) -> str | None:
        name = topic.name
        if len(existing.partitions) > len(topic.partitions):
            return (
                f"topic {name} has {len(existing.partitions)} partitions at the target and "
                f"{len(topic.partitions)} at the source: keys would lie elsewhere; delete it at "
                "the target"
            )
        state = self._state(name)
        if state is not None and self._is_ours(name, existing):
            if state.source_id != topic_id(name, topic.id):
                return (
                    f"topic {name} was deleted and created again at the source since it was "
                    "copied: delete it at the target to copy the new one, or leave it out with "
                    "--topics"
                )
            return None
        return self._not_ours(name, existing)

    def _not_ours(self, name: str, existing: TopicDescription) -> str | None:
        owner = self._notebook.journal.claims.get(topic_id(name, existing.id))
        if owner not in (None, self._notebook.journal.name):
            return (
                f"topic {name} at the target is written by the mirror {owner!r}: leave it out with "
                "--topics"
            )
        places = [(name, partition.id) for partition in existing.partitions]
        first = list_offsets(self._target, places, EARLIEST)
        end = list_offsets(self._target, places, LATEST)
        if first == end:
            return None
        return (
            f"topic {name} at the target has records that are not of this mirror: delete it there, "
            "or leave it out with --topics"
        )

    # --- configs

    def target_configs(self) -> dict[str, str | None]:
        """All topic configs that the target knows, and what a topic has that says nothing."""
        if not self._known:
            entries = describe_topic_configs(self._target, [TOPIC])[TOPIC]
            self._known = {entry.name: entry.value for entry in entries}
            plain = self._configs_of_a_new_topic()
            self._known.update({e.name: plain.get(e.name) for e in entries if e.is_own})
        return self._known

    def _configs_of_a_new_topic(self) -> dict[str, str | None]:
        try:
            return configs_of_a_new_topic(self._target, f"{TOPIC}.{secrets.token_hex(8)}")
        except KafkaError:
            return {}  # before Kafka 2.4 a topic says how many replicas it wants

    def _tell_differences(self, configs: dict[str, list[ConfigEntry]]) -> None:
        sentences: dict[str, list[str]] = {}
        for name, entries in configs.items():
            for sentence in broker_differences(entries, self._known).values():
                sentences.setdefault(sentence, []).append(name)
        for sentence, names in sentences.items():
            self._tell(f"{_some(names)}: {sentence}")

    def _hold_again(self, name: str, held: dict[str, str]) -> None:
        """A topic that an earlier run had let go, and that goes on being copied."""
        state = self._state(name)
        assert state is not None
        if not state.waiting:
            own = self._own_configs(name)
            waiting: Configs = {config: own.get(config) for config in held}
            self._write(self._notebook.journal.topic(name, state._replace(waiting=waiting)))
        alter_topic_configs(self._target, name, dict(held))

    def _own_configs(self, name: str) -> Configs:
        """What the topic at the target says itself."""
        entries = describe_topic_configs(self._target, [name])[name]
        return {entry.name: entry.value for entry in entries if entry.is_own}

    # --- making

    def _make(
        self,
        topic: TopicDescription,
        existing: TopicDescription | None,
        entries: list[ConfigEntry],
    ) -> None:
        """What the topic is to be is written down first: a mirror that is killed here finds a
        topic that is held, and has to know what it was to become."""
        name = topic.name
        made = plan(entries, self.target_configs())
        state = self._state(name)
        if state is not None and state.target_id == "":
            made = made._replace(waiting=state.waiting)
        elif existing is not None:
            own = self._own_configs(name)
            waiting = {c: own.get(c) if v is None else v for c, v in made.waiting.items()}
            made = made._replace(waiting=waiting)
        self._write(
            self._notebook.journal.topic(
                name, TopicState(topic_id(name, topic.id), "", made.waiting, False)
            )
        )
        created = dict(made.created)
        left_out = list(made.left_out)
        if existing is None:
            left_out += self._create(topic, created)
        else:
            replicas = min(len(p.replicas) for p in existing.partitions)
            self._tell_all(name, within_replicas(created, replicas))
            alter_topic_configs(self._target, name, dict(created))
        if left_out:
            self._tell(f"{name}: the target does not know or take {_some(sorted(left_out))}")

    def _create(self, topic: TopicDescription, configs: dict[str, str]) -> list[str]:
        """Creates it; the configs that the target does not take."""
        refused = self._refused_configs(topic.name, configs)
        for config in refused:
            del configs[config]
        replicas = self._replication_factor
        if replicas > 0:
            self._tell_all(topic.name, within_replicas(configs, replicas))
        try:
            create_topic(self._target, topic.name, len(topic.partitions), replicas, configs=configs)
        except Refused as error:
            if error.code is not ErrorCode.TOPIC_ALREADY_EXISTS:
                raise MirrorError(
                    f"topic {topic.name} cannot be created at the target: {error}"
                ) from None
        if replicas <= 0:
            made = self._described(topic.name, len(topic.partitions))
            lower = {k: v for k, v in configs.items() if k == "min.insync.replicas"}
            notes = within_replicas(lower, len(made.partitions[0].replicas))
            if notes:
                self._tell_all(topic.name, notes)
                alter_topic_configs(self._target, topic.name, dict(lower))
        return refused

    def _refused_configs(self, name: str, configs: dict[str, str]) -> list[str]:
        if self._takes(name, configs):
            return []
        return [config for config in configs if not self._takes(name, {config: configs[config]})]

    def _takes(self, name: str, configs: dict[str, str]) -> bool:
        try:
            create_topic(
                self._target, name, 1, self._replication_factor, configs=configs, validate_only=True
            )
        except Refused as error:
            return error.code is not ErrorCode.INVALID_CONFIG
        return True

    def _pair(self, topic: TopicDescription) -> Pair:
        count = len(topic.partitions)
        there = self._described(topic.name, 1)
        if len(there.partitions) < count:
            create_partitions(self._target, {topic.name: count}, {})
            there = self._described(topic.name, count)
        pair = Pair(topic.name, count, topic.id, there.id)
        state = self._state(topic.name)
        assert state is not None
        if state.target_id != pair.target_id:
            self._write(
                self._notebook.journal.topic(topic.name, state._replace(target_id=pair.target_id)),
                self._notebook.journal.claim(pair.target_id),
            )
        return pair

    def _described(self, name: str, partitions: int) -> TopicDescription:
        """Brokers hear of a new topic one after the other."""
        deadline = time.monotonic() + _KNOWN_S
        while True:
            try:
                (found,) = describe_topics(self._target, [name])
                if len(found.partitions) >= partitions and all(
                    partition.leader >= 0 for partition in found.partitions
                ):
                    return found
            except Refused as error:
                if error.code is not ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
                    raise
            if time.monotonic() > deadline:
                raise MirrorError(
                    f"topic {name} was created at the target and is not there: look at the "
                    "target's log"
                )
            time.sleep(0.05)

    def _claim(self, pairs: list[Pair]) -> None:
        """Of two mirrors that found the same empty topic, the first that said so has it."""
        journal = self._notebook.journal
        self._notebook.catch_up()
        for pair in pairs:
            owner = journal.claims.get(pair.target_id, journal.name)
            if owner != journal.name:
                raise MirrorError(
                    f"topic {pair.name} at the target is written by the mirror {owner!r}: leave it "
                    "out with --topics"
                )

    def _begin(self, pairs: list[Pair]) -> None:
        """Partitions that were never copied begin where the target's log ends, which is empty."""
        journal = self._notebook.journal
        fresh = {
            place: pair.target_id
            for pair in pairs
            for place in pair.places
            if (pair.target_id, place[1]) not in journal.progress
        }
        first = list_offsets(self._target, fresh, EARLIEST)
        ends = list_offsets(self._target, fresh, LATEST)
        lines: list[Line] = []
        for place, target_id in fresh.items():
            if first[place] != ends[place]:
                raise MirrorError(
                    "{}-{} at the target has records that are not of this mirror: delete the topic "
                    "there, or leave it out with --topics".format(*place)
                )
            journal.progress[target_id, place[1]] = Progress(ends[place])
            lines.append(journal.head(target_id, place[1]))
        self._notebook.write(lines)

    # --- small things

    def _write(self, *lines: Line) -> None:
        self._notebook.write(lines)

    def _tell_all(self, name: str, notes: list[str]) -> None:
        for note in notes:
            self._tell(f"{name}: {note}")


def release(target: Admin, notebook: Notebook, names: Iterable[str]) -> list[str]:
    """Gives the topics the configs that were held back; sentences about those that failed."""
    failures = []
    for name in names:
        state = notebook.journal.topics[name]
        if not state.waiting:
            continue
        try:
            alter_topic_configs(target, name, state.waiting)
        except KafkaError as error:
            failures.append(f"topic {name} does not take its configs at the target: {error}")
            continue
        notebook.write([notebook.journal.topic(name, state._replace(waiting={}, cleaned=True))])
    return failures


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
