"""From the nodes of tables and joins to operators (see `build.py`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from moldau.streams.engine.as_of import AsOfJoining
from moldau.streams.engine.foreign import ForeignJoining, ForeignResulting
from moldau.streams.engine.global_store import known
from moldau.streams.engine.groups import Regrouping, TableAggregating
from moldau.streams.engine.history import History, Tabling
from moldau.streams.engine.intervals import IntervalJoining
from moldau.streams.engine.keys import parts_in
from moldau.streams.engine.lookups import LatestTable, NowLooking, TableLooking
from moldau.streams.engine.members import Listed
from moldau.streams.engine.operators import Mapping, Operator, Step
from moldau.streams.engine.results import Made
from moldau.streams.engine.rows import Rows
from moldau.streams.engine.sides import Joining, WaitingSide
from moldau.streams.engine.table_joins import TableJoining
from moldau.streams.engine.values import PairFormat, ValueFormat
from moldau.streams.join_nodes import (
    AsOfJoin,
    Brought,
    ForeignJoin,
    ForeignResult,
    GlobalLookup,
    IntervalJoin,
    Joined,
    Latest,
    LatestLookup,
    Regrouped,
    Side,
    TableAggregated,
    Tabled,
    TableJoin,
    TableLookup,
    TableMap,
    TableSource,
)
from moldau.streams.program import Aggregated, Deduplicated, Keyed, Node
from moldau.streams.types import UNDECLARED, is_mixed

if TYPE_CHECKING:
    from moldau.streams.engine.build import Built
    from moldau.streams.topology import Stage

Following = list[Operator]


def is_ordered(node: Node, stage: Stage) -> bool:
    """Do records leave it in an order that does not depend on how the inputs were interleaved?"""
    if node not in stage.nodes:
        return False
    if isinstance(node, LatestLookup) or (isinstance(node, Side) and not node.waits):
        return False
    if isinstance(node, Aggregated):
        return node.window is not None or node.is_ordered
    if isinstance(node, Joined) and not isinstance(node, GlobalLookup):
        return True
    if isinstance(node, Keyed) and not isinstance(node, Regrouped):
        return isinstance(node, Tabled | TableAggregated | ForeignResult | Deduplicated)
    return len(node.parents) == 1 and is_ordered(node.parents[0], stage)


def _table(node: Tabled, following: Following, built: Built) -> Operator:
    history = History(built.state, node.name, node.type, node.history)
    waiting = built.held(node, node.type)
    made = Tabling(waiting, history, built.state.watermark, following)
    for one in following:
        if isinstance(one, TableLooking):
            one.history = history
    return made


def _latest(node: Latest, following: Following, built: Built) -> Operator:
    made = LatestTable(built.state.table(node.name), node.type)
    for one in following:
        if isinstance(one, NowLooking):
            one.get, one.fetch = made.rows.get, made.rows.fetch
    return made


def _side(node: Side, following: Following, built: Built) -> Operator:
    (join,) = following
    if not node.waits:
        return Step(following)
    assert isinstance(join, Joining)
    return WaitingSide(built.held(node, node.type, node.reach), node.is_left, join)


def _lookup(node: TableLookup, following: Following, built: Built) -> Operator:
    return TableLooking(node, built.guard(node), following, built.late(node))


def _global(node: GlobalLookup, following: Following, built: Built) -> Operator:
    made = NowLooking(node, built.guard(node), node.key, following)
    store = built.tables[node.topic.name]
    lookup = store.lookup
    made.get = lambda key: lookup(known(key))
    made.fetch = lambda keys: store.fetch(map(known, keys))
    return made


def _of_streams(kind: Any) -> Callable[[Any, Following, Built], Operator]:
    def make(node: Any, following: Following, built: Built) -> Operator:
        merged = _merged(node, built, node.parents)
        made: Operator = kind(node, built.state, following, built.late(node), merged)
        return made

    return make


def _merged(node: Joined, built: Built, sides: Sequence[Node], *, is_named: bool = False) -> Made:
    """`is_named`: what leaves is (what it was named by, the row)."""
    left: Any
    right: Any
    left, right = (side.type for side in sides)
    format_: ValueFormat | PairFormat = ValueFormat(Any)
    if is_mixed(left) or is_mixed(right):
        format_ = PairFormat(left, right, is_named=is_named)
    elif left not in UNDECLARED and right not in UNDECLARED:
        pair = tuple[left | None, right | None] | None
        format_ = ValueFormat(tuple[bytes, pair] if is_named else pair)
    merge = node.merge

    def merged(pair: tuple[Any, Any] | None) -> Any:
        return None if pair is None else merge(*pair)

    def named(parts: tuple[Any, Any]) -> Any:
        return parts[0], merged(parts[1])

    guard = built.guard(node, format_.encode)
    return Made(guard, named if is_named else merged, format_.decode)


def _rows(node: Node, built: Built, which: str, type_: Any) -> Rows:
    return Rows(built.state.table(f"{node.name}-{which}"), type_)


def _table_join(node: TableJoin, following: Following, built: Built) -> Operator:
    left, right = (
        _rows(node, built, which, side.type)
        for which, side in zip(("lefts", "rights"), node.parents, strict=True)
    )
    return TableJoining(node, left, right, following, _merged(node, built, node.parents))


def _foreign(node: ForeignJoin, following: Following, built: Built) -> Operator:
    left, right = node.parents
    row = left.parents[0].parents[0]
    built.state.table(f"{node.name}-members").decode_key = parts_in
    members = _rows(node, built, "members", row.type)
    others = _rows(node, built, "others", right.type)
    merged = _merged(node, built, (row, right), is_named=True)
    naming = Listed(built.state, f"{node.name}-naming", members)
    return ForeignJoining(node, members, naming, others, following, merged)


def _aggregated(node: TableAggregated, following: Following, built: Built) -> Operator:
    return TableAggregating(
        node,
        built.held(node, node.parents[0].type),
        built.state,
        following,
        built.guard(node),
        built.results(node),
    )


MAKERS: dict[type[Node], Callable[[Any, Following, Built], Operator]] = {
    TableSource: lambda node, following, built: Step(following),
    Brought: lambda node, following, built: Step(following),
    Tabled: _table,
    Latest: _latest,
    Side: _side,
    TableLookup: _lookup,
    LatestLookup: lambda node, following, built: NowLooking(
        node, built.guard(node), None, following
    ),
    GlobalLookup: _global,
    IntervalJoin: _of_streams(IntervalJoining),
    AsOfJoin: _of_streams(AsOfJoining),
    TableJoin: _table_join,
    TableMap: lambda node, following, built: Mapping(
        built.guard(node), lambda row: None if row is None else node.function(row), following
    ),
    Regrouped: lambda node, following, built: Regrouping(
        node, built.state.table(node.name), following, built.guard(node)
    ),
    TableAggregated: _aggregated,
    ForeignJoin: _foreign,
    ForeignResult: lambda node, following, built: ForeignResulting(
        built.held(node, node.parents[0].type), _rows(node, built, "named", Any), following
    ),
}
