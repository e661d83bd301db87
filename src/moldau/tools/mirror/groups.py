"""What groups have committed, translated: the offset at the target of the very record that a group
would read next, or of the next one that was copied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError, Refused
from moldau.client.groups import describe_group, list_consumer_groups
from moldau.client.leaders import TopicPartition
from moldau.client.offsets import Committed, commit_offsets, committed_offsets
from moldau.protocol.errors import ErrorCode
from moldau.tools.mirror.lane import Lane
from moldau.tools.mirror.notebook import Notebook
from moldau.tools.mirror.plan import matcher

Snapshot = dict[str, dict[TopicPartition, Committed]]


class Translated(NamedTuple):
    offsets: dict[TopicPartition, int]
    texts: dict[TopicPartition, str]
    # Committed behind what may be copied: behind the begin of an open transaction.
    ahead: list[TopicPartition]


def snapshot(source: Admin, patterns: Sequence[str], places: Iterable[TopicPartition]) -> Snapshot:
    """What the groups of the source have committed for these partitions, as of now."""
    wanted = set(places)
    matches = matcher(patterns)
    found: Snapshot = {}
    for group in list_consumer_groups(source):
        if not matches(group.id):
            continue
        offsets = {
            place: committed
            for place, committed in committed_offsets(source, group.id).items()
            if place in wanted
        }
        if offsets:
            found[group.id] = offsets
    return found


def translate(
    committed: Mapping[TopicPartition, Committed], lanes: Mapping[TopicPartition, Lane]
) -> Translated:
    """Only partitions that are copied as far as the group has read them are exact; others are in
    `ahead`, with the end of what is copied."""
    offsets: dict[TopicPartition, int] = {}
    texts: dict[TopicPartition, str] = {}
    ahead: list[TopicPartition] = []
    for place, (offset, _, text) in committed.items():
        lane = lanes[place]
        offsets[place] = lane.progress.map.target_of(offset)
        texts[place] = text
        if lane.covered < offset:
            ahead.append(place)
    return Translated(offsets, texts, ahead)


class GroupKeeper:
    """Commits at the target. `left_alone`: group and why, as of the last time."""

    def __init__(self, target: Admin, notebook: Notebook, tell: Callable[[str], None]) -> None:
        self._target = target
        self._notebook = notebook
        self._tell = tell
        self.left_alone: dict[str, str] = {}
        self.committed: dict[str, int] = {}  # group and number of partitions

    def commit(self, group: str, translated: Translated) -> None:
        why = self._why_not(group) or self._commit(group, translated)
        if why is None:
            self.left_alone.pop(group, None)
        elif self.left_alone.get(group) != why:
            self.left_alone[group] = why
            self._tell(f"group {group} is left alone at the target: {why}")

    def _why_not(self, group: str) -> str | None:
        try:
            members = describe_group(self._target, group).members
        except Refused as error:
            if error.code is not ErrorCode.GROUP_ID_NOT_FOUND:
                return str(error)
            return None
        except KafkaError as error:
            return str(error)
        if not members:
            return None
        who = ", ".join(sorted({member.client_id for member in members}))
        return f"it has {len(members)} member{'s' * (len(members) > 1)} there ({who})"

    def _commit(self, group: str, translated: Translated) -> str | None:
        """Commits what is new. What somebody else has moved at the target is not moved back."""
        there = {p: c.offset for p, c in self._there(group).items()}
        ours = self._notebook.journal.groups.get(group, {})
        moved = [
            place
            for place in translated.offsets
            if place in there and there[place] not in ours.get(place, [])
        ]
        if moved:
            place = moved[0]
            return (
                f"somebody else has committed there (for {'{}-{}'.format(*place)} offset "
                f"{there[place]}); delete the group there to have its offsets translated"
            )
        self.committed[group] = len(translated.offsets)
        new = {p: o for p, o in translated.offsets.items() if there.get(p) != o}
        if not new:
            return None
        seen = {
            **ours,
            **{p: [*([there[p]] if p in there else []), offset] for p, offset in new.items()},
        }
        # First what will be ours, so that it is known for ours whenever this process is killed.
        self._notebook.write([self._notebook.journal.group(group, seen)])
        try:
            commit_offsets(self._target, group, new, texts=translated.texts)
        except Refused as error:
            return str(error)
        return None

    def _there(self, group: str) -> dict[TopicPartition, Committed]:
        try:
            return committed_offsets(self._target, group)
        except Refused as error:
            if error.code is not ErrorCode.GROUP_ID_NOT_FOUND:
                raise
            return {}
