"""`moldau dlq` on a broker: a program fails, is mended, and gets its dead letters back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.client.admin import Admin
from moldau.client.groups import delete_groups
from moldau.streams.errors import StreamsError
from moldau.streams.running.worker import Worker
from moldau.streams.upkeep import dlq, sent_back
from moldau.tools import cli_dlq
from tests.streams.sales import KEEPING, Sale, sale
from tests.streams.test_windowed_sum import read


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with moldau.Broker(config=KEEPING) as broker:
        address = broker.bootstrap_servers
        admin = AdminClient({"bootstrap.servers": address})
        admin.create_topics([NewTopic("orders", 2, 1)])["orders"].result(10)
        producer = Producer({"bootstrap.servers": address})
        for n in range(6):
            value = msgspec.json.encode(sale(n, amount=str(n)))
            producer.produce("orders", value, "a key", n % 2, headers={"trace-id": b"7"})
        producer.flush()
        run(address, 6, is_mended=False)
        yield address


def run(servers: str, count: int, *, is_mended: bool) -> None:
    """The program, until it has shipped or failed so many."""
    app = moldau.App("shop", servers, on_error=moldau.retry(1), checkpoint="50ms")
    orders, shipments = app.topic("orders", Sale), app.topic("shipments")
    seen: list[Sale] = []

    @app.agent(orders)
    def ship(order: Sale) -> None:
        seen.append(order)
        if len(seen) == count:
            worker.stop()
        if order.amount % 2 and not is_mended:
            raise ValueError(f"no street for {order.amount}\nor any other")
        shipments.send(int(order.amount))

    worker = Worker(app)
    worker.run()


def asked(capsys: pytest.CaptureFixture[str], servers: str, *argv: str) -> Any:
    assert cli_dlq.main([*argv, "-b", servers, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_dead_letters_are_listed_shown_and_sent_back_once(
    servers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = asked(capsys, servers, "list", "shop-dlq")
    assert [(one["step"], one["message"]) for one in letters] == [
        ("ship", f"no street for {amount}") for amount in (1, 3, 5)
    ]
    assert [one["from"] for one in letters] == ["orders 1:0", "orders 1:1", "orders 1:2"]
    whole = asked(capsys, servers, "show", "shop-dlq", letters[1]["place"])
    assert json.loads(whole["value"])["amount"] == "3"
    assert (whole["key"], whole["headers"]) == ("a key", {"trace-id": "7"})
    assert "ValueError: no street for 3\nor any other" in whole["trace"]
    assert [one["sent"] for one in letters] == [None] * 3
    assert asked(capsys, servers, "redrive", "shop-dlq")["redriven"] == 3
    forgotten(servers, "shop-dlq-redrive")
    assert asked(capsys, servers, "redrive", "shop-dlq")["redriven"] == 0
    assert asked(capsys, servers, "list", "shop-dlq") == []
    sent = asked(capsys, servers, "list", "shop-dlq", "--all")
    assert [one["place"] for one in sent] == [one["place"] for one in letters]
    assert {one["sent"] >= one["time"] for one in sent} == {True}
    assert asked(capsys, servers, "show", "shop-dlq", sent[0]["place"])["sent"] == sent[0]["sent"]
    run(servers, 3, is_mended=True)
    assert sorted(read(servers, "shipments")) == [0, 1, 2, 3, 4, 5]
    assert len(read(servers, "orders")) == 6  # nothing came back into the source


def forgotten(servers: str, group: str) -> None:
    """As Kafka does a week later with what a group without members has committed."""
    with Admin(servers) as admin:
        delete_groups(admin, [group])  # it may have committed nothing


class Client:
    """Notes how it was made, and has no letters."""

    made: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, config: dict[str, Any]) -> None:
        self.made.append(config)

    def get_watermark_offsets(self, *_: Any) -> tuple[int, int]:
        return 0, 0

    def assign(self, _: Any) -> None: ...

    def close(self) -> None: ...


def test_a_kafka_that_wants_a_password_is_asked_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(Client, "made", made)

    def ask(config: dict[str, Any], **_: Any) -> dict[str, int]:
        made.append(config)
        return {"shop-dlq": 1}

    monkeypatch.setattr(dlq, "ask", ask)
    monkeypatch.setattr(sent_back, "Consumer", Client)
    file = tmp_path / "client.properties"
    file.write_text("security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\ngroup.id=mine\n")
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    words = ["redrive", "shop-dlq", "-b", "127.0.0.1:9093", "--command-config", str(file)]
    given = ["-X", f'sasl.jaas.config={login} username="shop" password="x";']
    assert cli_dlq.main([*words, *given]) == 0
    assert len(made) == 3
    for one in made:
        assert (one["bootstrap.servers"], one["security.protocol"]) == (
            "127.0.0.1:9093",
            "SASL_SSL",
        )
        assert (one["sasl.username"], one["sasl.password"]) == ("shop", "x")
    assert made[1]["group.id"] == "shop-dlq-redrive"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["list", "nowhere-dlq"], "there is no topic 'nowhere-dlq'"),
        (["list", "shop-dql"], "did you mean 'shop-dlq'?"),
        (["show", "shop-dlq", "0:999"], "has no letter at 0:999"),
        (["show", "shop-dlq", "7:0"], "has no letter at 7:0"),
        (["show", "shop-dlq", f"0:{10**20}"], "has no letter at 0:1000"),
        (["show", "shop-dlq", "first"], "write PARTITION:OFFSET"),
        (["redrive", "orders"], "it is no dead letter of a program"),
    ],
)
@pytest.mark.slow
def test_what_is_not_there_is_said(
    servers: str, capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    assert cli_dlq.main([*argv, "-b", servers]) == 1
    assert said in capsys.readouterr().err


def letters(servers: str, topic: str, count: int, **told: str) -> None:
    """In a new topic, of a program that has one task."""
    admin = AdminClient({"bootstrap.servers": servers})
    any_time = {"message.timestamp.after.max.ms": str(2**63 - 1)}
    for name in (topic, "odd-source-1-redrive"):
        if name not in admin.list_topics(timeout=10).topics:
            admin.create_topics([NewTopic(name, 1, 1, config=any_time)])[name].result(10)
    told = {"app": "odd", "stage": "source-1", "step": "ship", "message": "no street"} | told
    told = dict.fromkeys(("task", "partition", "part", "redrives", "offset"), "0") | told
    told |= {"topic": "orders", "form": "record"}
    producer = Producer({"bootstrap.servers": servers})
    headers = [(f"moldau-dlq-{name}", text) for name, text in told.items()]
    for n in range(count):
        producer.produce(topic, str(n), headers=headers, timestamp=3 * 10**14)
    assert producer.flush(10) == 0


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"task": "7"}, "it is of task 7, and odd-source-1-redrive has 1 partitions"),
        ({"task": "9" * 12}, "it is no dead letter of a program: its header moldau-dlq-task is"),
        ({"stage": "gone"}, "there is no topic 'odd-gone-redrive' by which it would go back"),
    ],
)
@pytest.mark.slow
def test_a_letter_that_nobody_would_read_is_not_sent(
    servers: str, capsys: pytest.CaptureFixture[str], told: dict[str, str], said: str
) -> None:
    topic = f"of-{sorted(told)[0]}-{len(said)}-dlq"
    letters(servers, topic, 1, **told)
    assert cli_dlq.main(["redrive", topic, "-b", servers]) == 1
    assert f"{topic} 0:0: {said}" in capsys.readouterr().err
    assert (
        "odd-gone-redrive" not in AdminClient({"bootstrap.servers": servers}).list_topics().topics
    )


@pytest.mark.slow
def test_of_two_redrives_at_once_one_stops(servers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlq, "BATCH", 1)
    letters(servers, "twice-dlq", 3)
    one, other = (dlq.DeadLetterTopic(servers, "twice-dlq") for _ in range(2))
    try:
        first, second = one.redrive(), other.redrive()
        assert next(first) == 1
        assert list(second) == [1, 2]
        with pytest.raises(StreamsError, match="another `moldau dlq redrive`"):
            next(first)
        assert list(other.redrive()) == []
    finally:
        one.close()
        other.close()


def went(servers: str) -> Counter[str]:
    """What has been sent back to the program of `letters`, and how often."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "test"})
    place = TopicPartition("odd-source-1-redrive", 0, 0)
    with closing(consumer):
        consumer.assign([place])
        found: Counter[str] = Counter()
        end = consumer.get_watermark_offsets(place, 10)[1]
        while found.total() < end:
            found.update((one.value() or b"").decode() for one in consumer.consume(1000, 0.1))
    return found


@pytest.mark.slow
def test_again_all_are_sent(
    servers: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    letters(servers, "again-dlq", 2)
    assert asked(capsys, servers, "redrive", "again-dlq")["redriven"] == 2
    letters(servers, "again-dlq", 1)
    assert len(asked(capsys, servers, "list", "again-dlq")) == 1
    assert asked(capsys, servers, "redrive", "again-dlq", "--again")["redriven"] == 3
    assert asked(capsys, servers, "list", "again-dlq") == []
    # Interrupted, it leaves a note that says all, as the last one may be all that there is.
    monkeypatch.setattr(dlq, "BATCH", 1)
    with closing(dlq.DeadLetterTopic(servers, "again-dlq")) as topic:
        assert next(topic.redrive(again=True)) == 1
    ends = [one["end"] for one in read(servers, "again-dlq") if isinstance(one, dict)]
    assert ends[-1] == max(ends) > 3


@pytest.mark.long
def test_kill_9_in_a_redrive_sends_no_more_than_a_batch_twice(servers: str, tmp_path: Path) -> None:
    count = 20_000
    before = went(servers) if "odd-source-1-redrive" in topics(servers) else Counter()
    letters(servers, "killed-dlq", count)
    words = [sys.executable, "-m", "moldau", "dlq", "redrive", "killed-dlq", "-b", servers]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        consumer = Consumer({"bootstrap.servers": servers, "group.id": "test"})
        with closing(consumer):
            place = TopicPartition("odd-source-1-redrive", 0)
            until = time.monotonic() + 60
            while consumer.get_watermark_offsets(place, 10)[1] <= before.total():
                assert time.monotonic() < until
        os.kill(process.pid, signal.SIGKILL)
    half = went(servers).total() - before.total()
    assert half < count
    assert subprocess.run(words, stdout=subprocess.DEVNULL, check=False).returncode == 0
    sent = went(servers) - before
    assert sent.keys() == {str(n) for n in range(count)}
    assert max(sent.values()) <= 2
    assert sent.total() - count <= sent_back.BATCH


def topics(servers: str) -> set[str]:
    return set(AdminClient({"bootstrap.servers": servers}).list_topics(timeout=10).topics)


@pytest.mark.slow
def test_what_a_terminal_obeys_and_no_calendar_has_is_shown(
    servers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    letters(servers, "odd-dlq", 1, message="\x1b[31mno street\r")
    assert cli_dlq.main(["list", "odd-dlq", "-b", servers]) == 0
    assert cli_dlq.main(["show", "odd-dlq", "0:0", "-b", servers]) == 0
    assert capsys.readouterr().out.count(r"\x1b[31mno street\x0d") == 2
    (row,) = asked(capsys, servers, "list", "odd-dlq")
    assert (row["time"], row["message"]) == (None, "\x1b[31mno street\r")
