"""Outputs are given to a producer by column. Its call is for one record: a loop of ours around that
took a tenth more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import repeat, starmap
from operator import length_hint
from typing import Any

from confluent_kafka import KafkaException

from moldau.streams.engine.outputs import Output

AT_ONCE = 500  # of what is refused, those behind it are taken up again


def produced(
    produce: Callable[..., object], outputs: Sequence[Output], reported: Callable[..., None]
) -> tuple[int, BufferError | KafkaException | None]:
    """How many of the first are with the producer, in order; and why the next one is not.
    `reported`: takes reports of delivery, and what is not in those."""
    some = outputs[:AT_ONCE]
    topics, partitions, keys, values, times, headers = zip(*some, strict=True)
    left = iter(topics)
    reports: Iterable[Any] = repeat(reported)
    if any(headers) or set(partitions) != {None}:
        reports = map(partial(_report, reported), partitions, headers)
    rows = zip(
        left,
        values,
        keys,
        [-1 if one is None else one for one in partitions],
        reports,
        repeat(None),
        [time or 0 for time in times],  # 0: now
        headers,
    )
    try:
        # By position: names cost as much as the rest of the call.
        deque(starmap(produce, rows), maxlen=0)
    except (BufferError, KafkaException) as error:
        return len(some) - length_hint(left) - 1, error
    return len(some), None


def _report(reported: Callable[..., None], partition: int | None, headers: Any) -> Any:
    if not headers and partition is None:
        return reported
    return partial(reported, headers=headers, partition=partition)
