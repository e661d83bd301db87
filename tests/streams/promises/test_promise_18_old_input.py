"""Old input is no trap."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.running.worker import Worker
from tests.streams.sales import MIDNIGHT, revenue, sale


def test_promise_18_results_carry_the_window_s_end_less_a_millisecond() -> None:
    with moldau.testing.run(revenue()) as t:
        t["sales"].send(sale(10))
        t.end()
        (result,) = t["revenue-per-minute"].records()
    end = MIDNIGHT + timedelta(minutes=1)
    assert result.timestamp == round(end.timestamp() * 1000) - 1


@pytest.mark.slow
def test_promise_18_results_older_than_their_topic_keeps_are_warned_of_once() -> None:
    said: list[str] = []
    with moldau.Broker() as broker:
        address = broker.bootstrap_servers
        admin = AdminClient({"bootstrap.servers": address})
        topics = [
            NewTopic("sales", 1, 1),
            NewTopic("revenue-per-minute", 1, 1, config={"retention.ms": "86400000"}),
        ]
        for future in admin.create_topics(topics).values():
            future.result(10)
        producer = Producer({"bootstrap.servers": address})
        for minute in range(3):
            producer.produce("sales", msgspec.json.encode(sale(60 * minute)))
        producer.flush()
        Worker(revenue(address, until="end"), say=said.append).run()
    (warning,) = said
    assert "results for revenue-per-minute are" in warning
    assert "keeps records for 1 days" in warning
