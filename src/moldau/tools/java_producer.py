"""librdkafka's producer, behaving as Java's does: it waits for the topic before it takes a record,
and refuses records that are too large before they are sent.

Apache Kafka: clients/…/producer/KafkaProducer.java, 4.3.1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from moldau.client.errors import BadSettings, KafkaError, Refused
from moldau.protocol.errors import ErrorCode
from moldau.tools.cut_batches import ALONE, CutBatches
from moldau.tools.led_partitions import LedPartitions

if TYPE_CHECKING:
    from moldau.tools.client_metrics import ClientMetrics

Headers = Sequence[tuple[str, bytes | None]]
# Why a record was not delivered, or None; and the message as librdkafka gives it back.
OnDelivery = Callable[[KafkaError | None, Any], None]
# What Java does itself and librdkafka has no config for.
_OURS = {"max.block.ms": "60000", "max.request.size": "1048576"}
_DEFAULTS = {**_OURS, "buffer.memory": "33554432", "batch.size": "16384"}
_PAUSE_S = 0.1
_SOON_S = 0.005
_FIRST_ANSWER_S = 0.5
_LONGEST_ANSWER_S = 4.0
_ERRORS = "org.apache.kafka.common.errors."


class JavaProducer:
    """One producer; records may go to several topics."""

    def __init__(
        self,
        typed: Mapping[str, str],
        defaults: Mapping[str, str],
        say: Callable[[str], None],
        metrics: ClientMetrics | None = None,
    ) -> None:
        """Raises BadSettings."""
        from confluent_kafka import KafkaException, Producer

        from moldau.tools.java_client import librdkafka_config

        self._say = say
        config = librdkafka_config(typed, defaults, "producer", say, handled=_OURS)
        chosen = {**_DEFAULTS, **defaults, **typed}
        self._max_block_s = int(chosen["max.block.ms"]) / 1000
        self._max_request = int(chosen["max.request.size"])
        self._memory = int(chosen["buffer.memory"])
        self._batch = int(chosen["batch.size"])
        self._servers = chosen["bootstrap.servers"]
        self._known: set[str] = set()
        self._invalid: set[str] = set()
        self._wants_id = str(config.get("enable.idempotence", "")).lower() == "true"
        self._has_told = False
        config["error_cb"] = self._on_error
        try:
            told = {} if metrics is None else metrics.config
            self.handle = Producer({**config, **told})
        except KafkaException as error:
            raise BadSettings(error.args[0].str()) from None
        is_transactional = bool(config.get("transactional.id"))
        alone = None if is_transactional else lambda: Producer({**config, **ALONE})
        self._sending = CutBatches(self.handle, alone)
        self._led = LedPartitions(self.handle, self._batch)

    def send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        on_delivery: OnDelivery,
        headers: Headers = (),
        timestamp: int | None = None,
    ) -> None:
        """Hands a record over; what cannot be is told to `on_delivery` before this returns.

        Raises BadSettings when the producer is in no state to send.
        """
        from confluent_kafka import KafkaException

        why = self._wait_for(topic) or self._too_large(value, key, headers)
        if why is not None:
            on_delivery(why, None)
            return
        if self._batch > self._memory:
            raise BadSettings(
                f"Attempt to allocate {self._batch} bytes, but there is a hard limit of "
                f"{self._memory} on memory allocations: make batch.size smaller than buffer.memory."
            )
        options: dict[str, Any] = {} if timestamp is None else {"timestamp": timestamp}
        if headers:
            options["headers"] = list(headers)
        if key is None and (led := self._led.choose(topic, len(value or b""))) is not None:
            options["partition"] = led

        def delivered(error: Any, message: Any) -> None:
            on_delivery(_in_java(error), message)

        try:
            self._sending.produce(topic, value, key, delivered, options)
        except KafkaException as error:
            if error.args[0].code() != ErrorCode.MESSAGE_TOO_LARGE:
                raise BadSettings(error.args[0].str()) from None
            on_delivery(_in_java(error.args[0]), None)

    def _too_large(
        self, value: bytes | None, key: bytes | None, headers: Headers
    ) -> KafkaError | None:
        """Java's word for a record that is larger than the producer may send."""
        size = _batch_size(value, key, headers)
        if size > self._max_request:
            limit = f"{self._max_request}, which is the value of the max.request.size configuration"
        elif size > self._memory:
            limit = (
                "the total memory buffer you have configured with the buffer.memory configuration"
            )
        else:
            return None
        return KafkaError(
            f"The message is {size} bytes when serialized which is larger than {limit}.",
            java_class=f"{_ERRORS}RecordTooLargeException",
        )

    def _wait_for(self, topic: str) -> KafkaError | None:
        """Until the cluster knows the topic, making it when it may; why not, after max.block.ms."""
        if topic in self._known:
            return None
        if topic in self._invalid:
            return _invalid(topic)  # all that Java says of it from the second time on
        from confluent_kafka import KafkaException

        deadline = time.monotonic() + self._max_block_s
        # Between two questions errors are told, and Ctrl-C is heard; a slow cluster gets time.
        patience = _FIRST_ANSWER_S
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                wait_ms = round(self._max_block_s * 1000)
                text = f"Topic {topic} not present in metadata after {wait_ms} ms."
                return KafkaError(text, java_class=f"{_ERRORS}TimeoutException")
            try:
                known = self.handle.list_topics(topic, min(patience, left)).topics
                error = known[topic].error
            except KafkaException:
                self.handle.poll(0)
                patience = min(2 * patience, _LONGEST_ANSWER_S)
                continue
            if error is None:
                self._known.add(topic)
                self._led.learn(topic, known[topic].partitions)
                self._hasten(topic, patience)
                return None
            if error.code() == ErrorCode.INVALID_TOPIC_EXCEPTION:
                self._invalid.add(topic)
                return _invalid(f"Invalid topics: [{topic}]")
            time.sleep(min(_PAUSE_S, max(0.0, left)))

    def _hasten(self, topic: str, patience: float) -> None:
        """librdkafka looks for a broker to have its producer id from when it hears of topics, and
        else every half second. When it first heard of one, it had just given up its connection to
        the bootstrap server, and had no other yet."""
        from confluent_kafka import KafkaException

        wants_id, self._wants_id = self._wants_id, False
        deadline = time.monotonic() + _FIRST_ANSWER_S
        while wants_id and time.monotonic() < deadline:
            try:
                self.handle.list_topics(topic, patience)
                return
            except KafkaException:  # asked by the connection that was just being given up
                time.sleep(_SOON_S)

    def flush(self) -> None:
        self._sending.flush()

    def _on_error(self, error: Any) -> None:
        from confluent_kafka import KafkaError

        is_silent = error.code() == KafkaError._ALL_BROKERS_DOWN and not self._known
        if is_silent and not self._has_told:
            self._has_told = True
            self._say(
                f"Nothing answers on {self._servers}; trying for {self._max_block_s:.0f} s. "
                "Start a broker (`moldau up`), or name another with --bootstrap-server."
            )


def _in_java(error: Any) -> KafkaError | None:
    """What Java says: the broker's errors have numbers, librdkafka's own are below them."""
    from confluent_kafka import KafkaError as Their

    if error is None:
        return None
    if error.code() >= ErrorCode.UNKNOWN_SERVER_ERROR:
        return Refused(error.code())
    is_late = error.code() == Their._MSG_TIMED_OUT
    kind = f"{_ERRORS}TimeoutException" if is_late else KafkaError.java_class
    return KafkaError(error.str(), java_class=kind)


def _invalid(text: str) -> KafkaError:
    return KafkaError(text, java_class=f"{_ERRORS}InvalidTopicException")


def _batch_size(value: bytes | None, key: bytes | None, headers: Headers) -> int:
    """Java's upper bound for a batch of this one record."""
    size = 61 + 21 + _field_size(key) + _field_size(value) + _varint_size(len(headers))
    return size + sum(_field_size(name.encode()) + _field_size(data) for name, data in headers)


def _field_size(data: bytes | None) -> int:
    return 1 if data is None else _varint_size(len(data)) + len(data)


def _varint_size(value: int) -> int:
    """Of a zig-zag varint."""
    return -(-max(1, (value << 1).bit_length()) // 7)
