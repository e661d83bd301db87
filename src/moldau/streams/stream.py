"""The verbs: streams that people write, which add nodes to the program."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, Never

from moldau.streams import fields, types, windows
from moldau.streams.aggregates import Aggregate, check, refuse_unnamed
from moldau.streams.arguments import how_often, no_name, no_stream, no_updates, no_verb, topic_of
from moldau.streams.durations import Duration, milliseconds, zone_of
from moldau.streams.errors import DefinitionError
from moldau.streams.join_verbs import Joins
from moldau.streams.keying import OF_FUNCTION, key_of, other_key
from moldau.streams.late import send_late
from moldau.streams.likeness import refuse_unlike
from moldau.streams.policies import Policy, Then
from moldau.streams.program import (
    Aggregated,
    Arm,
    Branch,
    Deduplicated,
    Filter,
    FlatMap,
    KeyBy,
    Map,
    Merge,
    Node,
    Peek,
    Sink,
    Topic,
)
from moldau.streams.tables import Table

if TYPE_CHECKING:
    from moldau.streams.app import App


class Stream(Joins):
    """Records, one after the other."""

    def __init__(self, app: App, node: Node) -> None:
        self._app = app
        self._node = node

    def _then(self, node: Node, on_error: Policy | Then | None = None) -> Stream:
        return Stream(self._app, self._app.add(node, on_error))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            is_by_key = hasattr(Grouped, name)
            raise no_verb(self, name, f": .group_by(...).{name}(...)" if is_by_key else "")

    @property
    def node(self) -> Node:
        """The step that these records leave."""
        return self._node

    def _name(self, verb: str) -> str:
        return self._app.name_for(verb)

    # --- stateless --------------------------------------------------------------------------

    def map(
        self,
        function: Callable[[Any], Any],
        type: Any = None,
        *,
        on_error: Policy | Then | None = None,
    ) -> Stream:
        """Each value becomes what the function returns; `type` says what that is, where the
        function is not annotated with it. `on_error`, here and elsewhere: "dead_letter", "skip",
        "stop" or `moldau.retry(...)`."""
        type = types.returned(function) if type is None else type
        called = fields.plain(function, "map")
        made = Map(self._name("map"), (self._node,), type, function=called)
        return self._then(made, on_error)

    def select(
        self, *names: str, on_error: Policy | Then | None = None, **more: fields.Field
    ) -> Stream:
        """Each value becomes a dict of these fields; `new=field` gives a field another name, or
        computes it."""
        for one in names:
            if not isinstance(one, str):
                raise no_name(one)
        return self._shown("select", {**{name: name for name in names}, **more}, on_error)

    def with_fields(self, *, on_error: Policy | Then | None = None, **more: fields.Field) -> Stream:
        """Each value becomes a dict of its fields and these."""
        if not more:
            raise DefinitionError("with_fields: name at least one, as in with_fields(total=f)")
        node = self._node
        names = fields.names_of(node.type)
        if names is not None:
            return self._shown("with_fields", {**{name: name for name in names}, **more}, on_error)
        add = types.reader(node.type, more, "with_fields")
        is_one_type = len(fields.alternatives(node.type)) == 1
        keyed_by = None if node.keyed_by in more else node.keyed_by
        made = Map(
            self._name("with_fields"),
            (node,),
            node.type if is_one_type else dict,
            keyed_by,
            function=lambda value: {**fields.as_dict(value), **add(value)},
        )
        return self._then(made, on_error)

    def _shown(
        self, verb: str, shown: dict[str, fields.Field], on_error: Policy | Then | None
    ) -> Stream:
        if not shown:
            raise DefinitionError(f"{verb}: name at least one field")
        node = self._node
        read = types.reader(node.type, shown, verb)
        made = types.record_of(
            "Selected",
            {name: types.field_type(node.type, field) for name, field in shown.items()},
        )
        keyed_by = node.keyed_by if shown.get(node.keyed_by or "") == node.keyed_by else None
        return self._then(Map(self._name(verb), (node,), made, keyed_by, function=read), on_error)

    def filter(
        self, function: Callable[[Any], Any], *, on_error: Policy | Then | None = None
    ) -> Stream:
        """Keeps the values for which the function is true."""
        node, called = self._node, fields.plain(function, "filter")
        return self._then(
            Filter(self._name("filter"), (node,), node.type, node.keyed_by, function=called),
            on_error,
        )

    def branch(
        self, *predicates: Callable[[Any], Any], on_error: Policy | Then | None = None
    ) -> tuple[Stream, ...]:
        """A stream for each predicate, of the records that it is the first to be true of, and one
        for all others: `books, toys, rest = s.branch(is_book, is_toy)`."""
        if not predicates:
            raise DefinitionError("branch: give at least one predicate")
        for one in predicates:
            fields.plain(one, "branch")
        node = self._node
        made = self._app.add(
            Branch(self._name("branch"), (node,), node.type, node.keyed_by, predicates=predicates),
            on_error,
        )
        arms = range(len(predicates) + 1)
        return tuple(
            self._then(Arm(f"{made.name}-{one}", (made,), node.type, node.keyed_by, number=one))
            for one in arms
        )

    def flat_map(
        self,
        function: Callable[[Any], Iterable[Any]],
        type: Any = None,
        *,
        on_error: Policy | Then | None = None,
    ) -> Stream:
        """Each value becomes as many as the function returns; `type` says what each of them is,
        where the function is not annotated with it (`-> list[Line]`)."""
        type = types.returned_each(function) if type is None else type
        called = fields.plain(function, "flat_map")
        made = FlatMap(self._name("flat_map"), (self._node,), type, function=called)
        return self._then(made, on_error)

    def peek(
        self, function: Callable[[Any], Any], *, on_error: Policy | Then | None = None
    ) -> Stream:
        """Calls the function with each value, and goes on with the value."""
        node, called = self._node, fields.plain(function, "peek")
        return self._then(
            Peek(self._name("peek"), (node,), node.type, node.keyed_by, function=called),
            on_error,
        )

    def merge(self, *others: Stream) -> Stream:
        """The records of all of them."""
        for other in others:
            if not isinstance(other, Stream):
                raise no_stream(other, "merge")
        nodes = (self._node, *(other._node for other in others))
        type_ = types.of_any([one.type for one in nodes])
        return self._then(Merge(self._name("merge"), nodes, type_))

    # --- by key -----------------------------------------------------------------------------

    def key_by(
        self, field: fields.Field, *more: Never, on_error: Policy | Then | None = None
    ) -> Stream:
        """The records under another key."""
        return Stream(self._app, self._keyed(fields.only(field, more), "key_by", on_error))

    def group_by(
        self, field: fields.Field, *more: Never, on_error: Policy | Then | None = None
    ) -> Grouped:
        """The records of each key together; repartitioned where they are not. What a function
        gives is called "key" in the results; of several fields it is a tuple."""
        node = self._keyed(fields.only(field, more), "group_by", on_error)
        return Grouped(self._app, node, fields.label(field, OF_FUNCTION))

    def _keyed(self, field: fields.Field, verb: str, on_error: Policy | Then | None = None) -> Node:
        node = self._node
        getter = key_of(node.type, field, verb)
        if isinstance(field, str) and field == node.keyed_by:
            return node
        name = fields.label(field, OF_FUNCTION)
        keyed = KeyBy(self._name(verb), (node,), node.type, name, key=getter, label=name)
        return self._app.add(keyed, on_error)

    def deduplicate(
        self,
        field: fields.Field,
        *,
        within: Duration,
        by: fields.Field | None = None,
        name: str | None = None,
        on_error: Policy | Then | None = None,
    ) -> Stream:
        """The first record of each value of the field, by event time, then `by`; another one only
        when it is more than `within` later. They leave when no earlier one can come, and keyed by
        the field. A record that is late, or whose field is None, is left out."""
        node = self._keyed(field, "deduplicate", on_error)
        order = None if by is None else fields.getter(node.type, by, "deduplicate, by")
        made = Deduplicated(
            name or self._name("deduplicate"),
            (node,),
            node.type,
            node.keyed_by,
            within=milliseconds(within, "within"),
            order=order,
        )
        return self._then(made, on_error)

    # --- out --------------------------------------------------------------------------------

    def to(
        self,
        topic: str | Topic,
        *,
        emit: Literal["final", "updates"] = "final",
        every: Duration | None = None,
        on_error: Policy | Then | None = None,
    ) -> Stream:
        """Sends each record to a topic, under its key, or the field that the topic is said to be
        keyed by. Of windows, emit="updates" sends a result
        also at each change, and every="5s" at most so often in event time; the last is the final
        one. A session that has become part of another is taken back: by a record without a value,
        with `window_start` and `window_end` in its headers."""
        if isinstance(topic, str):
            topic = self._app.topic(topic)
        topic_of(topic, "to")
        often, node = how_often(emit, every), self._node
        if often is not None and (not isinstance(node, Aggregated) or node.window is None):
            raise no_updates()
        refuse_unlike(node.type, topic)
        key = other_key(node, topic, is_updated=often is not None)
        self._app.add(Sink(self._name("to"), (node,), topic=topic, key=key, every=often), on_error)
        return self


class _Aggregating:
    """What can be added up: by key, and by window where there is one."""

    def __init__(self, app: App, node: Node, label: str, window: windows.Window | None) -> None:
        self._app = app
        self._node = node
        self._label = label
        self._window = window

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            is_of_results = hasattr(Stream, name)
            hint = f": .agg(n=moldau.count()).{name}(...)" if is_of_results else ""
            raise no_verb(self, name, hint)

    def _agg(
        self,
        name: str | None,
        aggregates: dict[str, Aggregate],
        on_error: Policy | Then | None,
    ) -> Aggregated:
        parent = self._node
        there = (self._label, "window_start", "window_end")
        check(aggregates, parent.type, there, isinstance(self._window, windows.Session))
        keys = types.field_type(parent.type, self._label)
        node = Aggregated(
            name or self._app.name_for("agg"),
            (parent,),
            types.aggregated(parent.type, self._label, keys, self._window, aggregates),
            self._label,
            window=self._window,
            aggregates=aggregates,
            label=self._label,
        )
        self._app.add(node, on_error)
        return node


class Grouped(_Aggregating):
    """Records of each key together."""

    def __init__(self, app: App, node: Node, label: str) -> None:
        super().__init__(app, node, label, None)

    def agg(
        self,
        *unnamed: Never,
        name: str | None = None,
        on_error: Policy | Then | None = None,
        **aggregates: Aggregate,
    ) -> Table:
        """Over all records of a key: a table with the key and each aggregate under its name. Sent
        to a topic, a result whenever one changes; as a table, by event time."""
        refuse_unnamed(unnamed)
        return Table(self._app, self._agg(name, aggregates, on_error))

    def tumbling(self, size: Duration) -> Windowed:
        """In windows one behind the other."""
        return self._windowed(windows.Tumbling(milliseconds(size, "size")))

    def hopping(self, size: Duration, step: Duration) -> Windowed:
        """In windows of a size, one beginning at every step."""
        return self._windowed(
            windows.Hopping(milliseconds(size, "size"), milliseconds(step, "step"))
        )

    def session(self, gap: Duration) -> Windowed:
        """From a first record until no other follows for so long."""
        return self._windowed(windows.Session(milliseconds(gap, "gap")))

    def sliding(self, size: Duration) -> Windowed:
        """All sets of records that lie at most so far apart, as in Kafka Streams."""
        return self._windowed(windows.Sliding(milliseconds(size, "size")))

    def calendar(self, unit: windows.CalendarUnit, tz: str = "UTC") -> Windowed:
        """In days, weeks or months of a time zone."""
        return self._windowed(windows.Calendar(unit, zone_of(tz, "calendar")))

    def _windowed(self, window: windows.Window) -> Windowed:
        return Windowed(self._app, self._node, self._label, window)


class Windowed(_Aggregating):
    """Records of each key and window together."""

    def agg(
        self,
        *unnamed: Never,
        name: str | None = None,
        late: str | Topic | None = None,
        on_error: Policy | Then | None = None,
        **aggregates: Aggregate,
    ) -> Stream:
        """One result for each key and window, once, when the window closes: the key,
        `window_start`, `window_end` (UTC), and each aggregate under its name. Records that come
        later than all their windows are counted, and sent to the topic `late`."""
        refuse_unnamed(unnamed)
        node = self._agg(name, aggregates, on_error)
        send_late(self._app, node, node.parents[0], late)
        return Stream(self._app, node)
