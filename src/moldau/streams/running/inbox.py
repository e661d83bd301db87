"""What was polled, and is not taken yet.

A record of a repartition topic is a frame that holds many. So of such a topic a task is given a
part at a time: else one poll could bring millions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import accumulate

from confluent_kafka import Message

from moldau.streams.running.polled import Place

MOST_BYTES = 1 << 20  # of frames that are taken at once; one is taken, whatever its size


class Inbox:
    def __init__(self, framed: Collection[str]) -> None:
        """`framed`: the topics that hold frames."""
        self._framed = framed
        self._left: dict[Place, list[Message]] = {}

    @property
    def places(self) -> set[Place]:
        """Of these there is something left, so there is no need to read on."""
        return set(self._left)

    def parts(self, polled: Mapping[Place, list[Message]]) -> Iterator[tuple[Place, list[Message]]]:
        """What is to be taken now."""
        for place, messages in polled.items():
            if place[0] in self._framed:
                self._left.setdefault(place, []).extend(messages)
            else:
                yield place, messages
        for place, messages in list(self._left.items()):
            cut = _cut(messages)
            if cut < len(messages):
                self._left[place] = messages[cut:]
            else:
                del self._left[place]
            yield place, messages[:cut]

    def dropped(self, places: Iterable[Place]) -> None:
        """They are others' now."""
        for place in places:
            self._left.pop(place, None)


def _cut(messages: list[Message]) -> int:
    return max(1, sum(size <= MOST_BYTES for size in accumulate(map(len, messages))))
