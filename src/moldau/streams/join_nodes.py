"""Nodes of tables and joins (see `program.py`).

What a join takes comes through a `Side` each: there records are brought together by key, and wait
for their time. Where sides are tables, what comes are their changes: a value, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from moldau.streams.aggregates import Aggregate
from moldau.streams.fields import Getter
from moldau.streams.program import Keyed, Node, Source, Topic

How = Literal["inner", "left", "outer"]
Merge = Callable[[Any, Any], Any]
"""Of a left and a right value, either of which may be None, one."""


@dataclass(eq=False)
class TableSource(Source):
    """The changes of a table: a record without a value deletes its key."""


@dataclass(eq=False)
class Everywhere(Node):
    """A topic that every worker has all of."""

    topic: Topic = field(kw_only=True)


@dataclass(eq=False)
class Tabled(Keyed):
    """A table, and what it was until `history` ms ago."""

    history: int = field(kw_only=True)


@dataclass(eq=False)
class Latest(Keyed):
    """A table as it is now, by arrival."""


@dataclass(eq=False)
class Brought(Keyed):
    """Records in the partition of their key, where the tables lie that the step behind it looks
    into."""


@dataclass(eq=False)
class Side(Keyed):
    """`reach`: for how long behind its time, in ms, a record may find another."""

    is_left: bool = field(kw_only=True)
    reach: int = field(kw_only=True, default=0)
    waits: bool = field(kw_only=True, default=True)


@dataclass(eq=False)
class Joined(Node):
    how: How = field(kw_only=True)
    merge: Merge = field(kw_only=True)


@dataclass(eq=False)
class TableLookup(Joined):
    """A stream's records, each with what a `Tabled` held at its time."""

    history: int = field(kw_only=True)


@dataclass(eq=False)
class LatestLookup(Joined):
    """With what a `Latest` holds now."""


@dataclass(eq=False)
class GlobalLookup(Joined):
    """With what all partitions of a topic hold now."""

    topic: Topic = field(kw_only=True)
    key: Getter | None = field(kw_only=True, default=None)


@dataclass(eq=False)
class IntervalJoin(Joined):
    """Two streams: a right record may be so much before or after a left one, in ms."""

    before: int = field(kw_only=True)
    after: int = field(kw_only=True)


@dataclass(eq=False)
class AsOfJoin(Joined):
    """Each left record with one right record: the last before it, the first behind, or the nearer;
    at most `tolerance` ms away."""

    strategy: Literal["backward", "forward", "nearest"] = field(kw_only=True)
    tolerance: int = field(kw_only=True)


@dataclass(eq=False)
class TableJoin(Joined):
    """Two tables by their keys."""


@dataclass(eq=False)
class TableMap(Node):
    """`function` of a row: another, or None for no row."""

    function: Callable[[Any], Any] = field(kw_only=True)


@dataclass(eq=False)
class Regrouped(Keyed):
    """A table's rows as members of groups: (the name of the row's key, value or None), keyed by
    the group."""

    group: Getter = field(kw_only=True)


@dataclass(eq=False)
class TableAggregated(Keyed):
    """The groups of a `Regrouped`, added up."""

    aggregates: Mapping[str, Aggregate] = field(kw_only=True)
    label: str = field(kw_only=True)
    member_type: Any = field(kw_only=True)


@dataclass(eq=False)
class ForeignJoin(Joined):
    """Members (of a `Regrouped`) with the row of the table that they name; what leaves is keyed by
    the member again: (the name of what it named, row or None)."""


@dataclass(eq=False)
class ForeignResult(Keyed):
    """Of what a member names and named, the row that counts."""
