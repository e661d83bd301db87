"""How the demo's producers and consumers are set up, the same for every stage."""

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

BATCH = 5_000
POLL_SECONDS = 0.1
SESSION_SECONDS = 10


def producer_config(bootstrap_servers: str) -> dict[str, str | int | bool]:
    """Nothing lost, nothing twice, keys where Java puts them."""
    return {
        "bootstrap.servers": bootstrap_servers,
        "acks": "all",
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "linger.ms": 5,
        "queue.buffering.max.kbytes": 32 * 1024,
        "log_level": 0,
    }


def consumer_config(bootstrap_servers: str, group: str) -> dict[str, str | int | bool]:
    """Readers commit themselves if at all, and read from the start."""
    return {
        "bootstrap.servers": bootstrap_servers,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "session.timeout.ms": SESSION_SECONDS * 1_000,
        # Members learn of a rebalance with a heartbeat: by default every three seconds.
        "heartbeat.interval.ms": 500,
        # Bounded memory, however far a reader is behind; and no pause when the queue is full.
        "queued.max.messages.kbytes": 8 * 1024,
        "fetch.queue.backoff.ms": 10,
        "log_level": 0,
    }


def must_be_record(message: Message) -> Message:
    """Raises KafkaException when what was polled is an error that librdkafka gave up on."""
    error = message.error()
    if error is not None:
        raise KafkaException(error)
    return message


# The group is being rearranged: what was not committed is read again by who gets it.
_REARRANGING = {
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
}


def commit(consumer: Consumer, offsets: list[TopicPartition]) -> bool:
    """Commit and wait; False when a rebalance is in the way, KafkaException when it is worse."""
    try:
        consumer.commit(offsets=offsets, asynchronous=False)
    except KafkaException as error:
        if error.args[0].code() not in _REARRANGING:
            raise
        return False
    return True


class Sender:
    """A producer whose `flush` returns only when everything sent before is acknowledged."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._producer = Producer(producer_config(bootstrap_servers))
        self._refused: KafkaError | None = None

    def send(
        self,
        topic: str,
        value: bytes,
        key: str | None = None,
        partition: int = -1,
        timestamp: int = 0,
    ) -> None:
        while True:
            try:
                self._producer.produce(
                    topic, value, key, partition, self._delivered, timestamp=timestamp
                )
                return
            except BufferError:
                # The local queue is full: let deliveries make room.
                self._producer.poll(POLL_SECONDS)

    def flush(self) -> None:
        """Raises KafkaException when a record was refused for good."""
        self._producer.flush()
        if self._refused is not None:
            raise KafkaException(self._refused)

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._refused = error
