"""Partitions that are not read for a while."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

import moldau
from moldau.streams.running.paused import Paused

PLACES = [("orders", 0), ("orders", 1)]


@pytest.mark.slow
def test_what_was_paused_when_it_was_taken_away_is_read_when_it_comes_back() -> None:
    with moldau.Broker(config={"num.partitions": 2}) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
        for name, number in PLACES:
            producer.produce(name, b"one", partition=number)
        assert producer.flush(30) == 0
        consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "reader"})
        places = [TopicPartition(*place, 0) for place in PLACES]
        consumer.assign(places)
        assert len(consumer.consume(2, 30)) == 2  # a partition that is not known is not remembered
        paused = Paused(consumer)
        paused.be(set(PLACES))
        paused.dropped([PLACES[1]])
        consumer.incremental_unassign([places[1]])
        consumer.incremental_assign([places[1]])
        seen = [one.partition() for one in consumer.consume(1, 30)]
        consumer.seek(places[0])
        paused.be(set())
        seen += [one.partition() for one in consumer.consume(1, 30)]
        consumer.close()
    assert seen == [1, 0]
