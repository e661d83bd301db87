"""Programs drawn by chance, and what they come to: each verb is there twice, as Moldau's and as a
plain computation over all records at once, which knows nothing of batches, tasks and crashes."""

from __future__ import annotations

import json
import random
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

import moldau
from moldau.streams.engine.coding import encode
from moldau.streams.engine.outputs import Output
from moldau.streams.formats.basic import Key
from moldau.streams.program import Topic
from moldau.streams.stream import Grouped, Stream, Windowed
from moldau.streams.tables import Table
from tests.streams.test_joins_any_order import ms
from tests.streams.world import World

LATENESS_MS = 4000
NEVER = -(1 << 62)
Value = dict[str, Any]


class Record(NamedTuple):
    """`floor`: its source partition's watermark just before it; NEVER: it is made of others."""

    time: int
    key: Any
    value: Value
    floor: int = NEVER
    place: tuple[Any, ...] = ()


class Change(NamedTuple):
    """Of a row of a table: from when on it counts."""

    since: int
    key: Any
    value: Value | None


Inputs = dict[str, list[Record]]
Records = Callable[[Inputs], list[Record]]
Changes = Callable[[Inputs], list[Change]]


class Both(NamedTuple):
    stream: Stream
    plain: Records


class BothTables(NamedTuple):
    table: Table
    plain: Changes


def name_of(key: Any) -> bytes:
    return encode(key)


def number_of(*parts: Any) -> int:
    return zlib.crc32(json.dumps(parts, sort_keys=True).encode()) % 1000


# --- windows ------------------------------------------------------------------------------------


def _aligned(size: int, step: int) -> Callable[[list[Record]], list[tuple[int, int, list[Record]]]]:
    def windows(records: list[Record]) -> list[tuple[int, int, list[Record]]]:
        found = defaultdict(list)
        for one in records:
            start = one.time // step * step
            while start > one.time - size:
                if start + size > one.floor:
                    found[start].append(one)
                start -= step
        return [(start, start + size, members) for start, members in found.items()]

    return windows


def _sessions(gap: int) -> Any:
    def windows(records: list[Record]) -> list[tuple[int, int, list[Record]]]:
        found: list[list[Record]] = []
        for one in sorted((r for r in records if r.time >= r.floor), key=lambda r: r.time):
            if found and one.time - found[-1][-1].time < gap:
                found[-1].append(one)
            else:
                found.append([one])
        return [(some[0].time, some[-1].time + gap, some) for some in found]

    return windows


def _sliding(size: int) -> Any:
    def windows(records: list[Record]) -> list[tuple[int, int, list[Record]]]:
        mine = [one for one in records if one.time + size >= one.floor]
        ends = {one.time for one in mine if one.time >= one.floor}
        found = []
        for end in ends | {one.time + size + 1 for one in mine}:
            members = [one for one in mine if end - size <= one.time <= end and end >= one.floor]
            if members:
                found.append((end - size, end + 1, members))
        return found

    return windows


WINDOWS: dict[str, tuple[Callable[[Grouped], Windowed], Any]] = {
    "tumbling": (lambda s: s.tumbling("5s"), _aligned(5000, 5000)),
    "odd tumbling": (lambda s: s.tumbling("700ms"), _aligned(700, 700)),
    "hopping": (lambda s: s.hopping("7s", "3s"), _aligned(7000, 3000)),
    "session": (lambda s: s.session("3s"), _sessions(3000)),
    "sliding": (lambda s: s.sliding("4s"), _sliding(4000)),
}

AGGREGATES: dict[str, Any] = {
    "n": moldau.count(),
    "total": moldau.sum("n"),
    "low": moldau.min("n"),
    "high": moldau.max("n"),
    "every": moldau.collect("n", by="n"),
    "first": moldau.first("n", by="n"),
    "last": moldau.last("n", by="n"),
    "kinds": moldau.distinct("n"),
    "best": moldau.top_k("n", 2),
    "mean": moldau.mean("n"),
}


TIED: dict[str, Any] = {
    **AGGREGATES,
    "every": moldau.collect("n"),
    "first": moldau.first("n"),
    "last": moldau.last("n"),
    "best": moldau.top_k("g", 3, of="n"),
}


def aggregated(members: list[Record]) -> Value:
    ordered = [one.value["n"] for one in sorted(members, key=lambda r: (r.time, r.value["n"]))]
    return {
        "n": len(ordered),
        "total": sum(ordered),
        "low": min(ordered),
        "high": max(ordered),
        "every": ordered,
        "first": ordered[0],
        "last": ordered[-1],
        "kinds": sorted(set(ordered)),
        "best": sorted(ordered, reverse=True)[:2],
        "mean": sum(ordered) / len(ordered),
    }


def _of_result(key: Any, bounds: Any, row: Value) -> Value:
    """What goes on."""
    shown = {name: row[name] for name in AGGREGATES}
    return {"k": key, "g": "xyz"[row["n"] % 3], "n": number_of(shown, bounds)}


def by_key(records: Iterable[Record]) -> dict[bytes, list[Record]]:
    found = defaultdict(list)
    for one in records:
        if one.key is not None:
            found[name_of(one.key)].append(one)
    return found


# --- verbs --------------------------------------------------------------------------------------


class Program:
    """`streams` and `tables`: what verbs have made so far."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.app = moldau.App("chains")
        self.texts = chance.random() < 0.6
        self.keys: list[Any] = ["a", "b", "c"] if self.texts else [2, 10, 1.5, "b", True]
        self.keys += chance.choice(([], [None]))
        self.told: list[str] = []
        self.ties = False
        self.aggregates = AGGREGATES
        self.sources: list[tuple[Topic, bool]] = []
        self.streams: list[Both] = []
        self.tables: list[BothTables] = []
        self.sinks: list[tuple[str, Both]] = []
        self.table_sinks: list[tuple[str, BothTables]] = []
        self.updates: list[tuple[str, str]] = []
        self._number = 0

    def said(self, what: str) -> None:
        self.told.append(what)

    def source(self, name: str) -> None:
        is_keyed = self.texts and self.chance.random() < 0.5
        self.said(f"{name}: stream {'keyed' if is_keyed else ''}")
        topic = self.app.topic(
            name,
            dict,
            event_time=lambda row: row["t"],
            unit="ms",
            lateness="4s",
            key="k" if is_keyed else None,
        )
        self.sources.append((topic, is_keyed))
        self.streams.append(Both(self.app.stream(topic), lambda inputs: inputs[name]))

    def table_source(self, name: str) -> None:
        self.said(f"{name}: table")
        topic = self.app.topic(name, dict, lateness="4s", key="k")
        self.sources.append((topic, True))

        def changes(inputs: Inputs) -> list[Change]:
            found: list[Change] = []
            newest: dict[bytes, Any] = {}
            rows = [one for one in inputs[name] if one.key is not None]
            for one in sorted(rows, key=lambda r: (max(r.time, r.floor), r.place)):
                key, order = name_of(one.key), (one.time, one.place)
                if key in newest and order < newest[key]:
                    continue
                newest[key] = order
                value = one.value if one.value else None
                found.append(Change(max(one.time, one.floor), one.key, value))
            return found

        self.tables.append(BothTables(self.app.table(topic), changes))

    def any(self) -> Both:
        return self.chance.choice(self.streams[-3:])

    def any_table(self) -> BothTables:
        return self.chance.choice(self.tables)

    def verb(self) -> None:
        some = [
            self.map,
            self.filter,
            self.flat_map,
            self.branch,
            self.merge,
            self.key_by,
            self.window,
            self.window,
            self.window,
            self.deduplicate,
            self.within,
            self.as_of,
            self.totals,
        ]
        if self.tables:
            some += [self.look_up, self.look_up, self.table_of_table, self.groups, self.two_tables]
            some += [self.foreign, self.groups]
        self.chance.choice(some)()

    def _made(self, what: str, stream: Stream, plain: Records) -> None:
        memory: dict[int, list[Record]] = {}

        def once(inputs: Inputs) -> list[Record]:
            if id(inputs) not in memory:
                memory[id(inputs)] = plain(inputs)
            return memory[id(inputs)]

        self.said(what)
        self.streams.append(Both(stream, once))

    def _made_table(self, what: str, table: Table, plain: Changes) -> None:
        self.said(what)
        self.tables.append(BothTables(table, plain))

    def map(self) -> None:
        stream, plain = self.any()

        def more(row: Value) -> Value:
            return {**row, "n": (7 * row["n"] + 1) % 1000, "g": "xyz"[row["n"] % 3]}

        self._made(
            "map",
            stream.map(more),
            lambda inputs: [one._replace(value=more(one.value)) for one in plain(inputs)],
        )

    def filter(self) -> None:
        stream, plain = self.any()
        self._made(
            "filter",
            stream.filter(lambda row: row["n"] % 4),
            lambda inputs: [one for one in plain(inputs) if one.value["n"] % 4],
        )

    def flat_map(self) -> None:
        stream, plain = self.any()

        def spread(row: Value) -> list[Value]:
            return [{**row, "n": (row["n"] * 3 + i) % 1000} for i in range(row["n"] % 3)]

        self._made(
            "flat_map",
            stream.flat_map(spread),
            lambda inputs: [
                one._replace(value=value) for one in plain(inputs) for value in spread(one.value)
            ],
        )

    def branch(self) -> None:
        stream, plain = self.any()
        first, second, rest = stream.branch(lambda r: r["n"] % 3 == 0, lambda r: r["n"] % 2)

        def of(number: int) -> Records:
            def arm(inputs: Inputs) -> list[Record]:
                return [one for one in plain(inputs) if which(one.value["n"]) == number]

            return arm

        def which(n: int) -> int:
            return 0 if n % 3 == 0 else 1 if n % 2 else 2

        self._made("branch 0", first, of(0))
        self._made("branch 1", second, of(1))
        self._made("branch 2", rest, of(2))

    def merge(self) -> None:
        one, other = self.any(), self.chance.choice(self.streams)
        self._made(
            "merge",
            one.stream.merge(other.stream),
            lambda inputs: one.plain(inputs) + other.plain(inputs),
        )

    def key_by(self) -> None:
        stream, plain = self.any()
        field = self.chance.choice("kg")
        self._made(
            f"key_by {field}",
            stream.key_by(field),
            lambda inputs: [one._replace(key=one.value[field]) for one in plain(inputs)],
        )

    def window(self) -> None:
        stream, plain = self.any()
        field, kind = self.chance.choice("kg"), self.chance.choice(list(WINDOWS))
        moldaus, windows = WINDOWS[kind]
        made = moldaus(stream.group_by(field)).agg(**self.aggregates)
        if self.chance.random() < 0.3:
            self._number += 1
            out, told = f"final-{self._number}", f"told-{self._number}"
            how: Any = self.chance.choice(({"emit": "updates"}, {"every": "1s"}, {"every": "4s"}))
            made.to(out).to(told, **how)
            self.updates.append((out, told))

        def rows(inputs: Inputs) -> list[Record]:
            keyed = [one._replace(key=one.value[field]) for one in plain(inputs)]
            return [
                Record(
                    end - 1,
                    members[0].key,
                    _of_result(members[0].key, [start, end], aggregated(members)),
                )
                for of_key in by_key(keyed).values()
                for start, end, members in windows(of_key)
            ]

        def after(row: Value) -> Value:
            bounds = [ms(_time(row[name])) for name in ("window_start", "window_end")]
            return _of_result(row[field], bounds, row)

        self._made(f"{kind} by {field}", made.map(after), rows)

    def deduplicate(self) -> None:
        stream, plain = self.any()
        field = self.chance.choice("kg")

        def kept(inputs: Inputs) -> list[Record]:
            keyed = [one._replace(key=one.value[field]) for one in plain(inputs)]
            found = []
            for of_key in by_key(keyed).values():
                last = None
                for one in sorted(of_key, key=lambda r: (r.time, _order(r.value))):
                    if one.time >= one.floor and (last is None or one.time > last + 6000):
                        last = one.time
                        found.append(one._replace(floor=NEVER))
            return found

        made = stream.deduplicate(field, within="6s", by=None if self.ties else _order)
        self._made(f"deduplicate {field}", made, kept)

    def within(self) -> None:
        left, right = self.any(), self.any()
        field = self.chance.choice("kg")
        how: Any = self.chance.choice(("inner", "left", "outer"))

        def joined(one: Value | None, other: Value | None) -> Value:
            row = one or other or {}
            return {"k": row["k"], "g": row["g"], "n": number_of(one, other)}

        def pairs(inputs: Inputs) -> list[Record]:
            lefts = [r._replace(key=r.value[field]) for r in left.plain(inputs)]
            rights = [r._replace(key=r.value[field]) for r in right.plain(inputs)]
            lefts = [one for one in lefts if one.time >= one.floor]
            rights = [one for one in rights if one.time >= one.floor]
            of_key = by_key(rights)
            met, found = set(), []
            for one in lefts:
                others = [] if one.key is None else of_key.get(name_of(one.key), [])
                for other in others:
                    if -2000 <= other.time - one.time <= 3000:
                        met |= {id(one), id(other)}
                        time = max(one.time, other.time)
                        found.append(Record(time, one.key, joined(one.value, other.value)))
                if how != "inner" and id(one) not in met:
                    found.append(Record(one.time + 3000, one.key, joined(one.value, None)))
            if how == "outer":
                found += [
                    Record(one.time + 2000, one.key, joined(None, one.value))
                    for one in rights
                    if id(one) not in met
                ]
            return found

        made = left.stream.join(right.stream, joined, on=field, how=how, within=("2s", "3s"))
        self._made(f"join {how} by {field}", made, pairs)

    def as_of(self) -> None:
        """Which of several at one time is a matter of their places, so it tells how far away."""
        left, right = self.any(), self.any()
        field = self.chance.choice("kg")
        how: Any = self.chance.choice(("inner", "left"))
        strategy: Any = self.chance.choice(("backward", "forward", "nearest"))

        def joined(one: Value, other: Value | None) -> Value:
            of = other if self.ties else other is not None
            return {**one, "n": number_of(one, of)}

        def pairs(inputs: Inputs) -> list[Record]:
            lefts = [r._replace(key=r.value[field]) for r in left.plain(inputs)]
            rights = [r._replace(key=r.value[field]) for r in right.plain(inputs)]
            of_key = by_key([one for one in rights if one.time >= one.floor])
            found = []
            for one in lefts:
                if one.time < one.floor or (one.key is None and how == "inner"):
                    continue
                if one.key is None:
                    found.append(one._replace(value=joined(one.value, None)))
                    continue
                others = of_key.get(name_of(one.key), [])
                away = sorted(other.time - one.time for other in others)
                back = max((d for d in away if -5000 <= d <= 0), default=None)
                ahead = min((d for d in away if 0 <= d <= 5000), default=None)
                if strategy == "backward":
                    its, when = back, one.time
                elif strategy == "forward":
                    its = ahead
                    when = one.time + (5000 if its is None else its)
                elif back is not None and (ahead is None or -back <= ahead):
                    its = back
                    when = one.time - back - 1 if back else one.time
                else:
                    its = ahead
                    when = one.time + (5000 if its is None else its)
                if its is not None or how == "left":
                    value = joined(one.value, {} if its is not None else None)
                    found.append(Record(when, one.key, value))
            return found

        made = left.stream.join_asof(
            right.stream, joined, on=field, tolerance="5s", strategy=strategy, how=how
        )
        self._made(f"as of {strategy} {how} by {field}", made, pairs)

    # --- tables -----------------------------------------------------------------------------

    def totals(self) -> None:
        stream, plain = self.any()
        field = self.chance.choice("kg")
        made = stream.group_by(field).agg(**self.aggregates)

        def changes(inputs: Inputs) -> list[Change]:
            keyed = [one._replace(key=one.value[field]) for one in plain(inputs)]
            found = []
            for of_key in by_key(keyed).values():
                for since in sorted({max(one.time, one.floor) for one in of_key}):
                    there = [one for one in of_key if max(one.time, one.floor) <= since]
                    row = _of_result(there[0].key, 0, aggregated(there))
                    found.append(Change(since, there[0].key, row))
            return sorted(found, key=lambda one: one.since)

        table = made.map(lambda row: _of_result(row[field], 0, row))
        self._made_table(f"totals by {field}", table, changes)

    def look_up(self) -> None:
        (stream, plain), (table, rows) = self.any(), self.any_table()
        how: Any = self.chance.choice(("inner", "left"))
        field = self.chance.choice("kg")

        def joined(one: Value, other: Value | None) -> Value:
            return {**one, "n": number_of(one, other)}

        def found(inputs: Inputs) -> list[Record]:
            versions: dict[bytes, list[Change]] = defaultdict(list)
            for change in rows(inputs):
                versions[name_of(change.key)].append(change)
            made = []
            for one in plain(inputs):
                key = one.value[field]
                its = [c for c in versions[name_of(key)] if c.since <= one.time]
                row = its[-1].value if its and key is not None else None
                if one.time + 3_600_000 >= one.floor and (row is not None or how == "left"):
                    made.append(one._replace(key=key, value=joined(one.value, row)))
            return made

        made = stream.join(table, joined, on=field, how=how)
        self._made(f"look up {how} by {field}", made, found)

    def table_of_table(self) -> None:
        table, rows = self.any_table()

        def more(row: Value) -> Value:
            return {**row, "n": (3 * row["n"] + 1) % 1000}

        made = table.filter(lambda row: row["n"] % 5).map(more)

        def changes(inputs: Inputs) -> list[Change]:
            return [
                one._replace(value=more(one.value) if one.value and one.value["n"] % 5 else None)
                for one in rows(inputs)
            ]

        self._made_table("filter and map", made, changes)

    def _rows_at_each_time(self, changes: list[Change]) -> Any:
        """(time, which have changed, all) each."""
        rows: dict[bytes, tuple[Any, Value]] = {}
        for since in sorted({one.since for one in changes}):
            changed = {}
            before = dict(rows)
            for one in changes:
                if one.since == since:
                    changed[name_of(one.key)] = one.key
                    rows.pop(name_of(one.key), None)
                    if one.value is not None:
                        rows[name_of(one.key)] = (one.key, one.value)
            yield since, changed, before, dict(rows)

    def groups(self) -> None:
        table, rows = self.any_table()
        field = self.chance.choice("kg")
        kinds = {name: AGGREGATES[name] for name in ("n", "total")}
        if self.chance.random() < 0.5:
            kinds |= {name: AGGREGATES[name] for name in ("low", "every")}
        made = table.group_by(field).agg(**kinds)

        def after(key: Any, row: Value) -> Value:
            n = number_of({name: row[name] for name in kinds})
            return {"k": key, "g": "xyz"[row["n"] % 3], "n": n}

        def changes(inputs: Inputs) -> list[Change]:
            found = []
            when: dict[bytes, int] = {}  # each row changed last
            for since, changed, before, now in self._rows_at_each_time(rows(inputs)):
                when.update(dict.fromkeys(changed, since))
                there = (
                    of[name][1][field] for name in changed for of in (before, now) if name in of
                )
                for group in {name_of(one): one for one in there if one is not None}.values():
                    timed = sorted(
                        (when[name], row["n"])
                        for name, (_, row) in now.items()
                        if name_of(row[field]) == name_of(group)
                    )
                    every = [n for _, n in timed]
                    row = None
                    if every:
                        row = {"n": len(every), "total": sum(every), "low": min(every)}
                        row = after(group, {**row, "every": every})
                    found.append(Change(since, group, row))
            return found

        result = made.map(lambda row: after(row[field], row))
        self._made_table(f"groups by {field} {sorted(kinds)}", result, changes)

    def two_tables(self) -> None:
        left, right = self.any_table(), self.any_table()
        how: Any = self.chance.choice(("inner", "left", "outer"))

        def joined(one: Value | None, other: Value | None) -> Value:
            row = one or other or {}
            return {**row, "n": number_of(one, other)}

        def changes(inputs: Inputs) -> list[Change]:
            return list(
                self._joined_rows(left.plain(inputs), right.plain(inputs), how, joined, None)
            )

        made = left.table.join(right.table, joined, how=how)
        self._made_table(f"two tables {how}", made, changes)

    def foreign(self) -> None:
        left, right = self.any_table(), self.any_table()
        how: Any = self.chance.choice(("inner", "left"))
        field = self.chance.choice("kg")

        def joined(one: Value, other: Value | None) -> Value:
            return {**one, "n": number_of(one, other)}

        def changes(inputs: Inputs) -> list[Change]:
            return list(
                self._joined_rows(left.plain(inputs), right.plain(inputs), how, joined, field)
            )

        made = left.table.join(right.table, joined, on=field, how=how)
        self._made_table(f"foreign {how} by {field}", made, changes)

    def _joined_rows(
        self, lefts: list[Change], rights: list[Change], how: str, joined: Any, field: str | None
    ) -> Iterable[Change]:
        times = sorted({one.since for one in (*lefts, *rights)})
        rows: tuple[dict[bytes, Any], dict[bytes, Any]] = ({}, {})
        keys: dict[bytes, Any] = {}
        for since in times:
            changed: set[bytes] = set()
            for side, changes in enumerate((lefts, rights)):
                for one in changes:
                    if one.since == since:
                        name = name_of(one.key)
                        rows[side][name] = one.value
                        if field is None or side == 0:
                            keys[name] = one.key
                            changed.add(name)
                        else:
                            changed |= {
                                mine
                                for mine, row in rows[0].items()
                                if row is not None and name_of(row[field]) == name
                            }
            for name in sorted(changed):
                left = rows[0].get(name)
                if field is None:
                    right = rows[1].get(name)
                elif left is None or left[field] is None:
                    right = None
                else:
                    right = rows[1].get(name_of(left[field]))
                missing = (left is None and how != "outer") or (right is None and how == "inner")
                is_none = missing or (left is None and right is None)
                yield Change(since, keys[name], None if is_none else joined(left, right))

    # --- out --------------------------------------------------------------------------------

    def out(self) -> None:
        for number, both in enumerate(self.streams[-3:]):
            both.stream.to(f"out-{number}")
            self.sinks.append((f"out-{number}", both))
        for number, table in enumerate(self.tables[-2:]):
            table.table.to(f"rows-{number}")
            self.table_sinks.append((f"rows-{number}", table))


def _order(row: Value) -> list[Any]:
    return [row["n"], row["g"], str(row["k"]), row.get("t", 0)]


def _time(value: Any) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


# --- runs ---------------------------------------------------------------------------------------


def drawn_program(seed: int, ties: bool = False) -> Program:
    chance = random.Random(seed)
    made = Program(chance)
    made.ties = ties
    made.aggregates = TIED if ties else AGGREGATES
    made.source("a")
    if chance.random() < 0.5:
        made.source("b")
    if chance.random() < 0.5 and made.texts:
        made.table_source("t")
        if chance.random() < 0.4:
            made.table_source("u")
    for _ in range(chance.randint(1, 5)):
        made.verb()
    made.out()
    return made


def sent(program: Program, world: World, chance: random.Random, partitions: int) -> Inputs:
    """What is sent, in an order of which some is late."""
    span = chance.choice((3_000, 20_000, 20_000, 60_000))
    begin = chance.choice((0, 0, -10_000, 1_772_000_000_000))
    step = 1000 if program.ties else chance.choice((1, 1000, 500))
    spread = chance.choice((0, LATENESS_MS, LATENESS_MS, 15_000))
    inputs: Inputs = {topic.name: [] for topic, _ in program.sources}
    made: list[Any] = []
    for topic, is_keyed in program.sources:
        for _ in range(chance.choice((0, 3, 10, 20))):
            time = begin + chance.randrange(0, span, step)
            key = chance.choice(program.keys)
            is_table = topic.name in "tu"
            if is_table and key is None:
                key = "a"
            value: Any = {
                "k": key,
                "g": chance.choice("xyz"),
                "n": chance.randrange(1000),
                "t": time,
            }
            if is_table and chance.random() < 0.25:
                value = None
            made.append((topic, is_keyed, key, value, time))
    made.sort(key=lambda one: one[4] + chance.uniform(0, spread))
    highest: dict[Any, int] = {}
    one_place = chance.random() < 0.15
    for topic, is_keyed, key, value, time in made:
        data = None if key is None or not is_keyed else Key().encode(key)
        encoded = None if value is None else topic.format.encode(value)
        at = None if is_keyed else 0 if one_place else chance.randrange(partitions)
        place = world._append(Output(topic.name, at, data, encoded, time))
        which = (topic.name, place[0])
        floor = highest.get(which, NEVER) - LATENESS_MS
        inputs[topic.name].append(
            Record(time, key if is_keyed else None, value or {}, floor, (topic.name, *place))
        )
        highest[which] = max(time, highest.get(which, time))
    return inputs


def run(seed: int, turn: int, ties: bool = False) -> tuple[Program, Inputs, World]:
    program = drawn_program(seed, ties)
    chance = random.Random(f"{seed} run {turn}")
    of_inputs = random.Random(f"{seed} inputs")
    partitions = of_inputs.randint(1, 3)
    world = World(program.app, partitions, chance, chance.random() < 0.5)
    inputs = sent(program, world, of_inputs, partitions)
    world.run(crashes=chance.choice((0, 1, 4)))
    return program, inputs, world


def shown(found: Iterable[tuple[Any, Any, int]]) -> Counter[Any]:
    return Counter(
        (key, None if row is None else json.dumps(row, sort_keys=True), time)
        for key, row, time in found
    )


def differs(seed: int, turn: int) -> str:
    program, inputs, world = run(seed, turn)
    told = []

    def compare(what: str, found: Any, expected: Any) -> None:
        if found != expected:
            told.append(f"{what}: too much {found - expected}, missing {expected - found}")

    for name, both in program.sinks:
        found = shown(world.results(name))
        expected = shown((_text(one.key), one.value, one.time) for one in both.plain(inputs))
        if not world._exactly_once:
            found, expected = Counter(set(found)), Counter(set(expected))
        compare(name, found, expected)
    for name, table in program.table_sinks:
        rows = {}
        for one in table.plain(inputs):
            rows[_text(one.key)] = one.value
        result = last_rows(world, name)
        compare(
            name,
            shown((key, row, 0) for key, row in result.items() if row is not None),
            shown((key, row, 0) for key, row in rows.items() if row is not None),
        )
    for out, updates in program.updates:
        compare(updates, _last(world, updates), _last(world, out))
    return "\n".join([*program.told, *told]) if told else ""


def last_rows(world: World, topic: str) -> dict[Any, Any]:
    """By time; at least once some are there twice, in their order."""
    sent = [one for log in world.logs[topic] for one in log]
    return {
        None if one.key is None else one.key.decode(): one.value and json.loads(one.value)
        for one in sorted(sent, key=lambda one: one.timestamp)
    }


def ties(seed: int) -> str:
    """Two runs over one input, in which much has the same time and nothing says what goes first."""
    runs = [run(seed, turn, ties=True) for turn in range(3)]
    told = []
    for name, _ in runs[0][0].sinks:
        found = [set(shown(world.results(name))) for _, _, world in runs]
        if any(one != found[0] for one in found):
            told.append(f"{name}: {[sorted(one ^ found[0], key=repr) for one in found]}")
    for name, _ in runs[0][0].table_sinks:
        rows = [last_rows(world, name) for _, _, world in runs]
        if any(one != rows[0] for one in rows):
            told.append(f"{name}: {rows}")
    return "\n".join([*runs[0][0].told, *told]) if told else ""


def _last(world: World, topic: str) -> Counter[Any]:
    rows: dict[Any, str] = {}
    for log in world.logs[topic]:
        for one in log:
            row = None if one.value is None else json.loads(one.value)
            bounds = row or {name: (text or b"").decode() for name, text in one.headers or ()}
            place = (one.key, *(ms(_time(bounds[f"window_{n}"])) for n in ("start", "end")))
            rows.pop(place, None)
            if row is not None:
                rows[place] = json.dumps(row, sort_keys=True)
    return Counter(rows.items())


def _text(key: Any) -> str | None:
    return None if key is None else Key().encode(key).decode()
