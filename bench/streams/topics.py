"""The topics of the bench: full of sales before a program is started, and shared by all."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from bench.streams import sales
from bench.streams.cases import Case
from bench.unit import MeasureError
from moldau.streams.engine.placing import partition_of

GIVE_UP_S = 60.0
_TABLE_MS = sales.BEGIN_MS - 3_600_000


class Topics:
    """Of one broker."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
        self._made: set[str] = set()

    def sales(self, case: Case, count: int) -> str:
        name = f"sales-{count}-{case.partitions}p{'-keyed' if case.keyed else ''}"
        if name not in self._made:
            self._create(name, case.partitions)
            self._fill(name, count, case)
            self._made.add(name)
        return name

    def table(self, partitions: int) -> str:
        """A row for each category, from before the first sale."""
        name = f"factors-{partitions}p"
        if name not in self._made:
            self._create(name, partitions)
            rows = [
                (one.encode(), f'{{"category":"{one}","factor":{sales.factor(one)}}}'.encode())
                for one in sales.CATEGORIES
            ]
            self._produce(
                name,
                ((key, value, partition_of(key, partitions), _TABLE_MS) for key, value in rows),
            )
            self._made.add(name)
        return name

    def output(self, name: str, partitions: int) -> str:
        self._create(name, partitions)
        return name

    def drop(self, name: str) -> None:
        self._admin.delete_topics([name])[name].result(GIVE_UP_S)

    def _create(self, name: str, partitions: int) -> None:
        # The sales are of a fixed day: they must not be too old for their topic.
        config = {"retention.ms": "-1"}
        new = NewTopic(name, partitions, 1, config=config)
        self._admin.create_topics([new])[name].result(GIVE_UP_S)

    def _fill(self, name: str, count: int, case: Case) -> None:
        places = {one: partition_of(one.encode(), case.partitions) for one in sales.CATEGORIES}
        keys = {one: one.encode() for one in sales.CATEGORIES}

        def records() -> Iterable[tuple[bytes | None, bytes, int, int]]:
            for number, value in enumerate(sales.values(count)):
                time = sales.time_ms(number)
                if case.keyed:
                    category = sales.category(number)
                    yield keys[category], value, places[category], time
                else:
                    yield None, value, number % case.partitions, time

        self._produce(name, records())

    def _produce(self, name: str, records: Iterable[tuple[bytes | None, bytes, int, int]]) -> None:
        producer = Producer(
            {
                "bootstrap.servers": self.address,
                "linger.ms": 20,
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": 1_000_000,
            }
        )
        produce = producer.produce
        for number, (key, value, partition, time) in enumerate(records):
            while True:
                try:
                    produce(name, value, key, partition, timestamp=time)
                    break
                except BufferError:
                    producer.poll(0.05)
            if number % 10_000 == 0:
                producer.poll(0)
        if producer.flush(GIVE_UP_S):
            raise MeasureError(f"{name} was not filled in {GIVE_UP_S:.0f} s")
