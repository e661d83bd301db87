"""The tables of kafka-consumer-groups, column for column as Apache Kafka 4.3.1 prints them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from moldau.client.groups import Group, GroupDescription, Member

TopicPartition = tuple[str, int]
MISSING = "-"


class OffsetRow(NamedTuple):
    """One line of `--describe`. What is not known is None."""

    group: str
    topic: str
    partition: int
    leader_epoch: int | None
    offset: int | None
    log_end: int | None
    consumer_id: str
    host: str
    client_id: str

    @property
    def lag(self) -> int | None:
        if self.offset is None or self.offset == -1 or self.log_end is None:
            return None
        return self.log_end - self.offset


def _shown(value: object) -> str:
    return MISSING if value is None else str(value)


def _width(least: int, texts: Iterable[str]) -> int:
    return max([least, *map(len, texts)])


def print_listing(groups: Sequence[Group], with_type: bool, with_state: bool) -> None:
    width = _width(15, (group.id for group in groups)) + 10
    rows = [("GROUP", "TYPE", "STATE")]
    rows += [
        (group.id, group.type.capitalize() or "Unknown", group.state or "Unknown")
        for group in groups
    ]
    for name, kind, state in rows:
        line = f"{name:<{width}}"
        if with_type:
            line += f" {kind:<20}"
        if with_state:
            line += f" {state:<20}"
        print(line)


def print_offsets(rows: Sequence[OffsetRow], verbose: bool) -> None:
    widths = (
        _width(15, (row.group for row in rows)),
        _width(15, (row.topic for row in rows)),
        10,
        *([15] if verbose else []),
        15,
        15,
        15,
        _width(15, (row.consumer_id for row in rows)),
        _width(15, (row.host for row in rows)),
        0,
    )
    head = "GROUP TOPIC PARTITION LEADER-EPOCH CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST"
    names = [*head.split(), "CLIENT-ID"]
    lines = [names, *([_shown(cell) for cell in _offset_cells(row)] for row in rows)]
    for cells in lines:
        if not verbose:
            del cells[3]
        print("\n" + _row(cells, widths), end="")
    print()


def _offset_cells(row: OffsetRow) -> tuple[object, ...]:
    return (*row[:6], row.lag, *row[6:])


def _row(cells: Iterable[str], widths: Iterable[int]) -> str:
    return " ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))


def print_members(group: GroupDescription, verbose: bool) -> None:
    members = group.members
    named = any(member.instance_id for member in members)
    columns: list[tuple[str, int, list[str]]] = [
        ("GROUP", 15, [group.id] * len(members)),
        ("CONSUMER-ID", 15, [member.id for member in members]),
    ]
    if named:
        ids = [member.instance_id or "" for member in members]
        columns.append(("GROUP-INSTANCE-ID", 17, ids))
    columns += [
        ("HOST", 15, [member.host for member in members]),
        ("CLIENT-ID", 15, [member.client_id for member in members]),
        ("#PARTITIONS", 15, [str(len(member.partitions)) for member in members]),
    ]
    # Java's format ends the first part with a blank, whether or not more follows.
    tail: list[tuple[str, int, list[str]]] = [("", 0, [""] * len(members))]
    if verbose:
        tail = _verbose_columns(group)
    columns += tail
    widths = [_width(least, cells) for _, least, cells in columns]
    rows = zip(*(cells for *_, cells in columns), strict=True)
    print("\n" + _row([name for name, *_ in columns], widths))
    for row in rows:
        print(_row(row, widths))


def _verbose_columns(group: GroupDescription) -> list[tuple[str, int, list[str]]]:
    members = group.members
    columns = [
        ("CURRENT-EPOCH", 15, [_shown(m.epoch) for m in members]),
        ("CURRENT-ASSIGNMENT", 20, [_assignment(m.partitions) for m in members]),
        ("TARGET-EPOCH", 15, [_shown(_target_epoch(group, m)) for m in members]),
        ("TARGET-ASSIGNMENT", 20, [_assignment(m.target or ()) for m in members]),
    ]
    kinds = {member.is_upgraded for member in members}
    if {True, False} <= kinds:
        upgraded = [_shown(m.is_upgraded).lower() for m in members]
        columns.append(("UPGRADED", 0, [*upgraded]))
    return columns


def _target_epoch(group: GroupDescription, _: Member) -> int | None:
    return group.target_epoch


def _assignment(partitions: Iterable[TopicPartition]) -> str:
    topics: dict[str, list[int]] = {}
    for topic, partition in partitions:
        topics.setdefault(topic, []).append(partition)
    listed = (f"{topic}:{','.join(map(str, sorted(p)))}" for topic, p in topics.items())
    return ";".join(sorted(listed)) or MISSING


def print_state(group: GroupDescription, verbose: bool) -> None:
    node = group.coordinator
    coordinator = f"{node.host}:{node.port}  ({node.id})"
    widths = [_width(15, [group.id]), _width(25, [coordinator]), 20, 20]
    names = ["GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE"]
    cells = [group.id, coordinator, group.assignor or MISSING, group.state]
    if verbose:
        widths += [15, 25]
        names += ["GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH"]
        cells += [_shown(group.epoch), _shown(group.target_epoch)]
    widths.append(0)
    print("\n" + _row([*names, "#MEMBERS"], widths))
    print(_row([*cells, str(len(group.members))], widths))


def print_new_offsets(offsets: Mapping[str, Mapping[TopicPartition, int]]) -> None:
    """What `--reset-offsets` sets, or would set."""
    group_width = _width(15, offsets)
    topic_width = _width(15, (topic for plan in offsets.values() for topic, _ in plan))
    widths = (group_width, topic_width, 10, 0)
    if offsets:
        print("\n" + _row(("GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"), widths), end="")
    for group, plan in offsets.items():
        for (topic, partition), offset in plan.items():
            print("\n" + _row((group, topic, str(partition), str(offset)), widths), end="")
    print()


def print_deletions(results: Mapping[TopicPartition, str | None]) -> None:
    """What became of each partition's offset; None is success, partition -1 a whole topic."""
    widths = (_width(15, (topic for topic, _ in results)), 10, 15)
    print("\n" + _row(("TOPIC", "PARTITION", "STATUS"), widths), end="")
    # Java sorts by the text of topic and partition, so that 10 stands before 2.
    for topic, partition in sorted(results, key=lambda tp: f"{tp[0]}{tp[1]}"):
        error = results[topic, partition]
        status = "Successful" if error is None else f"Error: {error}"
        number = str(partition) if partition >= 0 else MISSING
        print("\n" + _row((topic, number, status), widths), end="")
    print()
