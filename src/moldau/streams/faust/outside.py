"""What a program sends and hears where no worker does it: in commands, scripts, web servers."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from moldau.streams.engine.outputs import Output
from moldau.streams.errors import StreamsError
from moldau.streams.running.internal_topics import TIMEOUT_S, make

if TYPE_CHECKING:
    from moldau.streams.faust.app import App

Heard = Callable[[bytes | None], None]
POLL_S = 0.005
FLUSH_S = 30
_REPLIES = {"retention.ms": "3600000"}  # nobody waits for an answer so long


class RecordMetadata(NamedTuple):
    """Where a record went. `timestamp` in s since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: float


class Delivery:
    """Of a record that is under way: `await` it to know that it has arrived."""

    def __init__(self, poll: Callable[[float], int]) -> None:
        self._poll = poll
        self._error: KafkaError | None = None
        self._message: Message | None = None

    def reported(self, error: KafkaError | None, message: Message) -> None:
        self._error, self._message = error, message

    def __await__(self) -> Generator[Any, None, RecordMetadata]:
        return self._arrived().__await__()

    async def _arrived(self) -> RecordMetadata:
        while self._message is None:
            self._poll(0)
            await asyncio.sleep(POLL_S)
        if self._error is not None:
            raise StreamsError(f"{self._message.topic()}: not sent: {self._error.str()}")
        sent = self._message
        return RecordMetadata(
            sent.topic() or "", sent.partition() or 0, sent.offset() or 0, sent.timestamp()[1] / 1e3
        )


class Outside:
    """The clients of a process, made when they are first needed."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._producer: Producer | None = None
        self._failed: list[str] = []
        self._listening: asyncio.Task[None] | None = None
        self._consumer: Consumer | None = None

    # --- to it ------------------------------------------------------------------------------

    def send(self, output: Output) -> Delivery:
        """What nobody awaits is sent by the end of the process."""
        if self._producer is None:
            settings = {**self._app.core.client_settings, "partitioner": "murmur2_random"}
            self._producer = Producer(settings)
            atexit.register(self._producer.flush, FLUSH_S)
        delivery = Delivery(self._producer.poll)

        def reported(error: KafkaError | None, message: Message) -> None:
            delivery.reported(error, message)
            if error is not None:
                self._failed.append(f"{output.topic}: {error.str()}")

        self._producer.produce(
            output.topic,
            output.value,
            output.key,
            -1 if output.partition is None else output.partition,
            on_delivery=reported,
            timestamp=output.timestamp or 0,
            headers=output.headers,
        )
        self._producer.poll(0)
        return delivery

    def flush(self) -> None:
        """Raises StreamsError for what was not sent."""
        left = 0 if self._producer is None else self._producer.flush(FLUSH_S)
        failed, self._failed = self._failed, []
        if left or failed:
            raise StreamsError(f"not sent: {failed[0] if failed else f'no answer in {FLUSH_S} s'}")

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()

    # --- from it ----------------------------------------------------------------------------

    def listen(self, topic: str, heard: Heard, is_wanted: Callable[[], bool]) -> None:
        """Tells of every record that comes from now on, on this event loop, while it is wanted."""
        if self._consumer is None:
            self._consumer = self._at_the_end_of(topic)
        if self._listening is None or self._listening.done():
            loop = asyncio.get_running_loop()
            self._listening = loop.create_task(self._follow(self._consumer, heard, is_wanted))

    async def _follow(
        self, consumer: Consumer, heard: Heard, is_wanted: Callable[[], bool]
    ) -> None:
        while is_wanted():
            for message in consumer.consume(100, 0):
                if message.error() is None:
                    heard(message.value())
            if self._producer is not None:
                self._producer.poll(0)
            await asyncio.sleep(POLL_S)

    def _at_the_end_of(self, topic: str) -> Consumer:
        """Raises StreamsError."""
        settings = self._app.core.client_settings
        try:
            make(AdminClient(settings), [NewTopic(topic, 1, -1, config=_REPLIES)])
            consumer = Consumer(
                {
                    **settings,
                    "group.id": f"{self._app.id}-replies",  # has no members
                    "enable.auto.commit": False,
                    "isolation.level": "read_committed",
                    "fetch.wait.max.ms": 100,
                }
            )
            place = TopicPartition(topic, 0)
            _, place.offset = consumer.get_watermark_offsets(place, TIMEOUT_S)
            consumer.assign([place])
        except KafkaException as error:
            servers = self._app.core.bootstrap_servers
            raise StreamsError(
                f"{topic}: {servers} does not answer ({error.args[0].str()})"
            ) from None
        return consumer
