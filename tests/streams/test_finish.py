"""A worker that is told, while it runs, that its input has come to its end."""

from __future__ import annotations

import threading

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.client.admin import Admin
from moldau.streams.running.worker import Worker
from tests.streams.sales import revenue, row, sale
from tests.streams.test_windowed_sum import read
from tests.tools.test_worker import wait_for, written


@pytest.mark.slow
def test_what_came_before_a_worker_was_told_to_finish_is_counted() -> None:
    """Of two partitions one is at its end already, the other gets more just before."""
    with moldau.Broker() as broker:
        address = broker.bootstrap_servers
        admin = AdminClient({"bootstrap.servers": address})
        admin.create_topics([NewTopic("sales", 2, 1)])["sales"].result(10)
        producer = Producer({"bootstrap.servers": address})

        def sell(second: float, partition: int) -> None:
            producer.produce("sales", msgspec.json.encode(sale(second)), partition=partition)
            assert producer.flush(10) == 0

        worker = Worker(revenue(address, checkpoint="50ms"))
        running = threading.Thread(target=worker.run)
        sell(1, 0)
        sell(2, 1)
        running.start()
        with Admin(address) as asked:
            wait_for(lambda: written(asked, "revenue-agg-1-repartition", 2) >= 2)
            sell(30, 1)
            worker.finish()
            running.join(60)
        assert not running.is_alive()
        assert read(address, "revenue-per-minute") == [row(0, "books", "3.30", 3)]
