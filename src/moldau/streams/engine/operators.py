"""Steps that keep nothing: each takes a batch and hands one on. An operator is built once for a
task, with those behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from functools import partial
from itertools import chain, compress, repeat
from operator import itemgetter
from typing import Any, Protocol

from moldau.streams.batch import EMPTY, Batch
from moldau.streams.clock import BEFORE_ALL
from moldau.streams.engine.columns import encoded, encoded_keys
from moldau.streams.engine.counts import StepCount
from moldau.streams.engine.frames import Frame, FrameFormat
from moldau.streams.engine.guard import Guard
from moldau.streams.engine.keys import all_typed, typed
from moldau.streams.engine.outputs import Header, Output, as_output
from moldau.streams.engine.placing import PLACES
from moldau.streams.engine.results import utc
from moldau.streams.engine.scope import key_of
from moldau.streams.engine.typed_keys import plain
from moldau.streams.formats.basic import Format
from moldau.streams.program import Partitioner, Topic


class Operator(Protocol):
    count: StepCount

    def process(self, batch: Batch) -> None: ...

    def advance(self, watermark: int) -> None:
        """The task's watermark is there now. Everything before it has been processed, here and in
        all steps before this one; those behind are told next."""
        ...

    @property
    def waits(self) -> bool:
        """Is there something that leaves when time goes on, whatever else comes?"""
        ...

    def again(self, key: Any, data: bytes, time: int) -> None:
        """Makes what leaves it of the parts that a dead letter holds. Raises LookupError where it
        makes nothing of parts."""
        ...


class Step:
    """The part that all operators share: those behind, and what is counted."""

    count = StepCount()  # nobody's; each operator of a task is given its own

    def __init__(self, following: Sequence[Operator]) -> None:
        self._following = following

    def _pass(self, batch: Batch) -> None:
        if len(batch):
            for one in self._following:
                one.process(batch)

    def _emit(self, made: Sequence[tuple[Any, Any, int]]) -> None:
        """(key, value, time) each, in the order of time."""
        if made:
            keys, values, times = zip(*made, strict=True)
            self._pass(Batch(keys, values, times, times, ()))

    def process(self, batch: Batch) -> None:
        self._pass(batch)

    def advance(self, watermark: int) -> None:
        """Nothing here waits for it."""

    @property
    def waits(self) -> bool:
        return False

    def again(self, key: Any, data: bytes, time: int) -> None:
        raise LookupError("the step makes nothing of what it keeps any more")


class Mapping(Step):
    def __init__(
        self, guard: Guard, function: Callable[[Any], Any], following: Sequence[Operator]
    ) -> None:
        super().__init__(following)
        self._guard = guard
        self._function = function

    def process(self, batch: Batch) -> None:
        batch, results = self._guard.map(self._function, batch)
        self._take(batch, results)

    def _take(self, batch: Batch, results: list[Any]) -> None:
        self._pass(batch.with_values(results))


class Filtering(Mapping):
    def _take(self, batch: Batch, results: list[Any]) -> None:
        self._pass(batch if all(results) else batch.where(results))


class Peeking(Mapping):
    def _take(self, batch: Batch, results: list[Any]) -> None:
        self._pass(batch)


class FlatMapping(Mapping):
    def process(self, batch: Batch) -> None:
        batch, many = self._guard.map(lambda value: _several(self._function(value)), batch)
        counts = list(map(len, many))

        def spread(column: Sequence[Any]) -> list[Any]:
            return list(chain.from_iterable(map(repeat, column, counts)))

        self._pass(
            Batch(
                spread(batch.keys),
                list(chain.from_iterable(many)),
                spread(batch.times),
                spread(batch.floors),
                spread(batch.offsets),
                batch.source,
            )
        )


def _several(made: Any) -> list[Any]:
    """Raises TypeError for one value that could be taken apart, into letters or names."""
    if isinstance(made, (str, bytes, Dict)):
        raise TypeError(f"flat_map: a list of values is wanted, and not one {type(made).__name__}")
    return list(made)


class Keying(Mapping):
    def process(self, batch: Batch) -> None:
        batch, keys = keys_of(self._guard, self._function, batch)
        self._pass(batch.with_keys(keys))


def keys_of(
    guard: Guard, function: Callable[[Any], Any], batch: Batch
) -> tuple[Batch, Sequence[Any]]:
    """What the function reads of the records of the batch that is returned with it: those whose
    key can be one. Raises StreamsError to stop."""

    def hashable(value: Any) -> Any:
        key = function(value)
        hash(key)
        return key

    good, keys = guard.map(function, batch)
    try:
        hash(tuple(keys))
    except TypeError:  # one of them can be no key
        return guard.map(hashable, good)
    return good, keys


class Sending(Step):
    """To a topic of the user's."""

    def __init__(
        self, guard: Guard, topic: Topic, outputs: list[Output], field: str | None = None
    ) -> None:
        """`field`: what they are keyed by there, in place of the key that they have."""
        super().__init__(())
        self._guard = guard
        self._field = field
        self.topic = topic.name
        self._encode = topic.format.encode
        self._key = topic.key_format
        self._outputs = outputs

    def process(self, batch: Batch) -> None:
        self._send(batch, [None] * len(batch))

    def take_back(self, key: Any, windows: Sequence[tuple[int, int]], watermark: int) -> None:
        """Of windows that it was told of, beginning and end each: a record without a value. Which
        window it is stand in its headers, for its key is that of all windows of the key."""
        times = [end - 1 for _, end in windows]
        nothing = [None] * len(windows)
        floors = [watermark] * len(windows)
        self.count.records += len(windows)
        self._send(
            Batch([key] * len(windows), nothing, times, floors, ()),
            [
                [("window_start", _text(first)), ("window_end", _text(end))]
                for first, end in windows
            ],
        )

    def _send(self, batch: Batch, headers: Sequence[list[Header] | None]) -> None:
        try:
            keys = batch.keys
            if self._field is not None:
                keys = list(map(self._keyed, keys, batch.values))
            written = encoded_keys(self._key, keys)
            values = encoded(self._encode, batch.values)
        except Exception:  # one of them cannot be written
            self._send_writable(batch, headers)
            return
        rows = zip(repeat(self.topic), repeat(None), written, values, batch.times, headers)
        self._outputs.extend(map(as_output, rows))

    def _keyed(self, key: Any, value: Any) -> Any:
        if value is None or self._field is None:
            return key
        return key_of(self.topic, self._field, value, "leave key= out, or give the value that")

    def _send_writable(self, batch: Batch, headers: Sequence[list[Header] | None]) -> None:
        def write(place: int) -> None:
            key, value = batch.keys[place], batch.values[place]
            key = key if self._field is None else self._keyed(key, value)
            if key is not None:
                self._key.encode(plain(key))
            if value is not None:
                self._encode(value)

        good = self._guard.each(write, batch)
        if any(good):
            self._send(batch.where(good), list(compress(headers, good)))


def _text(time: int) -> bytes:
    """As JSON has it."""
    return utc(time).isoformat().replace("+00:00", "Z").encode()


class Origin:
    """Who a frame speaks for: a source partition, or a task for what its own steps make of many.
    `watermark` is behind all that it has sent."""

    __slots__ = ("idle", "name", "partition", "watermark")

    def __init__(self, name: str, partition: int) -> None:
        self.name = name
        self.partition = partition
        self.watermark = BEFORE_ALL
        self.idle = False


class Repartitioning(Step):
    """To the partitions of an internal topic, by key; a record without key goes nowhere, or with
    `keeps_no_key` to the partition that it comes from.

    `origin` is set by the task before each batch. What has no offset in a source is numbered: its
    order does not depend on the sizes of batches, so a repetition is recognised by its number.
    """

    def __init__(
        self,
        topic: str,
        partitions: int,
        frames: FrameFormat,
        key: Format,
        outputs: list[Output],
        guard: Guard,
        *,
        keeps_no_key: bool = False,
        partitioner: Partitioner = "murmur2",
    ) -> None:
        super().__init__(())
        self.topic = topic
        self._partitions = partitions
        self._frames = frames
        self._outputs = outputs
        self._guard = guard
        self._places = Places(PLACES[partitioner], key, partitions)
        self._announced: dict[Origin, tuple[int, bool]] = {}
        self._keeps_no_key = keeps_no_key
        self._waiting: list[Batch] = []
        self.origin: Origin | None = None
        self.sent = 0  # of the task's own records

    def process(self, batch: Batch) -> None:
        if batch.offsets:
            self._waiting.append(batch)
            return
        offsets = range(self.sent, self.sent + len(batch))
        self.sent += len(batch)
        self._frame(batch, offsets)

    def flush(self) -> None:
        """All that comes of some source records has come, by whatever ways: it goes out together,
        because who has seen one of an offset takes no other."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            batch = waiting[0] if len(waiting) == 1 else _by_offset(waiting)
            self._frame(batch, batch.offsets)

    def _frame(self, batch: Batch, offsets: Sequence[int]) -> None:
        """As frames, one for each partition that it has records for."""
        origin = self.origin
        assert origin is not None
        self._places[None] = origin.partition % self._partitions if self._keeps_no_key else NOWHERE
        sent = len(self._outputs)
        try:
            self._send_all(batch, offsets, origin)
        except Exception:  # one of them cannot be written
            del self._outputs[sent:]
            good = self._guard.each(partial(self._write, batch), batch)
            self._send_all(batch.where(good), list(compress(offsets, good)), origin)

    def _send_all(self, batch: Batch, offsets: Sequence[int], origin: Origin) -> None:
        keys = all_typed(batch.keys)
        batch = Batch(keys, batch.values, batch.times, batch.floors, offsets)
        for place, part in batch.split(list(map(self._places.__getitem__, batch.keys))):
            if place != NOWHERE:
                self._send(place, origin, origin.watermark, part)

    def _write(self, batch: Batch, place: int) -> None:
        """Raises what writing that record does."""
        key, value = batch.keys[place], batch.values[place]
        self._places[typed(key)]
        self._frames.encode(Frame("", 0, 0, False, [key], [value], [0], [0], [0]))

    def announce(self, origin: Origin) -> None:
        """Tells every partition how far the origin is, if it is farther than was said."""
        now = (origin.watermark, origin.idle)
        if self._announced.get(origin) != now:
            self._announced[origin] = now
            for place in range(self._partitions):
                self._send(place, origin, origin.watermark, EMPTY)

    def _send(self, place: int, origin: Origin, watermark: int, batch: Batch) -> None:
        frame = Frame(
            origin.name,
            origin.partition,
            watermark,
            origin.idle,
            list(batch.keys),
            list(batch.values),
            list(batch.times),
            list(batch.floors),
            list(batch.offsets),
        )
        data = self._frames.encode(frame)
        middle = _middle(batch.offsets) if len(data) > MOST_BYTES else 0
        if not middle:
            self._outputs.append(Output(self.topic, place, None, data, None))
            return
        first = [at < middle for at in range(len(batch))]
        until = min(watermark, batch.floors[middle])  # more comes behind it
        self._send(place, origin, until, batch.where(first))
        self._send(place, origin, watermark, batch.where([not one for one in first]))


NOWHERE = -1
_MOST_PLACES = 100_000
MOST_BYTES = 500_000  # of a frame that can be cut


def _by_offset(batches: Sequence[Batch]) -> Batch:
    """One of several that were made of the same source records."""
    rows: list[Any] = []
    for one in batches:
        rows += zip(one.keys, one.values, one.times, one.floors, one.offsets, strict=True)
    rows.sort(key=itemgetter(4))
    keys, values, times, floors, offsets = zip(*rows, strict=True)
    return Batch(keys, values, times, floors, offsets, batches[0].source)


def _middle(offsets: Sequence[int]) -> int:
    """Where to cut, so that what was made of one record stays together; 0: nowhere."""
    half = len(offsets) // 2
    cuts = (at for at in range(1, len(offsets)) if offsets[at] != offsets[at - 1])
    return min(cuts, key=lambda at: abs(at - half), default=0)


class Places(dict[Any, int]):
    """Where keys (`keys.py`) lie: most come again and again."""

    def __init__(self, place_of: Callable[[bytes, int], int], key: Format, partitions: int) -> None:
        super().__init__()
        self._place_of = place_of
        self._encode = key.encode
        self._partitions = partitions

    def __missing__(self, key: Any) -> int:
        if len(self) > _MOST_PLACES:
            none = self[None]
            self.clear()
            self[None] = none
        place = self[key] = self._place_of(self._encode(plain(key)), self._partitions)
        return place
