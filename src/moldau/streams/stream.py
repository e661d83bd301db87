"""The verbs: streams that people write, which add nodes to the program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from moldau.streams import fields, windows
from moldau.streams.aggregates import Aggregate
from moldau.streams.durations import Duration, milliseconds
from moldau.streams.errors import DefinitionError
from moldau.streams.program import (
    Aggregated,
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

if TYPE_CHECKING:
    from moldau.streams.app import App


class Stream:
    """Records, one after the other."""

    def __init__(self, app: App, node: Node) -> None:
        self._app = app
        self._node = node

    def _then(self, node: Node) -> Stream:
        return Stream(self._app, self._app.add(node))

    def _name(self, verb: str) -> str:
        return self._app.name_for(verb)

    # --- stateless --------------------------------------------------------------------------

    def map(self, function: Callable[[Any], Any], type: Any = Any) -> Stream:
        """Each value becomes what the function returns; `type` says what that is."""
        return self._then(Map(self._name("map"), (self._node,), type, function=function))

    def filter(self, function: Callable[[Any], Any]) -> Stream:
        """Keeps the values for which the function is true."""
        node = self._node
        return self._then(
            Filter(self._name("filter"), (node,), node.type, node.keyed_by, function=function)
        )

    def flat_map(self, function: Callable[[Any], Sequence[Any]], type: Any = Any) -> Stream:
        """Each value becomes as many as the function returns."""
        return self._then(FlatMap(self._name("flat_map"), (self._node,), type, function=function))

    def peek(self, function: Callable[[Any], Any]) -> Stream:
        """Calls the function with each value, and goes on with the value."""
        node = self._node
        return self._then(
            Peek(self._name("peek"), (node,), node.type, node.keyed_by, function=function)
        )

    def merge(self, *others: Stream) -> Stream:
        """The records of all of them."""
        nodes = (self._node, *(other._node for other in others))
        return self._then(Merge(self._name("merge"), nodes, self._node.type))

    # --- by key -----------------------------------------------------------------------------

    def key_by(self, field: fields.Field) -> Stream:
        """The records under another key."""
        return Stream(self._app, self._keyed(field, "key_by"))

    def group_by(self, field: fields.Field) -> Grouped:
        """The records of each key together; repartitioned where they are not."""
        return Grouped(self._app, self._keyed(field, "group_by"), fields.label(field, "key"))

    def _keyed(self, field: fields.Field, verb: str) -> Node:
        node = self._node
        getter = fields.getter(node.type, field, verb)
        if isinstance(field, str) and field == node.keyed_by:
            return node
        name = fields.label(field, "key")
        keyed = KeyBy(self._name(verb), (node,), node.type, name, key=getter, label=name)
        self._app.add(keyed)
        return keyed

    # --- out --------------------------------------------------------------------------------

    def to(self, topic: str | Topic) -> Stream:
        """Sends each record to a topic, under its key."""
        if isinstance(topic, str):
            topic = self._app.topic(topic)
        self._app.add(Sink(self._name("to"), (self._node,), topic=topic))
        return self


class _Aggregating:
    """What can be added up: by key, and by window where there is one."""

    def __init__(self, app: App, node: Node, label: str, window: windows.Window | None) -> None:
        self._app = app
        self._node = node
        self._label = label
        self._window = window

    def _agg(self, name: str | None, aggregates: dict[str, Aggregate]) -> Stream:
        if not aggregates:
            raise DefinitionError("agg: name at least one aggregate, as in agg(total=sum('x'))")
        taken = {self._label, "window_start", "window_end"} & aggregates.keys()
        if taken:
            raise DefinitionError(f"agg: {', '.join(sorted(taken))} is in the result already")
        for one in aggregates.values():
            asked = one.field if isinstance(one.field, tuple) else (one.field, one.by)
            for field in asked:
                if field is not None:
                    fields.getter(self._node.type, field, "agg")
        node = Aggregated(
            name or self._app.name_for("agg"),
            (self._node,),
            dict,
            self._label,
            window=self._window,
            aggregates=aggregates,
            label=self._label,
        )
        return Stream(self._app, self._app.add(node))


class Grouped(_Aggregating):
    """Records of each key together."""

    def __init__(self, app: App, node: Node, label: str) -> None:
        super().__init__(app, node, label, None)

    def agg(self, *, name: str | None = None, **aggregates: Aggregate) -> Stream:
        """Over all records of a key: a result whenever one changes, with the key and each
        aggregate under its name."""
        return self._agg(name, aggregates)

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
        try:
            zone = ZoneInfo(tz)
        except (ZoneInfoNotFoundError, ValueError):
            raise DefinitionError(
                f"calendar: there is no time zone {tz!r}; write it as in 'Europe/Prague' (where "
                f"the system has no zones: pip install tzdata)"
            ) from None
        return self._windowed(windows.Calendar(unit, zone))

    def _windowed(self, window: windows.Window) -> Windowed:
        return Windowed(self._app, self._node, self._label, window)


class Windowed(_Aggregating):
    """Records of each key and window together."""

    def agg(self, *, name: str | None = None, **aggregates: Aggregate) -> Stream:
        """One result for each key and window, once, when the window closes: the key,
        `window_start`, `window_end` (UTC), and each aggregate under its name."""
        return self._agg(name, aggregates)
