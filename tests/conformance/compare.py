"""When two answers are the same.

Both are walked together, field by field. What cannot be equal is judged by a rule that has a name:

- ids: each broker makes its own. They correspond: the id that stands for one topic, member,
  producer or session in the one's answers stands for the same in the other's, always.
- times: what the clock decides. Either both are of now or they are equal.
- throttling: both say to wait, or both do not.
- addresses and disks: both say something, or both nothing.
- unordered: lists that Apache Kafka takes from hash tables, compared by what names an element.
- records: batches are opened; the checksum must hold, how well they are compressed is free.
- texts: with ids, times and ports put aside.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from moldau.protocol.errors import ErrorCode
from moldau.protocol.records import HEADER_SIZE, CorruptBatch, check_crc, iterate, parse_header
from moldau.protocol.schema import ZERO_UUID, Struct

IDS = frozenset(
    {
        "cluster_id",
        "leader",
        "member_id",
        "ongoing_txn_producer_id",
        "producer_id",
        "session_id",
        "topic_id",
    }
)
TIMES = frozenset(
    {
        "base_timestamp",
        "commit_timestamp",
        "current_state_timestamp",
        "last_timestamp",
        "log_append_time_ms",
        "max_timestamp",
        "timestamp",
    }
)
THROTTLING = frozenset({"throttle_time_ms"})
ADDRESSES = frozenset({"host", "port"})
# The last is an offset in the metadata log.
DISKS = frozenset({"log_dir", "total_bytes", "usable_bytes", "finalized_features_epoch"})
TEXTS = frozenset({"error_message", "batch_index_error_message"})
# What names an element of a list: the first of these that it has.
KEYS = (
    ("api_key",),
    ("resource_type", "resource_name"),
    ("name", "topic", "topic_name", "topic_id"),
    ("group_id", "group"),
    ("key",),
    ("partition_index", "partition", "index"),
    ("member_id", "group_instance_id"),
    ("producer_id",),
    ("node_id", "broker_id"),
    ("entity_type",),
)
# What names an element by several things.
MANY_NAMES = frozenset({"entity"})
UNORDERED = frozenset(
    {
        "AlterClientQuotas.entries",
        "AlterConfigs.responses",
        "CreatePartitions.results",
        "CreateTopics.topics",
        "CreateTopics.topics.configs",
        "DeleteGroups.results",
        "DeleteTopics.responses",
        "DescribeClientQuotas.entries",
        "DescribeClientQuotas.entries.values",
        "DescribeProducers.topics.partitions.active_producers",
        "DescribeConfigs.results.configs",
        "DescribeGroups.groups",
        "DescribeGroups.groups.members",
        "JoinGroup.members",
        "DescribeLogDirs.results.topics",
        "DescribeLogDirs.results.topics.partitions",
        "IncrementalAlterConfigs.responses",
        "ListConfigResources.config_resources",
        "ListOffsets.topics.partitions",
        "Metadata.topics",
        "OffsetCommit.topics",
        "OffsetCommit.topics.partitions",
        "OffsetDelete.topics",
        "OffsetFetch.groups.topics",
        "OffsetFetch.groups.topics.partitions",
        "OffsetFetch.topics",
        "OffsetFetch.topics.partitions",
        "Produce.responses",
        "Produce.responses.partition_responses",
    }
)

_NAMES = {"name", "group_id", "resource_name"}
ABSENT = "absent"
_NO_ID = (None, "", -1, 0, ZERO_UUID)
_CLOCK_MS = 15 * 60 * 1000
_TIME = re.compile(r"\b\d{13,19}\b")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ADDRESS = re.compile(r"(localhost|127\.0\.0\.1):\d+")


class Difference(NamedTuple):
    field: str  # where in the schema: "Metadata.topics.partitions.leader_id"
    place: str  # where in this answer: "topics[a].partitions[0].leader_id"
    theirs: str
    ours: str


def tree(value: Any, version: int) -> Any:
    """A message as dictionaries, lists and values: what `version` carries, records opened."""
    if isinstance(value, Struct):
        return {
            f.name: batches(getattr(value, f.name))
            if f.kind == "records"
            else tree(getattr(value, f.name), version)
            for f in type(value).fields
            if f.carried_in(version)
        }
    if isinstance(value, list):
        return [tree(item, version) for item in value]
    return bytes(value) if isinstance(value, bytearray | memoryview) else value


def named(value: Any, prefix: str) -> Any:
    """A tree without the topics, groups and resources that are named otherwise."""
    if isinstance(value, dict):
        return {key: named(item, prefix) for key, item in value.items()}
    if isinstance(value, list):
        return [named(item, prefix) for item in value if _is_named(item, prefix)]
    return value


def _is_named(item: Any, prefix: str) -> bool:
    if not isinstance(item, dict):
        return True
    return all(str(item[key]).startswith(prefix) for key in _NAMES & item.keys())


def batches(records: Any) -> list[dict[str, Any]] | None:
    """The batches in an answer to a Fetch; the last may be cut off."""
    if records is None:
        return None
    found: list[dict[str, Any]] = []
    view = memoryview(bytes(records))
    while view:
        size = int.from_bytes(view[8:12], "big") + 12
        if len(view) < HEADER_SIZE or size > len(view):
            return [*found, {"base_offset": "cut off", "bytes": len(view)}]
        found.append(_batch(view[:size]))
        view = view[size:]
    return found


def _batch(batch: memoryview) -> dict[str, Any]:
    header = parse_header(batch)._asdict()
    del header["batch_length"], header["crc"]
    header["crc_holds"] = check_crc(batch)
    try:
        header["records"] = [record._asdict() for record in iterate(batch)]
    except CorruptBatch:
        header["records"] = bytes(batch[HEADER_SIZE:])
    return header


class Ids:
    """Which id of Apache Kafka's is which of ours."""

    def __init__(self) -> None:
        self.ours_for: dict[Any, Any] = {}
        self.theirs_for: dict[Any, Any] = {}

    def copy(self) -> Ids:
        copied = Ids()
        copied.ours_for, copied.theirs_for = self.ours_for.copy(), self.theirs_for.copy()
        return copied

    def correspond(self, theirs: Any, ours: Any) -> bool:
        """Two ids that are met for the first time do from now on."""
        if theirs in _NO_ID or ours in _NO_ID:
            return bool(theirs == ours)
        return bool(
            self.ours_for.setdefault(theirs, ours) == ours
            and self.theirs_for.setdefault(ours, theirs) == theirs
        )

    def in_ours(self, text: str) -> str:
        """A text of Apache Kafka's with our ids in it."""
        for theirs, ours in self.ours_for.items():
            if isinstance(theirs, str) or (isinstance(theirs, int) and theirs > 999):
                text = text.replace(str(theirs), str(ours))
        return text


def differences(request: str, theirs: Any, ours: Any, ids: Ids) -> list[Difference]:
    """Of two trees. `ids` learns what corresponds."""
    comparison = _Comparison(request, ids)
    comparison.values(request, "", "", theirs, ours)
    return comparison.found


class _Comparison:
    def __init__(self, request: str, ids: Ids) -> None:
        self.request = request
        self.ids = ids
        self.found: list[Difference] = []

    def values(self, field: str, place: str, name: str, theirs: Any, ours: Any) -> None:
        if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
            for key in theirs.keys() | ours.keys():
                self.values(
                    f"{field}.{key}",
                    f"{place}.{key}" if place else key,
                    key,
                    theirs.get(key, ABSENT),
                    ours.get(key, ABSENT),
                )
        elif isinstance(theirs, list) and isinstance(ours, list):
            self.lists(field, place, theirs, ours)
        elif not self.same(name, theirs, ours):
            self.add(field, place, name, theirs, ours)

    def lists(self, field: str, place: str, theirs: list[Any], ours: list[Any]) -> None:
        """Elements are matched by what names them."""
        # An id that both know is one that was asked for and that neither of them made.
        asked = {one: one for one in _ids_in(theirs) & _ids_in(ours)}
        named_theirs = self.named(theirs, asked | self.ids.ours_for)
        named_ours = self.named(ours, asked | {one: one for one in self.ids.theirs_for})
        if field not in UNORDERED and named_theirs.keys() == named_ours.keys():
            order = [list(named) for named in (named_theirs, named_ours)]
            if order[0] != order[1]:
                self.add(field, place, "order", *order)
        for key in dict.fromkeys([*named_theirs, *named_ours]):
            self.values(
                field if key in named_theirs and key in named_ours else f"{field}[{key}]",
                f"{place}[{key}]",
                field.rpartition(".")[2],
                named_theirs.get(key, ABSENT),
                named_ours.get(key, ABSENT),
            )

    def named(self, items: Sequence[Any], known: Mapping[Any, Any]) -> dict[str, Any]:
        """Elements by name; what comes twice is numbered, as is what has no name."""
        names: list[str] = []
        seen: Counter[str] = Counter()
        for item in items:
            name = _name(item, known)
            seen[name] += 1
            names.append(name if seen[name] == 1 and name else f"{name}#{seen[name]}")
        return dict(zip(names, items, strict=True))

    def same(self, name: str, theirs: Any, ours: Any) -> bool:
        if name in IDS:
            return self.ids.correspond(theirs, ours)
        if theirs == ours:
            return type(theirs) is type(ours)
        if ABSENT in (theirs, ours) or theirs is None or ours is None:
            return False
        if name in THROTTLING:
            return bool(theirs) == bool(ours)
        if name in ADDRESSES or name in DISKS:
            return (theirs in _NO_ID) == (ours in _NO_ID)
        if name in TIMES:
            return _is_of_now(theirs) and _is_of_now(ours)
        if name in TEXTS:
            return _plain(self.ids.in_ours(theirs)) == _plain(ours)
        return False

    def add(self, field: str, place: str, name: str, theirs: Any, ours: Any) -> None:
        self.found.append(Difference(field, place, shown(name, theirs), shown(name, ours)))


def _ids_in(items: Iterable[Any]) -> set[Any]:
    return {
        item[key]
        for item in items
        if isinstance(item, Mapping)
        for key in IDS & item.keys()
        if item[key] not in _NO_ID
    }


def _name(item: Any, known: Mapping[Any, Any]) -> str:
    """`known` are the ids that have been met, in our spelling; others say nothing yet."""
    if not isinstance(item, Mapping):
        return ""
    for key in MANY_NAMES.intersection(item):
        return ", ".join(sorted("=".join(map(str, one.values())) for one in item[key]))
    given = {key for key, value in item.items() if value not in (None, "", ZERO_UUID)}
    keys = next((keys for keys in KEYS if given.intersection(keys)), ())
    return " ".join(
        shown(key, known.get(item[key], _without_uuid(item[key])) if key in IDS else item[key])
        for key in keys
        if key in given
    )


def _without_uuid(new_id: Any) -> str:
    """What a new id says by itself: whose client it was made for."""
    return UUID.sub("", new_id) if isinstance(new_id, str) else ""


def _is_of_now(time_ms: int) -> bool:
    return abs(time_ms - time.time() * 1000) < _CLOCK_MS


def _plain(text: str) -> str:
    return _ADDRESS.sub("HOST:PORT", _TIME.sub("TIME", text))


def shown(name: str, value: object) -> str:
    """A value as differences.toml and reports write it."""
    if value is ABSENT:
        return ABSENT
    if name.endswith("error_code") and isinstance(value, int):
        return ErrorCode(value).name
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key}={shown(key, item)}" for key, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(shown(name, item) for item in value)}]"
    return str(value)


def report(found: Iterable[Difference]) -> str:
    return "\n".join(
        f"    {one.field}\n      at {one.place or 'the answer'}: "
        f"theirs {_short(one.theirs)}, ours {_short(one.ours)}"
        for one in found
    )


def _short(text: str) -> str:
    return text if len(text) < 400 else f"{text[:400]}…"
