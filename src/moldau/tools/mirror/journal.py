"""What a mirror has written down at the target, as records of a compacted topic, and back.

Decide/replay: whoever changes something makes lines here, they are appended to the topic, and a
later mirror replays them. All keys begin with the mirror's name, so that several mirrors share the
topic. Keys and values are JSON: kafka-console-consumer shows them.

    [name, "birth", token]           the producer id of this mirror; the first birth counts
    [name, "owner"]                  who is at work, in which incarnation, and when it was heard
    [name, "topic", topic]           the two topic ids, and the configs that wait for the end
    [name, "claim", target id]       this mirror writes that topic; the first claim of any counts
    [name, "head", target id, p]     how far partition p is copied, and what is announced
    [name, "breaks", target id, p, t]  the map of partition p from target offset t on
    [name, "cut", target id, p, t]   what was written above about offsets from t on is void
    [name, "group", group]           the offsets that this mirror has committed
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from moldau.tools.mirror.offset_map import Break
from moldau.tools.mirror.window import Progress, Window

TOPIC = "__moldau_mirror"
TopicPartition = tuple[str, int]
Configs = dict[str, str | None]


class Line(NamedTuple):
    key: bytes
    value: bytes


class Owner(NamedTuple):
    """`place`: where the process runs, so that one on the same machine can see whether it lives."""

    token: str
    incarnation: int
    place: str
    process: int
    began: int  # of the process, so that its number cannot be taken for that of a later one
    since: str
    ended: bool


class TopicState(NamedTuple):
    """`waiting`: configs to set when the copy is complete (None: back to the default); empty when
    that is done. `cleaned`: the target may have been cleaned since, so records may be gone."""

    source_id: str
    target_id: str
    waiting: Configs
    cleaned: bool


@dataclass
class Journal:
    """The journal of one mirror, replayed."""

    name: str
    producer_id: int = -1
    owner: Owner | None = None
    topics: dict[str, TopicState] = field(default_factory=dict)
    progress: dict[tuple[str, int], Progress] = field(default_factory=dict)
    groups: dict[str, dict[TopicPartition, list[int]]] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    _heads: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    _breaks: dict[tuple[str, int], list[Break]] = field(default_factory=dict)

    # --- replay

    def replay(self, line: Line) -> None:
        """One record of the topic, of whichever mirror; what is not ours to read is passed over."""
        try:
            key = json.loads(line.key)
            value = json.loads(line.value)
            kind = key[1]
            if kind == "claim":
                self.claims.setdefault(key[2], key[0])
            if key[0] == self.name and kind in _REPLAYS:
                _REPLAYS[kind](self, key, value)
        except (ValueError, LookupError, TypeError):
            return

    def replayed(self) -> None:
        """All has been replayed: puts heads and breaks together."""
        for place, head in self._heads.items():
            progress = self.progress[place] = Progress(head["base"])
            progress.map.load(sorted(self._breaks.get(place, [])), head["end"])
            progress.pending = [_window(one) for one in head["pending"]]
        self._heads.clear()
        self._breaks.clear()

    def _birth(self, key: list[Any], value: Any) -> None:
        if self.producer_id < 0:
            self.producer_id = value["producer"]

    def _owner(self, key: list[Any], value: Any) -> None:
        self.owner = Owner(**value)

    def _topic(self, key: list[Any], value: Any) -> None:
        self.topics[key[2]] = TopicState(**value)

    def _head(self, key: list[Any], value: Any) -> None:
        self._heads[key[2], key[3]] = value

    def _breaks_at(self, key: list[Any], value: Any) -> None:
        self._breaks.setdefault((key[2], key[3]), []).extend(_unpacked(value))

    def _cut(self, key: list[Any], value: Any) -> None:
        known = self._breaks.get((key[2], key[3]), [])
        known[:] = [one for one in known if one[0] < key[4]]

    def _group(self, key: list[Any], value: Any) -> None:
        self.groups[key[2]] = {(topic, partition): seen for topic, partition, seen in value}

    # --- lines to append

    def birth(self, token: str, producer_id: int) -> Line:
        return self._line(["birth", token], {"producer": producer_id})

    def owned(self, owner: Owner) -> Line:
        return self._line(["owner"], owner._asdict())

    def topic(self, name: str, state: TopicState) -> Line:
        self.topics[name] = state
        return self._line(["topic", name], state._asdict())

    def claim(self, target_id: str) -> Line:
        return self._line(["claim", target_id], {})

    def head(self, target_id: str, partition: int) -> Line:
        progress = self.progress[target_id, partition]
        value = {
            "base": progress.map.base,
            "end": progress.end,
            "pending": [one._asdict() for one in progress.pending],
        }
        return self._line(["head", target_id, partition], value)

    def breaks(self, target_id: str, partition: int, new: list[Break]) -> Line:
        return self._line(["breaks", target_id, partition, new[0][0]], _packed(new))

    def cut(self, target_id: str, partition: int, end: int) -> Line:
        return self._line(["cut", target_id, partition, end], {})

    def group(self, group: str, offsets: Mapping[TopicPartition, list[int]]) -> Line:
        self.groups[group] = dict(offsets)
        return self._line(["group", group], [[t, p, seen] for (t, p), seen in offsets.items()])

    def _line(self, key: list[Any], value: Any) -> Line:
        return Line(_json([self.name, *key]), _json(value))


_REPLAYS = {
    "birth": Journal._birth,
    "owner": Journal._owner,
    "topic": Journal._topic,
    "head": Journal._head,
    "breaks": Journal._breaks_at,
    "cut": Journal._cut,
    "group": Journal._group,
}


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _window(value: dict[str, Any]) -> Window:
    breaks = tuple((index, source) for index, source in value["breaks"])
    return Window(value["first"], value["count"], breaks, value["newest"], value["digest"])


def _packed(breaks: list[Break]) -> list[int]:
    """The first pair, then differences: a transaction each gives [..., 2, 3, 2, 3]."""
    packed: list[int] = []
    target = source = 0
    for t, s in breaks:
        packed += (t - target, s - source)
        target, source = t, s
    return packed


def _unpacked(packed: list[int]) -> list[Break]:
    breaks: list[Break] = []
    target = source = 0
    for t, s in zip(packed[::2], packed[1::2], strict=True):
        target, source = target + t, source + s
        breaks.append((target, source))
    return breaks
