"""A broker that finds a batch too large refuses all that is in it. Java's producer cuts it into
smaller ones; librdkafka gives up each of its records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moldau.protocol.errors import ErrorCode

ALONE = {"batch.num.messages": 1, "linger.ms": 0}
_PAUSE_S = 0.1

# librdkafka's error, or None; and the message as it gives it back, or None.
Delivered = Callable[[Any, Any], None]


class CutBatches:
    """A producer of which such records go again, each by itself, through another that is made when
    it is needed. `alone` makes it, as ALONE says; None: a transaction has one producer only."""

    def __init__(self, handle: Any, alone: Callable[[], Any] | None) -> None:
        self._handle = handle
        self._make_alone = alone
        self._alone: Any = None

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        delivered: Delivered,
        options: dict[str, Any],
    ) -> None:
        """Hands a record over as soon as there is room. `options` are those of librdkafka's
        produce. Raises KafkaException, and OverflowError."""
        from confluent_kafka import KafkaException

        def first(error: Any, message: Any) -> None:
            is_cut = error is not None and error.code() == ErrorCode.MESSAGE_TOO_LARGE
            if not is_cut or self._make_alone is None:
                delivered(error, message)
                return
            again = {**options, "partition": message.partition(), **_time(message)}
            try:
                _hand_over(self._other(self._make_alone), topic, value, key, delivered, again)
            except KafkaException as refused:
                delivered(refused.args[0], message)

        _hand_over(self._handle, topic, value, key, first, options)
        if self._alone is not None:
            self._alone.poll(0)

    def _other(self, make: Callable[[], Any]) -> Any:
        if self._alone is None:
            self._alone = make()
        return self._alone

    def flush(self, timeout_s: float = -1) -> None:
        """Of the first, some may come back to be sent alone. -1: for as long as it takes."""
        self._handle.flush(timeout_s)
        if self._alone is not None:
            self._alone.flush(timeout_s)


def _time(message: Any) -> dict[str, Any]:
    """That of the record, which may be when it was first handed over."""
    kind, timestamp = message.timestamp()
    return {"timestamp": timestamp} if kind else {}


def _hand_over(
    handle: Any,
    topic: str,
    value: bytes | None,
    key: bytes | None,
    delivered: Delivered,
    options: dict[str, Any],
) -> None:
    while True:
        try:
            handle.produce(topic, value, key, on_delivery=delivered, **options)
        except BufferError:
            handle.poll(_PAUSE_S)
        else:
            handle.poll(0)
            return
