"""Outputs on their way to a producer, many at once."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from moldau.streams.engine.outputs import Header, Output
from moldau.streams.running.producing import AT_ONCE, produced


def reported(*of: Any, headers: Any = None, partition: int | None = None) -> Any:
    return headers, partition


class Producer:
    """Takes all but those at some places."""

    def __init__(self, refuses: dict[int, Exception]) -> None:
        self.taken: list[tuple[Any, ...]] = []
        self._refuses = refuses
        self._calls = 0

    def produce(self, *row: Any) -> None:
        self._calls += 1
        if self._calls - 1 in self._refuses:
            raise self._refuses[self._calls - 1]
        self.taken.append(row)


def test_each_field_goes_where_the_producer_has_it() -> None:
    headers: list[Header] = [("of", b"x")]
    outputs = [
        Output("out", None, b"key", b"value", None),
        Output("other", 0, None, None, 7, headers),
    ]
    producer = Producer({})
    assert produced(producer.produce, outputs, reported) == (2, None)
    one, other = producer.taken
    assert one == ("out", b"value", b"key", -1, reported, None, 0, None)
    assert other[:4] == ("other", None, None, 0)
    assert other[5:] == (None, 7, headers)
    assert other[4](None, None) == (headers, 0)


@pytest.mark.parametrize("error", [BufferError(), KafkaException(KafkaError(1))])
@pytest.mark.parametrize("place", [0, 1, 4])
def test_it_is_told_which_one_was_not_taken(place: int, error: Exception) -> None:
    outputs = [Output("out", None, b"%d" % number, b"", 1) for number in range(5)]
    producer = Producer({place: error})
    assert produced(producer.produce, outputs, reported) == (place, error)
    assert [row[2] for row in producer.taken] == [one.key for one in outputs[:place]]


def test_what_else_it_raises_is_raised() -> None:
    with pytest.raises(KeyError):
        produced(Producer({0: KeyError()}).produce, [Output("out", None, b"", b"", 1)], reported)


def test_of_many_only_so_many_are_given_at_once() -> None:
    outputs = [Output("out", None, b"", b"", 1)] * (AT_ONCE + 1)
    assert produced(Producer({}).produce, outputs, reported) == (AT_ONCE, None)
