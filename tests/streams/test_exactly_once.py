"""guarantee="exactly_once" on Apache Kafka: what readers of committed records see."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.client.admin import Admin
from moldau.client.quotas import CLIENT_ID, alter_quotas
from moldau.streams.engine.outputs import Output
from moldau.streams.errors import StreamsError
from moldau.streams.running import patience
from moldau.streams.running.changelogs import end_of
from moldau.streams.running.guarantees import guarantee
from moldau.streams.running.worker import Worker
from tests.apache_kafka import ApacheKafka
from tests.streams.committed import committed, values
from tests.streams.promises.test_promise_17_refused_outputs import run
from tests.streams.sales import revenue, row, sale
from tests.streams.shop_worker import worker
from tests.streams.test_windowed_sum import read

pytestmark = [pytest.mark.apache, pytest.mark.slow, pytest.mark.timeout(300)]

BATCH = 8_000
PARTITIONS = 2
SHOP = """
import os
from tests.streams.sales import revenue
app = revenue(
    {servers!r},
    prefix={prefix!r},
    until=os.environ.get("UNTIL"),
    guarantee="exactly_once",
    checkpoint="1s",
    config={{
        "session.timeout.ms": 2000,
        "heartbeat.interval.ms": 500,
        "transaction.timeout.ms": {timeout_ms},
        "log_level": 3,
    }},
)
"""


class Shop:
    """Topics of its own, and what their results must be."""

    def __init__(self, servers: str, prefix: str, folder: Path, timeout_ms: int = 60_000) -> None:
        """`timeout_ms`: of a transaction."""
        self.servers = servers
        self.prefix = prefix
        self.folder = folder
        self.admin = AdminClient({"bootstrap.servers": servers})
        self.admin.create_topics([NewTopic(f"{prefix}sales", PARTITIONS, 1)])[
            f"{prefix}sales"
        ].result(30)
        (folder / "shop.py").write_text(
            SHOP.format(servers=servers, prefix=prefix, timeout_ms=timeout_ms)
        )
        self._sums: dict[tuple[int, str], list[Any]] = defaultdict(lambda: [Decimal(0), 0])
        self._count = 0

    def sell(self) -> None:
        """The next 80 s of sales."""
        # Without idempotence a batch that is tried again may come behind the next: late.
        producer = Producer({"bootstrap.servers": self.servers, "enable.idempotence": True})
        for i in range(self._count, self._count + BATCH):
            second, category, amount = i // 100, f"category-{i % 7}", Decimal(i % 997) / 100
            sums = self._sums[second // 60, category]
            sums[0] += amount
            sums[1] += 1
            value = msgspec.json.encode(sale(second, category, str(amount)))
            producer.produce(f"{self.prefix}sales", value, partition=i % PARTITIONS)
            producer.poll(0)
        self._count += BATCH
        assert producer.flush(60) == 0

    @property
    def expected(self) -> list[Any]:
        return _sorted(row(*of, f"{sums:.2f}", n) for of, (sums, n) in self._sums.items())

    def results(self) -> list[Any]:
        """All that is committed, to the cent and as often as it is there."""
        rows = values(revenue(self.servers), f"{self.prefix}revenue-per-minute")
        return _sorted({**one, "revenue": f"{Decimal(one['revenue']):.2f}"} for one in rows)

    def offset(self, topic: str, level: IsolationLevel) -> int:
        """Of all its partitions: where they end, or where what is open begins. 0 without it."""
        if self.prefix + topic not in self.admin.list_topics(timeout=30).topics:
            return 0
        places = [TopicPartition(self.prefix + topic, number) for number in range(PARTITIONS)]
        return sum(end_of(self.admin, place, level) for place in places)

    def wait_for_checkpoint(self, changelog: str) -> None:
        committed = IsolationLevel.READ_COMMITTED
        before = self.offset(changelog, committed)
        _wait(lambda: self.offset(changelog, committed) > before, "a checkpoint")

    def stop_in_a_transaction(self, worker: subprocess.Popen[str]) -> None:
        while True:
            self.sell()
            _wait(lambda: self.is_open, "an open transaction")
            worker.send_signal(signal.SIGSTOP)
            time.sleep(0.3)  # what it has sent arrives
            if self.is_open and not self.is_checkpointing:
                return
            worker.send_signal(signal.SIGCONT)  # it was just committing

    @property
    def is_open(self) -> bool:
        """Is there a transaction under way?"""
        return self._is_open(REPARTITION)

    @property
    def is_checkpointing(self) -> bool:
        """Who takes over from one that stands still in a checkpoint waits for its transaction's
        time to be over: changelogs and positions are not known before."""
        return self._is_open(CHANGELOG) or self._is_open(SOURCE_CHANGELOG)

    def _is_open(self, topic: str) -> bool:
        committed = self.offset(topic, IsolationLevel.READ_COMMITTED)
        return committed < self.offset(topic, IsolationLevel.READ_UNCOMMITTED)

    def worker(
        self, slot: int, until: str | None = None
    ) -> AbstractContextManager[subprocess.Popen[str]]:
        return worker(self.folder, "--slot", str(slot), until=until)


SOURCE_CHANGELOG = "revenue-source-1-changelog"
CHANGELOG = "revenue-agg-1-changelog"
REPARTITION = "revenue-agg-1-repartition"


def test_promise_08_kill_9_in_a_transaction_repeats_nothing(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    shop = Shop(apache_kafka.bootstrap_servers, "killed-", tmp_path)
    shop.sell()
    with shop.worker(0) as worker:
        shop.wait_for_checkpoint(CHANGELOG)
        shop.stop_in_a_transaction(worker)
        worker.kill()
        worker.wait()
    with shop.worker(0, "end") as worker:
        said, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0, said
    assert shop.results() == shop.expected


def test_promise_08_a_worker_that_was_given_up_for_dead_commits_nothing(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    """It stands still in a transaction, another takes its partitions, and it goes on."""
    shop = Shop(apache_kafka.bootstrap_servers, "stopped-", tmp_path)
    with shop.worker(0) as first:
        shop.stop_in_a_transaction(first)
        before = _members(shop)
        with shop.worker(1, "end") as second:
            _wait(lambda: before.isdisjoint(_members(shop) or before), "the second worker alone")
            shop.wait_for_checkpoint(SOURCE_CHANGELOG)
            first.send_signal(signal.SIGCONT)
            said, _ = second.communicate(timeout=60)
            assert second.returncode == 0, said
            first.terminate()
            said, _ = first.communicate(timeout=60)
            assert first.returncode == 0, said
    assert "a transaction was aborted" in said
    assert shop.results() == shop.expected


def test_promise_10_a_machine_that_slept_in_a_transaction_goes_on(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    """For so long that the broker has ended it, and shut its producer out."""
    shop = Shop(apache_kafka.bootstrap_servers, "slept-", tmp_path, timeout_ms=6000)
    with shop.worker(0) as worker:
        shop.stop_in_a_transaction(worker)
        _wait(lambda: not shop.is_open, "the broker that ends the transaction")
        shop.sell()
        worker.send_signal(signal.SIGCONT)
        shop.wait_for_checkpoint(CHANGELOG)
        worker.terminate()
        said, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0, said
    assert "it was open for more than 6000 ms" in said
    with shop.worker(0, "end") as worker:
        said, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0, said
    assert shop.results() == shop.expected


def test_promise_10_restoring_waits_for_the_open_transactions_of_a_changelog(
    apache_kafka: ApacheKafka,
) -> None:
    servers = apache_kafka.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic("waited-for", 1, 1)])["waited-for"].result(30)
    producer = Producer({"bootstrap.servers": servers, "transactional.id": "waited-for"})
    producer.init_transactions(30)
    for value, end in ((b"1", "commit"), (b"2", "abort"), (b"3", "commit")):
        producer.begin_transaction()
        producer.produce("waited-for", value, b"key")
        producer.flush()
        if value != b"3":
            getattr(producer, f"{end}_transaction")(30)
    read: list[Any] = []
    app = revenue(servers)
    reading = threading.Thread(
        target=lambda: read.extend(committed(app, TopicPartition("waited-for", 0)))
    )
    reading.start()
    _wait(lambda: len(read) == 1, "what is committed")
    assert reading.is_alive()
    producer.commit_transaction(30)
    reading.join(30)
    assert read == [(b"key", b"1"), (b"key", b"3")]


def test_an_idle_program_commits_no_transactions(apache_kafka: ApacheKafka, tmp_path: Path) -> None:
    shop = Shop(apache_kafka.bootstrap_servers, "idle-", tmp_path)
    shop.sell()
    with shop.worker(0) as worker:
        shop.wait_for_checkpoint(CHANGELOG)
        _wait(lambda: _is_quiet(shop), "quiet for three intervals of a checkpoint")
        assert worker.poll() is None


def test_promise_17_an_output_that_is_refused_is_a_dead_letter_when_tried_again(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    """The transaction that it was refused in is aborted."""
    shop = Shop(apache_kafka.bootstrap_servers, "refused-", tmp_path)
    sink = "refused-revenue-per-minute"
    small = NewTopic(sink, PARTITIONS, 1, config={"max.message.bytes": "80"})
    shop.admin.create_topics([small])[sink].result(30)
    shop.sell()
    said: list[str] = []
    app = revenue(shop.servers, prefix="refused-", guarantee="exactly_once", until="end")
    Worker(app, say=said.append).run()
    assert any(f"aborted, and its records are taken again: {sink}: " in one for one in said)
    assert shop.results() == []
    letters = read(shop.servers, f"{app.id}-dlq")
    assert letters
    assert len({(one["category"], one["window_start"]) for one in letters}) == len(letters)


def test_what_is_refused_for_the_batch_that_it_is_in_is_nothing(apache_kafka: ApacheKafka) -> None:
    """Of a topic that takes less than is sent at once."""
    servers = apache_kafka.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": servers})
    small = NewTopic("parted-out", 1, 1, config={"max.message.bytes": "20000"})
    for future in admin.create_topics([NewTopic("parted-in", 1, 1), small]).values():
        future.result(30)
    producer = Producer({"bootstrap.servers": servers})
    for number in range(3000):
        producer.produce("parted-in", msgspec.json.encode({"number": number, "text": "x" * 90}))
    assert producer.flush(30) == 0
    app = moldau.App("parted", servers, guarantee="exactly_once", until="end")
    app.stream(app.topic("parted-in", dict)).map(dict).to("parted-out")
    said: list[str] = []
    Worker(app, say=said.append).run()
    assert said == []
    assert sorted(one["number"] for one in values(app, "parted-out")) == list(range(3000))


def test_promise_17_what_is_refused_costs_itself_alone(apache_kafka: ApacheKafka) -> None:
    """Two that are too large, and a letter that is too, among some that go out once each."""
    servers = apache_kafka.bootstrap_servers
    dlq = NewTopic("costly-dlq", 1, 1, config={"max.message.bytes": "8000"})
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([dlq])["costly-dlq"].result(30)
    run(servers, "costly", [10, 5000, 20, 9000, 30, 40], guarantee="exactly_once")
    for topic, lengths in (("costly-out", [12, 22, 32, 42]), ("costly-dlq", [0, 5002])):
        place = TopicPartition(topic, 0)
        found = [value or b"" for _, value in committed(revenue(servers), place)]
        assert sorted(map(len, found)) == lengths


def test_promise_10_who_takes_a_transactional_id_fences_who_had_it(
    apache_kafka: ApacheKafka,
) -> None:
    servers = apache_kafka.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic("fenced", 1, 1)])["fenced"].result(30)
    app = revenue(servers, prefix="fenced-", guarantee="exactly_once")
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "fenced-revenue"})
    first, second = guarantee(app, 0, print), guarantee(app, 0, print)
    first.start()
    first.send([Output("fenced", 0, None, b"of the first", None)])
    second.start()
    second.send([Output("fenced", 0, None, b"of the second", None)])
    with pytest.raises(StreamsError, match=r"another worker has taken .* start the workers of one"):
        first.commit(consumer, [], [])
    second.commit(consumer, [], [])
    consumer.close()
    read = list(committed(app, TopicPartition("fenced", 0)))
    assert [value for _, value in read] == [b"of the second"]


class Faulty:
    """A producer some of whose calls go as `faults` say."""

    def __init__(self, producer: Any, **faults: Callable[..., Any]) -> None:
        self._producer = producer
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        return self._faults.get(name) or getattr(self._producer, name)


def test_promise_10_a_transaction_that_cannot_be_ended_is_left_to_the_next_producer(
    apache_kafka: ApacheKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call never comes back, or the broker knows of no transaction any more: both were seen
    when brokers were killed. The worker goes on, and nothing of it is committed."""
    monkeypatch.setattr(patience, "MORE_S", 0.5)
    servers = apache_kafka.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic("faulty", 1, 1)])["faulty"].result(30)
    app = revenue(
        servers, prefix="faulty-", guarantee="exactly_once", config={"transaction.timeout.ms": 3000}
    )
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "faulty-revenue"})
    said: list[str] = []
    made: Any = guarantee(app, 0, said.append)
    made.start()
    never = threading.Event()

    def unknown(_timeout_s: float) -> None:
        raise KafkaException(KafkaError(KafkaError.INVALID_TXN_STATE))

    def lost(*_: object) -> None:
        raise KafkaException(KafkaError(KafkaError.INVALID_TXN_STATE))

    positions = [TopicPartition("faulty", 0, 1)]
    for faults in (
        {"send_offsets_to_transaction": lambda *_: never.wait()},
        {"send_offsets_to_transaction": lost, "abort_transaction": unknown},
    ):
        made._producer = Faulty(made._producer, **faults)
        made.send([Output("faulty", 0, None, b"not this", None)])
        made.commit(consumer, [], positions)
        assert made.aborted
        made.aborted = False
    made.send([Output("faulty", 0, None, b"this", None)])
    made.commit(consumer, [], [])
    assert made.accepted
    never.set()
    consumer.close()
    assert [value for _, value in committed(app, TopicPartition("faulty", 0))] == [b"this"]
    assert len(said) == 2


def test_promise_10_a_transaction_above_the_broker_s_maximum_is_refused(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    shop = Shop(apache_kafka.bootstrap_servers, "long-", tmp_path)
    app = revenue(shop.servers, prefix="long-", guarantee="exactly_once", checkpoint="20m")
    with pytest.raises(StreamsError, match=r"1210000 ms.*take a shorter checkpoint"):
        Worker(app).run()


def test_promise_10_what_a_slow_broker_cannot_take_at_once_it_takes_in_parts(
    apache_kafka: ApacheKafka,
) -> None:
    """A quota: all that is there to be read would take longer than a transaction may be open."""
    servers = apache_kafka.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic("held-in", 1, 1)])["held-in"].result(30)
    producer = Producer({"bootstrap.servers": servers})
    for number in range(3000):
        told = {"number": number, "text": os.urandom(150).hex()}  # nothing to be compressed
        producer.produce("held-in", msgspec.json.encode(told))
    assert producer.flush(30) == 0
    with Admin(servers) as allowing:
        alter_quotas(allowing, {CLIENT_ID: "held-back"}, {"producer_byte_rate": 50_000})
    settings = {"client.id": "held-back", "transaction.timeout.ms": 5000}
    app = moldau.App("held", servers, guarantee="exactly_once", until="end", config=settings)
    app.stream(app.topic("held-in", dict)).map(dict).to("held-out")
    said: list[str] = []
    Worker(app, say=said.append).run()
    assert sorted(one["number"] for one in values(app, "held-out")) == list(range(3000))
    assert any("it was open for more than 5000 ms" in one for one in said)


def _is_quiet(shop: Shop) -> bool:
    topics = (CHANGELOG, REPARTITION)
    before = [shop.offset(topic, IsolationLevel.READ_UNCOMMITTED) for topic in topics]
    time.sleep(3)
    return before == [shop.offset(topic, IsolationLevel.READ_UNCOMMITTED) for topic in topics]


def _members(shop: Shop) -> set[str]:
    group = f"{shop.prefix}revenue"
    told = shop.admin.describe_consumer_groups([group])[group].result(30)
    return {member.member_id for member in told.members}


def _sorted(rows: Any) -> list[Any]:
    return sorted(rows, key=lambda one: (one["window_start"], one["category"]))


def _wait(until: Callable[[], bool], what: str) -> None:
    """Longer than a transaction may take."""
    deadline = time.monotonic() + 100
    while not until():
        assert time.monotonic() < deadline, f"no sign of {what}"
        time.sleep(0.02)
