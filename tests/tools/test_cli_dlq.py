"""`moldau dlq` on a broker: a program fails, is mended, and gets its dead letters back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.running.worker import Worker
from moldau.streams.upkeep import dlq
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
    assert asked(capsys, servers, "redrive", "shop-dlq")["redriven"] == 3
    assert asked(capsys, servers, "redrive", "shop-dlq")["redriven"] == 0
    run(servers, 3, is_mended=True)
    assert sorted(read(servers, "shipments")) == [0, 1, 2, 3, 4, 5]
    assert len(read(servers, "orders")) == 6  # nothing came back into the source


class Client:
    """Notes how it was made, and has no letters."""

    made: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, config: dict[str, Any]) -> None:
        self.made.append(config)

    def committed(self, *_: Any) -> list[Any]:
        return []

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
    monkeypatch.setattr(dlq, "Consumer", Client)
    monkeypatch.setattr(dlq, "Producer", Client)
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
        (["show", "shop-dlq", "0:999"], "has no record at 0:999"),
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
