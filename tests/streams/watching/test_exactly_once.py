"""What is read over HTTP on Apache Kafka while a transaction is open, and after kill -9 in one."""

from __future__ import annotations

import signal
from pathlib import Path
from subprocess import Popen

import pytest
from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient

from moldau.streams.running.changelogs import end_of
from tests.apache_kafka import ApacheKafka
from tests.streams.shop_worker import worker
from tests.streams.test_joins_on_a_broker import make_topics
from tests.streams.watching.test_several import port_of
from tests.streams.watching.test_tables import get, is_running, put
from tests.tools.test_worker import wait_for

# A transaction is open from the first record until the worker is told to stop.
PROGRAM = """
import moldau
settings = {{"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}}
app = moldau.App(
    "asked", {servers!r}, guarantee="exactly_once", checkpoint="5m", config=settings
)
orders = app.stream(app.topic("asked-orders", dict, key="product"))
orders.group_by("product").agg(name="totals", orders=moldau.count()).to("asked-totals")
"""
ASKED = "/tables/totals/a"
RESULTS = TopicPartition("asked-totals", 0)


@pytest.mark.apache
@pytest.mark.slow
def test_promise_18_exactly_once_what_a_transaction_holds_is_not_read(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    servers = apache_kafka.bootstrap_servers
    make_topics(servers, {"asked-orders": 1, "asked-totals": 1})
    (tmp_path / "shop.py").write_text(PROGRAM.format(servers=servers))
    admin = AdminClient({"bootstrap.servers": servers})

    def ends() -> tuple[int, int]:
        """Of the results: where what is committed ends, and where all does."""
        levels = (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED)
        committed, written = (end_of(admin, RESULTS, level) for level in levels)
        return committed, written

    def reads_in_a_transaction(port: int, more_than: int, expected: int | None) -> None:
        """When the result of the last order is written, and not committed."""
        wait_for(lambda: is_running(port))
        wait_for(lambda: ends()[1] > more_than)
        status, said = get(port, ASKED)
        committed, written = ends()
        assert committed < written  # it was open all the time
        assert (status, said.get("orders")) == (404 if expected is None else 200, expected)

    def end_cleanly(process: Popen[str]) -> None:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0

    for committed in (None, 1):  # what is committed when the order comes
        put(servers, "asked-orders", {"a": {"product": "a"}})
        before = ends()[1]
        with worker(tmp_path, "--http", "localhost:0") as process:
            reads_in_a_transaction(port_of(process), before, committed)
            process.kill()
            process.wait(30)
        before = ends()[1]
        with worker(tmp_path, "--http", "localhost:0") as process:
            # Behind what was aborted, and the marker that says so.
            reads_in_a_transaction(port_of(process), before + 1, committed)
            end_cleanly(process)
    with worker(tmp_path, "--http", "localhost:0") as process:
        port = port_of(process)
        wait_for(lambda: is_running(port))
        assert get(port, ASKED)[1]["orders"] == 2
        end_cleanly(process)
