"""The verbs of streams that join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from moldau.streams import fields
from moldau.streams.arguments import no_stream
from moldau.streams.durations import Duration, milliseconds
from moldau.streams.errors import DefinitionError
from moldau.streams.join_nodes import (
    AsOfJoin,
    GlobalLookup,
    How,
    IntervalJoin,
    LatestLookup,
    Merge,
    Side,
    TableLookup,
)
from moldau.streams.joined import SUFFIX, merging
from moldau.streams.keying import key_of
from moldau.streams.late import send_late
from moldau.streams.policies import Policy, Then
from moldau.streams.program import Node, Topic
from moldau.streams.tables import GlobalTable, Table

if TYPE_CHECKING:
    from moldau.streams.app import App
    from moldau.streams.stream import Stream

Within = Duration | tuple[Duration, Duration]
Strategy = Literal["backward", "forward", "nearest"]
On = fields.Field | None


class Joins:
    """The part of a stream that joins it to others."""

    _app: App
    _node: Node

    def join(
        self,
        other: Stream | Table | GlobalTable,
        function: Merge | None = None,
        *,
        on: On = None,
        left_on: On = None,
        right_on: On = None,
        how: How = "inner",
        within: Within | None = None,
        at: Literal["event_time", "now"] = "event_time",
        late: str | Topic | None = None,
        suffix: str = SUFFIX,
        name: str | None = None,
        on_error: Policy | Then | None = None,
    ) -> Stream:
        """Each record with what belongs to it on the other side.

        With a table: with the row of its key, as it was at the record's time; the record waits
        until the table's watermark has passed it (at="now": as it is when the record comes). With
        another stream: with each record of the key that lies `within` an interval, or `within=(a,
        b)`: at most a before it and at most b behind it. With a global table: with the row that
        `on` names, as it is now.

        `on` (or `left_on` and `right_on`): the field to join by; without it, the key. What leaves
        is `function(left, right)`, or a dict of the fields of both. how="left": also records that
        find nothing, with None on the right; "outer" (of two streams): on either side. `late`: the
        topic for records that come too late to be joined; they are counted in any case.
        """
        if how not in get_args(How):
            raise DefinitionError(f"join: how={how!r} is not one of inner, left, outer")
        on_left, on_right = _fields(on, left_on, right_on)
        if not isinstance(other, Table | GlobalTable | Joins):
            raise no_stream(other, "join")
        if isinstance(other, Joins):
            return self._join_stream(
                other, function, (on_left, on_right), how, within, late, suffix, name, on_error
            )
        if how == "outer":
            raise DefinitionError("join: of a stream with a table there is inner and left")
        if within is not None:
            raise DefinitionError("join: within= is for two streams; a table has a row at any time")
        keyed_by = other.keyed_by
        if isinstance(on_right, str) and on_right != on_left and on_right != keyed_by:
            raise DefinitionError(
                f"join: a table is joined by its key{f', {keyed_by!r}' if keyed_by else ''}; give "
                f"left_on=, the field that holds it"
            )
        names = (on_left if isinstance(on_left, str) else self._node.keyed_by, keyed_by)
        merge, type_ = merging(self._node.type, other.type, function, names, how, suffix)
        made = name or self._app.name_for("join")
        if isinstance(other, GlobalTable):
            return self._join_global(other, on_left, merge, type_, how, made, on_error)
        waits = at == "event_time"
        side = self._side(made, "left", on_left, how != "inner", on_error, waits=waits)
        shared: Any = {"how": how, "merge": merge}
        node: Node
        if at == "now":
            parents = (side, other.latest())
            node = LatestLookup(made, parents, type_, side.keyed_by, **shared)
        elif at == "event_time":
            store = other.tabled()
            node = TableLookup(
                made, (side, store), type_, side.keyed_by, history=store.history, **shared
            )
        else:
            raise DefinitionError(f"join: at={at!r} is neither 'event_time' nor 'now'")
        return self._joined(node, side, late, on_error)

    def _join_global(
        self,
        other: GlobalTable,
        on: On,
        merge: Merge,
        type_: Any,
        how: How,
        name: str,
        on_error: Policy | Then | None,
    ) -> Stream:
        node = self._node
        key = None if on is None else key_of(node.type, on, "join")
        made = GlobalLookup(
            name, (node,), type_, node.keyed_by, how=how, merge=merge, topic=other.topic, key=key
        )
        return _stream(self._app, made, on_error)

    def _join_stream(
        self,
        other: Stream,
        function: Merge | None,
        on: tuple[On, On],
        how: How,
        within: Within | None,
        late: str | Topic | None,
        suffix: str,
        name: str | None,
        on_error: Policy | Then | None,
    ) -> Stream:
        if within is None:
            raise DefinitionError(
                "join: two streams need within=, how far apart in event time two records may be"
            )
        first, last = within if isinstance(within, tuple) else (within, within)
        before, after = milliseconds(first, "within"), milliseconds(last, "within")
        made = name or self._app.name_for("join")
        wider = before + after if how != "inner" else 0
        merge, type_ = self._merging(other, function, on, how, suffix)
        left = self._side(made, "left", on[0], how != "inner", on_error, reach=wider or after)
        right = other._side(made, "right", on[1], how == "outer", on_error, reach=wider or before)
        node = IntervalJoin(
            made,
            (left, right),
            type_,
            left.keyed_by,
            how=how,
            merge=merge,
            before=before,
            after=after,
        )
        return self._joined(node, left, late, on_error)

    def join_asof(
        self,
        other: Stream,
        function: Merge | None = None,
        *,
        on: On = None,
        left_on: On = None,
        right_on: On = None,
        tolerance: Duration,
        strategy: Strategy = "backward",
        how: Literal["inner", "left"] = "left",
        late: str | Topic | None = None,
        suffix: str = SUFFIX,
        name: str | None = None,
        on_error: Policy | Then | None = None,
    ) -> Stream:
        """Each record with one of the other stream: the last before it ("backward"), the first
        behind it ("forward") or the nearest, at most `tolerance` away in event time. A record of
        the same time counts as before and behind. The rest is as for `join`."""
        if strategy not in get_args(Strategy):
            raise DefinitionError(
                f"join_asof: strategy={strategy!r} is not one of backward, forward, nearest"
            )
        if how not in ("inner", "left"):
            raise DefinitionError(f"join_asof: how={how!r} is not one of inner, left")
        if not isinstance(other, Joins):
            raise no_stream(other, "join_asof")
        far = milliseconds(tolerance, "tolerance")
        on_both = _fields(on, left_on, right_on)
        made = name or self._app.name_for("join_asof")
        merge, type_ = self._merging(other, function, on_both, how, suffix)
        ahead = 0 if strategy == "backward" else far
        left = self._side(made, "left", on_both[0], how != "inner", on_error, reach=ahead)
        right = other._side(made, "right", on_both[1], False, on_error, reach=far + ahead)
        node = AsOfJoin(
            made,
            (left, right),
            type_,
            left.keyed_by,
            how=how,
            merge=merge,
            strategy=strategy,
            tolerance=far,
        )
        return self._joined(node, left, late, on_error)

    # --- the parts --------------------------------------------------------------------------

    def _merging(
        self, other: Stream, function: Merge | None, on: tuple[On, On], how: str, suffix: str
    ) -> tuple[Merge, Any]:
        sides = zip(on, (self._node, other._node), strict=True)
        left, right = (one if isinstance(one, str) else node.keyed_by for one, node in sides)
        return merging(self._node.type, other._node.type, function, (left, right), how, suffix)

    def _side(
        self,
        join: str,
        side: str,
        on: On,
        keeps_no_key: bool,
        on_error: Policy | Then | None,
        *,
        reach: int = 0,
        waits: bool = True,
    ) -> Side:
        keyed = self._node if on is None else self._keyed(on, "join", on_error)
        made = Side(
            f"{join}-{side}",
            (keyed,),
            keyed.type,
            keyed.keyed_by,
            is_left=side == "left",
            reach=reach,
            waits=waits,
            keeps_no_key=keeps_no_key,
        )
        self._app.add(made, on_error)
        return made

    def _keyed(self, field: fields.Field, verb: str, on_error: Policy | Then | None = None) -> Node:
        raise NotImplementedError

    def _joined(
        self,
        node: Node,
        left: Node,
        late: str | Topic | None,
        on_error: Policy | Then | None,
    ) -> Stream:
        made = _stream(self._app, node, on_error)
        send_late(self._app, node, left, late)
        return made


def _stream(app: App, node: Node, on_error: Policy | Then | None) -> Stream:
    from moldau.streams.stream import Stream

    return Stream(app, app.add(node, on_error))


def _fields(on: On, left_on: On, right_on: On) -> tuple[On, On]:
    if on is not None and (left_on is not None or right_on is not None):
        raise DefinitionError("join: give on=, or left_on= and right_on=")
    return (on, on) if on is not None else (left_on, right_on)
