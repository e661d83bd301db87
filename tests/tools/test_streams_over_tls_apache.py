"""A program of streams, and the commands for it, where Kafka wants TLS and a password."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.apache_kafka import ApacheKafka
from tests.apache_kafka.cluster import bound
from tests.apache_kafka.logins import LOGIN, for_shop
from tests.conformance.brokers import CONFIG
from tests.streams.shop_worker import ROOT, worker

pytestmark = [pytest.mark.apache, pytest.mark.slow, pytest.mark.timeout(600)]

SHOP = """
import os
import moldau

app = moldau.App(
    "locked",
    {servers!r},
    until=os.environ.get("UNTIL"),
    guarantee=os.environ["GUARANTEE"],
    checkpoint="200ms",
    state_dir={folder!r},
    on_error=moldau.retry(1),
    config={settings!r},
)
orders = app.topic("locked-orders", dict, key="of")
counts = app.state("counts", int, default=int)

@app.agent(orders, states=[counts])
def count(order):
    counts[order["of"]] += 1
    if order["number"] % 2 and "MENDED" not in os.environ:
        raise ValueError("odd")
"""


class Locked:
    """A listener with TLS and SASL, and one without; a folder with the program in it."""

    def __init__(self, kafka: ApacheKafka, port: int, folder: Path) -> None:
        self.plain = kafka.bootstrap_servers
        self.servers = f"localhost:{port}"
        self.folder = folder
        settings = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "shop",
            "sasl.password": "secret",
            "ssl.ca.location": f"{folder / 'ca.pem'}",
            "session.timeout.ms": 6000,
            "log_level": 3,
        }
        told = {"servers": self.servers, "folder": f"{folder}", "settings": settings}
        (folder / "shop.py").write_text(SHOP.format(**told))
        self.typed = [
            "security.protocol=SASL_SSL",
            "sasl.mechanism=PLAIN",
            f'sasl.jaas.config={LOGIN} username="shop" password="secret";',
            "ssl.truststore.type=PEM",
            f"ssl.truststore.location={folder / 'ca.pem'}",
        ]
        (folder / "client.properties").write_text("\n".join(self.typed))

    def moldau(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "moldau", *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": f"{ROOT}"},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def reset(self) -> None:
        """Who ends while the group is being shared out anew is missed only when its session is
        over."""
        until = time.monotonic() + 60
        while (ran := self.moldau("streams", "reset", "-A", "shop:app", "--execute")).returncode:
            assert "has workers that run" in ran.stderr
            assert time.monotonic() < until, ran.stderr

    def json(self, *words: str) -> Any:
        ran = self.moldau(*words, "--json")
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    folder = tmp_path_factory.mktemp("locked")
    store = ["-keystore", f"{folder / 'broker.p12'}", "-storepass", "secret", "-alias", "broker"]
    made = ["-keyalg", "RSA", "-storetype", "PKCS12", "-dname", "CN=localhost"]
    keytool("-genkeypair", *store, *made, "-ext", "SAN=DNS:localhost,IP:127.0.0.1")
    keytool("-exportcert", *store, "-rfc", "-file", f"{folder / 'ca.pem'}")
    with closing(bound()) as held:
        port = held.getsockname()[1]
        config = {
            **CONFIG,
            **for_shop("SASL_SSL", port),
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.location": folder / "broker.p12",
            "ssl.keystore.password": "secret",
        }
        with ApacheKafka(config=config, folder=folder / "kafka", heap="512M") as kafka:
            yield Locked(kafka, port, folder)


def keytool(*words: str) -> None:
    subprocess.run(["keytool", *words], check=True, capture_output=True)


def test_a_program_and_its_commands(locked: Locked, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {"bootstrap.servers": locked.plain}
    admin = AdminClient(plain)
    admin.create_topics([NewTopic("locked-orders", 2, 1)])["locked-orders"].result(30)
    producer = Producer(plain)
    for number in range(6):
        order = json.dumps({"of": f"k{number % 3}", "number": number})
        producer.produce("locked-orders", order, f"k{number % 3}")
    assert producer.flush(30) == 0
    for guarantee in ("at_least_once", "exactly_once"):
        monkeypatch.setenv("GUARANTEE", guarantee)
        with worker(locked.folder, "-w", "2", until="end") as process:
            said, _ = process.communicate(timeout=120)
            assert process.returncode == 0, said
        stages = locked.json("streams", "describe", "-A", "shop:app")["stages"]
        assert "locked-orders" in stages[0]["reads"]
        lags = locked.json("streams", "lag", "-A", "shop:app")
        assert sum(one["position"] for one in lags if one["topic"] == "locked-orders") == 6
        typed = [word for one in locked.typed for word in ("-X", one)]
        for words in (typed, ["--command-config", "client.properties"]):
            asked = ["locked-dlq", "-b", locked.servers, *words]
            letters = locked.json("dlq", "list", *asked)
            assert [one["message"] for one in letters] == ["odd"] * 3
            letter = locked.json("dlq", "show", "locked-dlq", letters[0]["place"], *asked[1:])
            assert letter["step"] == letters[0]["step"]
        assert locked.json("dlq", "redrive", *asked)["redriven"] == 3
        assert locked.json("dlq", "list", *asked) == []
        topics = locked.json("streams", "reset", "-A", "shop:app")["topics"]
        assert len(topics) == 2
        locked.reset()
        assert locked.json("streams", "reset", "-A", "shop:app")["topics"] == []


def test_a_wrong_password_is_said_in_one_line(
    locked: Locked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUARANTEE", "at_least_once")
    program = (locked.folder / "shop.py").read_text()
    program = program.replace("'secret'", "'guessed'").replace(", 'log_level': 3", "")
    (locked.folder / "wrong.py").write_text(program)
    wrong = [one.replace('"secret"', '"guessed"') for one in locked.typed]
    typed = [word for one in wrong for word in ("-X", one)]
    for words in (
        ["dlq", "list", "locked-dlq", "-b", locked.servers, *typed],
        ["streams", "lag", "-A", "wrong:app"],
        ["streams", "reset", "-A", "wrong:app"],
    ):
        ran = locked.moldau(*words)
        assert ran.returncode == 1
        why = "SASL authentication error: Authentication failed: Invalid username or password"
        told = f"moldau {words[0]}: {locked.servers} does not let us in ({why})\n"
        assert ran.stderr == told
