"""Do the keys of a topic lie where its partitioner would have put them? Where they do not, a join
finds nothing, silently (promise 13): librdkafka and Java place the same key differently."""

from __future__ import annotations

from collections.abc import Sequence

from moldau.streams.engine.placing import PLACES
from moldau.streams.errors import StreamsError
from moldau.streams.program import Topic

SAMPLE = 1000


class Placement:
    """Of one partition: looks at its first records."""

    def __init__(self, topic: Topic, partition: int, partitions: int, *, joins: bool) -> None:
        """`joins`: else a function looks into a table beside it."""
        self._topic = topic
        self._partition = partition
        self._partitions = partitions
        self._joins = joins
        self._left = SAMPLE if partitions > 1 else 0

    def check(self, keys: Sequence[bytes | None]) -> None:
        """Raises StreamsError."""
        if not self._left:
            return
        sample = keys[: self._left]
        self._left -= len(sample)
        place_of = PLACES[self._topic.partitioner]
        for key in sample:
            if key is not None and place_of(key, self._partitions) != self._partition:
                raise StreamsError(self._said(key))

    def _said(self, key: bytes) -> str:
        name, count = self._topic.name, self._partitions
        use = "joined by its key" if self._joins else "met by key where a function looks it up"
        start = f"{name} is {use}, and {key!r} lies in partition {self._partition}"
        for partitioner, place_of in PLACES.items():
            if place_of(key, count) == self._partition:
                return (
                    f"{start}, where {partitioner} puts it and {self._topic.partitioner} does not: "
                    f"say topic({name!r}, partitioner={partitioner!r}) of this and of what it "
                    f"meets, or {self._otherwise}"
                )
        return f"{start}, where no partitioner puts it that is known here: {self._by_field}"

    @property
    def _otherwise(self) -> str:
        if self._joins:
            return "join by a field (on=) that it is not keyed by"
        return "look into a global table (app.global_table), which has every key everywhere"

    @property
    def _by_field(self) -> str:
        if self._joins:
            return "leave out key= of the topic and join by the field (on=), which repartitions it"
        return "bring the records to their key (key_by), or look into a global table"
