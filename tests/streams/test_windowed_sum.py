"""The first path through the engine: a windowed sum, with a virtual clock and on a broker."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.client.admin import Admin
from moldau.client.offsets import EARLIEST, LATEST, list_offsets
from moldau.streams.errors import DefinitionError, StreamsError
from moldau.streams.running.worker import Worker
from tests.streams.sales import KEEPING, revenue, row, sale


@pytest.mark.parametrize("key", [None, "category"])
def test_a_window_closes_by_event_time_and_once(key: str | None) -> None:
    app = revenue(key=key)
    with moldau.testing.run(app) as t:
        t["sales"].send(sale(0), sale(59, "toys"), sale(30))
        t["sales"].send(sale(69.999))
        assert t["revenue-per-minute"].values() == []
        t["sales"].send(sale(70))
        expected = [row(0, "books", "2.20", 2), row(0, "toys", "1.10", 1)]
        assert t["revenue-per-minute"].values() == expected
        t["sales"].send(sale(59))  # late by then
        t.end()
        assert t["revenue-per-minute"].values() == [*expected, row(1, "books", "2.20", 2)]


def test_silence_closes_the_last_windows() -> None:
    with moldau.testing.run(revenue(close_after_silence="5s")) as t:
        t["sales"].send(sale(0))
        t.advance("4s")
        assert t["revenue-per-minute"].values() == []
        t.advance("66s")
        assert t["revenue-per-minute"].values() == [row(0, "books", "1.10", 1)]


def test_promise_04_a_quiet_partition_does_not_hold_the_others_back() -> None:
    with moldau.testing.run(revenue(idle_after="5s"), partitions=2) as t:
        t["sales"].send(sale(0), partition=0)
        t["sales"].send(sale(1), partition=1)
        t.advance("4s")
        t["sales"].send(sale(70), partition=0)
        assert t["revenue-per-minute"].values() == []
        t.advance("1s")
        assert t["revenue-per-minute"].values() == [row(0, "books", "2.20", 2)]
        t["sales"].send(sale(2), sale(71), partition=1)  # what is closed is closed
        t.end()
        assert t["revenue-per-minute"].values()[1:] == [row(1, "books", "2.20", 2)]


def test_silence_closes_also_where_all_is_idle() -> None:
    with moldau.testing.run(revenue(idle_after="5s", close_after_silence="9s"), partitions=2) as t:
        t["sales"].send(sale(0), partition=0)  # the other never had a record
        t.advance("8s")
        assert t["revenue-per-minute"].values() == []
        t.advance("62s")
        assert t["revenue-per-minute"].values() == [row(0, "books", "1.10", 1)]


def test_promise_04_nor_does_one_whose_time_goes_on_by_silence() -> None:
    app = revenue(idle_after="5s", close_after_silence="9s")
    with moldau.testing.run(app, partitions=2) as t:
        t["sales"].send(sale(0), partition=0)
        t["sales"].send(sale(1), partition=1)
        t.advance("20s")  # the quiet one is 11 s into the first minute, and goes on
        t["sales"].send(sale(1800), partition=0)
        t.advance("1s")
        assert t["revenue-per-minute"].values() == [row(0, "books", "2.20", 2)]


def test_promise_05_where_all_are_idle_the_farthest_closes_its_own() -> None:
    app = revenue(idle_after="5s", close_after_silence="9s")
    with moldau.testing.run(app, partitions=2) as t:
        t["sales"].send(sale(1800), partition=0)
        t["sales"].send(sale(0), partition=1)
        t.advance("8s")
        assert t["revenue-per-minute"].values() == []
        t.advance("62s")
        assert t["revenue-per-minute"].values() == [
            row(0, "books", "1.10", 1),
            row(30, "books", "1.10", 1),
        ]


def test_a_field_that_is_not_there_is_named_with_the_nearest() -> None:
    app = moldau.App("x")
    topic = app.topic("sales", type(sale(0)))
    with pytest.raises(DefinitionError, match="no field 'categry'; did you mean 'category'"):
        app.stream(topic).group_by("categry")


@pytest.mark.parametrize(("partitions", "key"), [(1, "category"), (3, None)])
@pytest.mark.slow
def test_on_a_broker_nothing_is_lost_or_counted_twice(partitions: int, key: str | None) -> None:
    count = 20_000
    with moldau.Broker(config=KEEPING) as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        admin.create_topics([NewTopic("sales", partitions, 1)])["sales"].result(10)
        producer = Producer(
            {"bootstrap.servers": broker.bootstrap_servers, "partitioner": "murmur2_random"}
        )
        for i in range(count):
            one = sale(i / 100, f"category-{i % 7}")
            producer.produce("sales", msgspec.json.encode(one), one.category)
        producer.flush()
        Worker(revenue(broker.bootstrap_servers, key=key, until="end")).run()
        results = read(broker.bootstrap_servers, "revenue-per-minute")
        with Admin(broker.bootstrap_servers) as asked:
            cut = [] if key else [("revenue-agg-1-repartition", n) for n in range(partitions)]
            ends = list_offsets(asked, cut, LATEST)
            assert list_offsets(asked, cut, EARLIEST) == ends  # promise 9
            assert all(ends.values())
    assert len(results) == 7 * 4
    assert sum(one["orders"] for one in results) == count
    assert sum(Decimal(one["revenue"]) for one in results) == Decimal("1.10") * count


@pytest.mark.slow
def test_a_program_that_has_read_to_the_end_refuses_to_leave_out_what_came_since() -> None:
    with moldau.Broker(config=KEEPING) as broker:
        address = broker.bootstrap_servers
        admin = AdminClient({"bootstrap.servers": address})
        admin.create_topics([NewTopic("sales", 2, 1)])["sales"].result(10)
        producer = Producer({"bootstrap.servers": address})
        producer.produce("sales", msgspec.json.encode(sale(0)), partition=1)
        producer.flush()
        for _ in range(2):  # the second time there is nothing to do
            Worker(revenue(address, until="end")).run()
        producer.produce("sales", msgspec.json.encode(sale(3600)), partition=1)
        producer.flush()
        with pytest.raises(StreamsError, match="sales 1 has 1 records more, which would be late"):
            Worker(revenue(address, until="end")).run()
        assert read(address, "revenue-per-minute") == [row(0, "books", "1.10", 1)]


@pytest.mark.slow
def test_a_topic_that_is_new_to_the_program_is_counted_from_its_first_record() -> None:
    with moldau.Broker() as broker:
        address = broker.bootstrap_servers
        admin = AdminClient({"bootstrap.servers": address})
        for made in admin.create_topics([NewTopic(n, 1, 1) for n in ("a", "b")]).values():
            made.result(10)

        def run(*topics: str) -> None:
            app = moldau.App("copies", address, until="end")
            first, *others = (app.stream(app.topic(one, Any)) for one in topics)
            first.merge(*others).to("copied")
            Worker(app).run()

        run("a")
        run("a", "b")  # nothing is there
        producer = Producer({"bootstrap.servers": address})
        for number in range(2):
            producer.produce("c", str(number))
        producer.flush()
        with pytest.raises(StreamsError, match="c 0 has 2 records more, which would be late"):
            run("a", "b", "c")


def read(
    bootstrap_servers: str, topic: str, decode: Callable[[bytes], Any] = msgspec.json.decode
) -> list[Any]:
    """All values of a topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "reader",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    consumer.subscribe([topic])
    values = []
    ended: set[int | None] = set()
    partitions = len(consumer.list_topics(topic, 30).topics[topic].partitions)
    while len(ended) < partitions:
        message = consumer.poll(30)
        assert message is not None
        error = message.error()
        if error is not None:
            assert error.code() == KafkaError._PARTITION_EOF, error
            ended.add(message.partition())
            continue
        data = message.value()
        assert data is not None
        values.append(decode(data))
    consumer.close()
    return values
