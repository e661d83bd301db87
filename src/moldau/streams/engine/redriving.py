"""Dead letters that come back: each goes to the step that failed, and to no other.

What the steps before it make of the record is made again, by operators of its own, which lead
nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.clock import AFTER_ALL, TaskClock
from moldau.streams.engine.build import Built, leading_to
from moldau.streams.engine.columns import Keys
from moldau.streams.engine.dead_letters import LEFT_OUT, PREFIX
from moldau.streams.engine.keyed_by import KeyedBy
from moldau.streams.engine.keys import typed_in
from moldau.streams.engine.operators import Operator, Origin, Step
from moldau.streams.engine.outputs import Header, Output
from moldau.streams.engine.reading import Original, Reading, Records
from moldau.streams.engine.values import ValueFormat
from moldau.streams.errors import BadRecord, StreamsError
from moldau.streams.join_nodes import TableSource
from moldau.streams.program import Node, Source
from moldau.streams.topology import redrive_topic

# Headers that a task reads as numbers, and how many digits they may have: one that is none would
# stop it at every start.
_NUMBERS = {"task": 9, "partition": 9, "offset": 18, "part": 9, "redrives": 9}


class _Letters(Reading):
    """They are told apart by their offset here; what they were is in their headers."""

    def original(self, offset: int) -> Original:
        letter = super().original(offset)
        headers, told = parts(letter.headers)
        return letter._replace(
            topic=told["topic"],
            partition=int(told["partition"]),
            offset=int(told["offset"]),
            headers=headers,
            redrives=int(told["redrives"]) + 1,
            part=int(told["part"]),
            form=told["form"],  # type: ignore[arg-type]
            left_out=told.get(LEFT_OUT),
        )


def parts(headers: Sequence[Header]) -> tuple[list[Header], dict[str, str]]:
    """Of a dead letter: the headers that its record came with, and what those behind them say. The
    record may have been a letter too, that a program reads."""
    came, told = list(headers), dict[str, str]()
    while came and came[-1][0].startswith(PREFIX):
        name = came[-1][0].removeprefix(PREFIX)
        if name in told or (name == LEFT_OUT and told):
            break
        told[name] = (came.pop()[1] or b"").decode(errors="replace")
    return came, dict(reversed(told.items()))


def told_by(headers: Sequence[Header]) -> dict[str, str]:
    """What the headers of a dead letter say of it."""
    return parts(headers)[1]


def back(
    key: bytes | None, value: bytes | None, timestamp: int, headers: Sequence[Header]
) -> Output:
    """The dead letter on its way back. Raises StreamsError for a record that is none."""
    told = _checked(headers)
    topic = redrive_topic(told["app"], told["stage"])
    return Output(topic, int(told["task"]), key, value, timestamp, list(headers))


def _checked(headers: Sequence[Header]) -> dict[str, str]:
    """What the headers of a dead letter say. Raises StreamsError for a record that is none."""
    told = told_by(headers)
    if not told.keys() >= {*_NUMBERS, "app", "stage", "step", "topic", "form"}:
        raise BadRecord("it is no dead letter of a program: the headers moldau-dlq-… are missing")
    for name, most in _NUMBERS.items():
        digits = told[name].removeprefix("-")
        if not digits.isdecimal() or len(digits) > most:
            raise BadRecord(
                f"it is no dead letter of a program: its header {PREFIX}{name} is no number"
            )
    return told


class RedriveInput:
    """A topic of the program's, that holds no other back. Late is what is behind the task's
    watermark: its windows have closed."""

    def __init__(self, topic: str, partition: int, task_clock: TaskClock, built: Built) -> None:
        self._topic = topic
        self._task_clock = task_clock
        self._built = built
        self._origin = Origin(topic, partition)
        self._origin.idle = True
        self._ways: dict[tuple[str, str, int], Operator] = {}

    @property
    def origins(self) -> list[Origin]:
        return [self._origin]

    def feed(self, records: Records, now_ms: int) -> None:
        reading = _Letters(self._topic, self._origin.partition, records)
        self._built.reading = reading
        self._origin.watermark = self._task_clock.watermark
        for made in self._built.repartitionings:
            made.origin = self._origin
        for offset, headers in zip(records.offsets, records.headers, strict=False):
            try:
                told = _checked(headers or ())
            except BadRecord as error:
                self._refuse(records, offset, error)
                continue
            step = told["step"]
            try:
                self._letter(step, reading.original(offset), offset)
                for made in self._built.repartitionings:
                    made.flush()
            except Exception as error:  # it still cannot be read, or its step is gone
                if isinstance(error, StreamsError) and not isinstance(error, BadRecord):
                    raise
                letters = self._built.dead_letters(step, self._policy(step))
                self._built.outputs += letters.original(reading.original(offset), error, 1)

    def _refuse(self, records: Records, offset: int, error: BadRecord) -> None:
        """Somebody else wrote into the program's own topic: what it was is kept."""
        was = Reading(self._topic, self._origin.partition, records).original(offset)
        letters = self._built.dead_letters(self._topic, self._built.stage.nodes[0].policy)
        self._built.outputs += letters.original(was, error, 1)

    def _letter(self, step: str, was: Original, offset: int) -> None:
        if was.left_out is not None:  # without its value it would be a tombstone
            raise LookupError(f"its value was left out ({was.left_out}), and is in its source")
        if was.form == "output":
            place = was.partition if was.partition >= 0 else None
            headers, time = was.headers or None, was.timestamp or None
            self._built.outputs.append(Output(was.topic, place, was.key, was.value, time, headers))
            return
        node = self._node(step)
        if was.form == "parts" and node is not None:
            key = None if was.key is None else typed_in(was.key)
            self._built.by_node[node].again(key, was.value or b"", was.timestamp)
            return
        if was.form == "text":
            raise LookupError("a value that could not be written cannot be read")
        value, time, key = self._read(node, was)
        floors = [self._task_clock.watermark]
        for way in self._ways_of(node, step, was):
            way.process(Batch([key], [value], [time], floors, [offset], was.partition))

    def _read(self, node: Node | None, was: Original) -> tuple[Any, int, Any]:
        if was.form == "value":
            assert node is not None
            value = ValueFormat(node.parents[0].type).decode(was.value or b"")
            return value, was.timestamp, None if was.key is None else typed_in(was.key)
        sources = self._sources(was.topic)
        topic = sources[0].topic
        key = Keys(topic.key_format)[was.key]
        if was.value is None and any(isinstance(one, TableSource) for one in sources):
            return None, was.timestamp, key
        value = topic.format.decode(was.value)  # type: ignore[arg-type]
        if topic.key is not None:
            KeyedBy(topic).check([key], [was.key], [value])
        when = topic.event_time
        return value, was.timestamp if when is None else when.of([value])[0], key

    def _ways_of(self, node: Node | None, step: str, was: Original) -> list[Operator]:
        """What leads to the step. None: it was the topic that could not be read, by all of it."""
        if node is None:
            return [
                self._built.by_node[one]
                for one in self._sources(was.topic)
                if was.value is not None or isinstance(one, TableSource)
            ]
        if was.form == "value":
            return [self._built.by_node[node]]
        part = was.part or 0
        way = self._ways.get((step, was.topic, part))
        if way is None:
            way = _Part(part, self._built.by_node[node])
            behind = node
            for one in _between_any(self._sources(was.topic), node):
                way, behind = leading_to(behind, way, one, self._built), one
            self._ways[step, was.topic, part] = way
        return [way]

    def _node(self, step: str) -> Node | None:
        for node in self._built.stage.nodes:
            if node.name == step:
                return node
            if isinstance(node, Source) and node.topic.name == step:
                return None
        raise LookupError(f"the program has no step {step!r} any more")

    def _sources(self, topic: str) -> list[Source]:
        """As a table and as a stream, it may be. Raises LookupError where it is not read."""
        found = [one for one in self._built.stage.sources if one.topic.name == topic]
        if not found:
            raise LookupError(f"the program does not read topic {topic!r} any more")
        return found

    def _policy(self, step: str) -> Any:
        found = [node.policy for node in self._built.stage.nodes if node.name == step]
        found += [s.topic.policy for s in self._built.stage.sources if s.topic.name == step]
        return found[0] if found else self._built.stage.nodes[0].policy

    def end(self) -> None:
        """What comes behind it is not read any more."""
        self._origin.watermark = AFTER_ALL

    def tick(self, now_ms: int) -> None:
        """It says nothing of time."""

    def save(self) -> Any:
        return None

    def load(self, saved: Any) -> None:
        """It keeps nothing."""


class _Part(Step):
    """Of what was made of a record, the one that failed."""

    def __init__(self, part: int, target: Operator) -> None:
        super().__init__(())
        self._part = part
        self._target = target

    def process(self, batch: Batch) -> None:
        chosen = [index == self._part for index in range(len(batch))]
        one = batch.where(chosen)
        if len(one):
            self._target.process(one)


def _between_any(sources: Sequence[Source], node: Node) -> list[Node]:
    """The steps between one of them and that one, the last first. Raises LookupError."""
    *others, last = sources
    for one in others:
        with suppress(LookupError):
            return _between(one, node)
    return _between(last, node)


def _between(source: Source, node: Node) -> list[Node]:
    """The steps between them, the last first. Raises LookupError."""
    for parent in node.parents:
        if parent is source:
            return []
        try:
            return [parent, *_between(source, parent)]
        except LookupError:
            continue
    raise LookupError(f"no way leads from {source.topic.name!r} to step {node.name!r} any more")
