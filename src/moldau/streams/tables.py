"""Tables: the newest value of each key, and what it was before, by event time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Never

from moldau.streams import fields, types
from moldau.streams.aggregates import Aggregate, check, refuse_unnamed
from moldau.streams.arguments import how_often, topic_of
from moldau.streams.durations import Duration
from moldau.streams.engine.here import Get, Here
from moldau.streams.errors import DefinitionError, StreamsError, Trouble
from moldau.streams.in_handlers import InHandlers
from moldau.streams.join_nodes import (
    ForeignJoin,
    ForeignResult,
    How,
    Latest,
    Merge,
    Regrouped,
    Side,
    TableAggregated,
    Tabled,
    TableJoin,
    TableMap,
)
from moldau.streams.joined import SUFFIX, merging
from moldau.streams.keying import key_of, other_key
from moldau.streams.likeness import refuse_unlike
from moldau.streams.policies import Policy, Then
from moldau.streams.program import Aggregated, Node, Sink, Topic

if TYPE_CHECKING:
    from moldau.streams.app import App
    from moldau.streams.stream import Stream

HISTORY_MS = 3_600_000


class Table(InHandlers):
    """A row for each key. `history`: how long, in ms of event time, what a row was is kept for
    records that come late."""

    def __init__(self, app: App, node: Node, history: int = HISTORY_MS) -> None:
        self._app = app
        self._node = node
        self._history = history

    def __str__(self) -> str:
        return f"table {self._node.name!r}"

    @property
    def type(self) -> Any:
        return self._node.type

    @property
    def keyed_by(self) -> str | None:
        """The field that its rows are keyed by, where it is known."""
        return self._node.keyed_by

    # --- of rows ----------------------------------------------------------------------------

    def filter(
        self, function: Callable[[Any], Any], *, on_error: Policy | Then | None = None
    ) -> Table:
        """Only the rows for which the function is true."""
        fields.plain(function, "filter")
        node = self._changes()
        made = TableMap(
            self._app.name_for("filter"),
            (node,),
            node.type,
            node.keyed_by,
            function=lambda row: row if function(row) else None,
        )
        return self._then(made, on_error)

    def map(
        self,
        function: Callable[[Any], Any],
        type: Any = None,
        *,
        on_error: Policy | Then | None = None,
    ) -> Table:
        """Each row becomes what the function returns, under its key."""
        fields.plain(function, "map")
        type = types.returned(function) if type is None else type
        node = self._changes()
        made = TableMap(self._app.name_for("map"), (node,), type, function=function)
        return self._then(made, on_error)

    def select(
        self, *names: str, on_error: Policy | Then | None = None, **more: fields.Field
    ) -> Table:
        """Each row becomes a dict of these fields; `new=field` gives a field another name, or
        computes it."""
        shown = {**{name: name for name in names}, **more}
        if not shown:
            raise DefinitionError("select: name at least one field")
        node = self._changes()
        read = types.reader(node.type, shown, "select")
        made = types.record_of(
            "Selected", {name: types.field_type(node.type, one) for name, one in shown.items()}
        )
        keyed_by = node.keyed_by if shown.get(node.keyed_by or "") == node.keyed_by else None
        return self._then(
            TableMap(self._app.name_for("select"), (node,), made, keyed_by, function=read),
            on_error,
        )

    # --- by other keys ----------------------------------------------------------------------

    def group_by(self, field: fields.Field, *more: Never) -> GroupedTable:
        """Its rows in groups. A row that changes leaves the group that it was in."""
        field, node = fields.only(field, more), self._changes()
        group = key_of(node.type, field, "group_by")
        return GroupedTable(self._app, node, group, field)

    def join(
        self,
        other: Table,
        function: Merge | None = None,
        *,
        on: fields.Field | None = None,
        how: How = "inner",
        suffix: str = SUFFIX,
        name: str | None = None,
        on_error: Policy | Then | None = None,
    ) -> Table:
        """The rows of both tables with the same key; with `on`, each row with the one of the other
        table whose key that field holds (foreign key). Follows all changes of both."""
        if not isinstance(other, Table):
            raise DefinitionError("join: a table is joined to a table; join the stream to it")
        made = name or self._app.name_for("join")
        left, right = self._changes(), other._changes()
        keys = (
            on if isinstance(on, str) else left.keyed_by if on is None else None,
            right.keyed_by,
        )
        merge, type_ = merging(left.type, right.type, function, keys, how, suffix)
        if on is not None:
            return self._foreign(made, left, right, on, merge, type_, how, on_error)
        sides = (self._side(made, left, True), self._side(made, right, False))
        node = TableJoin(made, sides, type_, left.keyed_by, how=how, merge=merge)
        return self._then(node, on_error)

    def _foreign(
        self,
        name: str,
        left: Node,
        right: Node,
        on: fields.Field,
        merge: Merge,
        type_: Any,
        how: How,
        on_error: Policy | Then | None,
    ) -> Table:
        if how == "outer":
            raise DefinitionError("join: by a foreign key there is inner and left")
        add = self._app.add
        members = add(
            Regrouped(
                f"{name}-members",
                (left,),
                _with(left.type),
                group=key_of(left.type, on, "join"),
            ),
            on_error,
        )
        keeps = how == "left"
        side = Side(f"{name}-left", (members,), members.type, is_left=True, keeps_no_key=keeps)
        sides = (add(side), self._side(name, right, False))
        met = ForeignJoin(name, sides, _with(type_), how=how, merge=merge)
        result = ForeignResult(f"{name}-result", (add(met, on_error),), type_, left.keyed_by)
        return self._then(result, on_error)

    # --- out --------------------------------------------------------------------------------

    def stream(self) -> Stream:
        """Its changes as records, in the order of event time; a row that goes is None."""
        from moldau.streams.stream import Stream

        return Stream(self._app, self._changes())

    def to(
        self,
        topic: str | Topic,
        *,
        emit: Literal["updates"] = "updates",
        every: Duration | None = None,
        on_error: Policy | Then | None = None,
    ) -> Table:
        """Each change, under its key; a row that goes becomes a record without a value. The topic
        may be compacted. With every="5s" rows that have changed go out at most so often by the
        wall clock, as they are then."""
        pause = how_often(emit, every)
        if pause is None:
            raise DefinitionError(
                "to: no row of a table is final, as each may change again: leave emit= away for "
                "each change, write every='5s' for fewer, or give its agg(...) a window"
            )
        if isinstance(topic, str):
            topic = self._app.topic(topic)
        name = topic_of(topic, "to").name
        if any(isinstance(one, Sink) and one.topic.name == name for one in self._node.children):
            raise DefinitionError(f"to: this table goes to {name!r} already: send it there once")
        refuse_unlike(self._node.type, topic)
        other_key(self._node, topic, is_updated=True)
        sink = Sink(self._app.name_for("to"), (self._node,), topic=topic, pause=pause)
        self._app.add(sink, on_error)
        return self

    # --- for the joins ----------------------------------------------------------------------

    def tabled(self) -> Tabled:
        """What it was at a time, for joins with streams."""
        node = self._changes()
        if isinstance(node, Tabled):
            return node
        for child in node.children:
            if isinstance(child, Tabled):
                return child
        name = f"{node.name}-history"
        made = Tabled(name, (node,), node.type, node.keyed_by, history=self._history)
        self._app.add(made)
        return made

    def latest(self) -> Latest:
        """What it is now, for joins at="now"."""
        node = self._told_by
        for child in node.children:
            if isinstance(child, Latest):
                return child
        made = Latest(f"{self._node.name}-latest", (node,), node.type, node.keyed_by)
        self._app.add(made)
        return made

    @property
    def _told_by(self) -> Node:
        """What tells of its changes as they come."""
        return self._node.parents[0] if isinstance(self._node, Tabled) else self._node

    # --- in handlers ------------------------------------------------------------------------

    def steps_in(self, nodes: Sequence[Node]) -> Sequence[Node]:
        if self._node not in nodes:
            return ()
        return (self._node,) if isinstance(self._node, Aggregated) else (self.latest(),)

    def _get(self, here: Here) -> Get:
        get = here.rows.get(self._told_by)
        if get is not None:
            return get
        if here.partition is None:
            raise StreamsError(
                f"{self}: its rows lie in partitions, of which a timer or a task has none: take "
                f"app.global_table, or @app.punctuate, which runs for each partition"
            )
        raise Trouble(
            f"{self}: it cannot be seen that this function looks into it, so its rows may be in "
            f"another worker: name the table in the function, as a variable of the module or one "
            f"around the function"
        )

    def _missing(self, here: Here, key: Any) -> str:
        place = here.place_of(key)
        if place == here.partition:
            return super()._missing(here, key)
        return (
            f"{key!r} is in partition {place} of {self}, and this record is in partition "
            f"{here.partition}: key the records by it first (key_by), or take app.global_table"
        )

    # --- the parts --------------------------------------------------------------------------

    def _changes(self) -> Node:
        if isinstance(self._node, Aggregated):
            self._node.is_ordered = True
        return self._node

    def _side(self, join: str, node: Node, is_left: bool) -> Node:
        name = f"{join}-{'left' if is_left else 'right'}"
        return self._app.add(Side(name, (node,), node.type, node.keyed_by, is_left=is_left))

    def _then(self, node: Node, on_error: Policy | Then | None) -> Table:
        return Table(self._app, self._app.add(node, on_error), self._history)


class GroupedTable:
    """Rows of a table by another field."""

    def __init__(self, app: App, node: Node, group: fields.Getter, field: fields.Field) -> None:
        self._app = app
        self._node = node
        self._group = group
        self._label = fields.label(field, "key")
        self._group_type = types.field_type(node.type, field)

    def agg(
        self,
        *unnamed: Never,
        name: str | None = None,
        on_error: Policy | Then | None = None,
        **aggregates: Aggregate,
    ) -> Table:
        """Over the rows that each group has: one row for each group, and none for a group without
        rows. `fold` needs remove= to be fast; without it, a group is added up anew when it
        changes."""
        refuse_unnamed(unnamed)
        parent, add = self._node, self._app.add
        check(aggregates, parent.type, (self._label,))
        made = name or self._app.name_for("agg")
        regrouped = Regrouped(f"{made}-members", (parent,), _with(parent.type), group=self._group)
        node = TableAggregated(
            made,
            (add(regrouped, on_error),),
            types.aggregated(parent.type, self._label, self._group_type, None, aggregates),
            self._label,
            aggregates=aggregates,
            label=self._label,
            member_type=parent.type,
        )
        return Table(self._app, add(node, on_error))


class GlobalTable(InHandlers):
    """All partitions of a topic, in every worker, as they are now."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.type = topic.type
        self.keyed_by = topic.key

    def __str__(self) -> str:
        return f"global table {self.topic.name!r}"

    def _get(self, here: Here) -> Get:
        values = here.everywhere.get(self.topic.name)
        if values is None:
            raise Trouble(f"{self}: it is of another program than the handler")
        return values.lookup


def _with(type_: Any) -> Any:
    """Of the name of a key, and a value or None."""
    return Any if type_ in (Any, dict, list) else tuple[bytes, type_ | None]
