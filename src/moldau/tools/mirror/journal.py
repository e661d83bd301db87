"""What a mirror has written down at the target, as records of a topic, and back.

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
    [name, "map", target id, p, t]   as "breaks", written anew
    [name, "group", group]           the offsets that this mirror has committed
    [name, "kept"]                   from which offset on all is there that this mirror needs

From time to time a mirror writes all that counts anew (`snapshot`), says so ("kept"), and what is
before that may be deleted. Lines of a snapshot say what the lines before them said: it makes no
difference whether those are still there, nor whether the snapshot came to its end. What "the first
counts" is of keeps the offset that it had ("at").
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from moldau.tools.mirror.offset_map import Break
from moldau.tools.mirror.window import Progress, Window

TOPIC = "__moldau_mirror"
TopicPartition = tuple[str, int]
Configs = dict[str, str | None]
_BREAKS_PER_LINE = 2_000
# Behind every offset of a log.
_NEVER = 1 << 63


class Line(NamedTuple):
    key: bytes
    value: bytes

    @property
    def size(self) -> int:
        return len(self.key) + len(self.value)


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
    # Bytes that this mirror has written since it last wrote all anew.
    weight: int = field(default=0, compare=False)
    _heads: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    _breaks: dict[tuple[str, int], dict[int, int]] = field(default_factory=dict)
    _token: str = ""  # of the birth that counts
    _born_at: int = _NEVER
    _claimed_at: dict[str, int] = field(default_factory=dict)
    # From which offset on each mirror that wrote here needs what it wrote.
    _needs: dict[str, int] = field(default_factory=dict, compare=False)

    # --- replay

    def replay(self, line: Line, offset: int) -> None:
        """One record of the topic, of whichever mirror; what is not ours to read is passed over."""
        try:
            key = json.loads(line.key)
            value = json.loads(line.value)
            name, kind = key[0], key[1]
            self._needs.setdefault(name, offset)
            if kind == "kept":
                self._needs[name] = int(value["from"])
            elif kind == "claim":
                self._claim(key, value, offset)
            if name == self.name:
                self.weight = 0 if kind == "kept" else self.weight + line.size
                if kind == "birth":
                    self._birth(key, value, offset)
                elif kind in _REPLAYS:
                    _REPLAYS[kind](self, key, value)
        except (ValueError, LookupError, TypeError, AttributeError):
            return

    def replayed(self) -> None:
        """All has been replayed: puts heads and breaks together."""
        for place, head in self._heads.items():
            progress = self.progress[place] = Progress(head["base"])
            progress.map.load(sorted(self._breaks.get(place, {}).items()), head["end"])
            progress.pending = [_window(one) for one in head["pending"]]
        self.pass_over()

    def pass_over(self) -> None:
        """Of what was replayed since, nothing says more of our partitions than we know."""
        self._heads.clear()
        self._breaks.clear()

    def _birth(self, key: list[Any], value: Any, offset: int) -> None:
        at = value.get("at", offset)
        if at < self._born_at:
            self.producer_id, self._token, self._born_at = value["producer"], key[2], at

    def _claim(self, key: list[Any], value: Any, offset: int) -> None:
        at = value.get("at", offset)
        if at < self._claimed_at.get(key[2], _NEVER):
            self.claims[key[2]], self._claimed_at[key[2]] = key[0], at

    def _owner(self, key: list[Any], value: Any) -> None:
        self.owner = Owner(**value)

    def _topic(self, key: list[Any], value: Any) -> None:
        self.topics[key[2]] = TopicState(**value)

    def _head(self, key: list[Any], value: Any) -> None:
        self._heads[key[2], key[3]] = value

    def _breaks_at(self, key: list[Any], value: Any) -> None:
        self._breaks.setdefault((key[2], key[3]), {}).update(_unpacked(value))

    def _cut(self, key: list[Any], value: Any) -> None:
        known = self._breaks.get((key[2], key[3]), {})
        self._breaks[key[2], key[3]] = {t: s for t, s in known.items() if t < key[4]}

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

    # --- to be kept short

    def snapshot(self) -> Iterator[Line]:
        """All that a later mirror needs of this one, its owner apart."""
        yield self._line(
            ["birth", self._token], {"producer": self.producer_id, "at": self._born_at}
        )
        for target_id, name in self.claims.items():
            if name == self.name:
                yield self._line(["claim", target_id], {"at": self._claimed_at[target_id]})
        for name, state in self.topics.items():
            yield self.topic(name, state)
        for place in self.progress:
            yield from self._map(*place)
            yield self.head(*place)
        for group, offsets in self.groups.items():
            yield self.group(group, offsets)

    def _map(self, target_id: str, partition: int) -> Iterator[Line]:
        """Always cut at the same breaks: a cleaner that leaves the last line of a key may have
        taken the lines that these say again."""
        breaks = iter(self.progress[target_id, partition].map.breaks())
        while some := list(islice(breaks, _BREAKS_PER_LINE)):
            yield self._line(["map", target_id, partition, some[0][0]], _packed(some))

    def kept(self, first: int) -> Line:
        """The snapshot that began at this offset is complete."""
        return self._line(["kept"], {"from": first})

    @property
    def needed_from(self) -> int:
        """Before this offset of the topic no mirror needs anything."""
        return min(self._needs.values(), default=0)

    def _line(self, key: list[Any], value: Any) -> Line:
        return Line(_json([self.name, *key]), _json(value))


_REPLAYS = {
    "owner": Journal._owner,
    "topic": Journal._topic,
    "head": Journal._head,
    "breaks": Journal._breaks_at,
    "map": Journal._breaks_at,
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
