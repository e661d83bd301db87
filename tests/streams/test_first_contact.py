"""Where no broker answers, a worker says so, once, and what to do."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import moldau
from moldau.streams.errors import DefinitionError, StreamsError
from moldau.streams.running import first_contact
from moldau.streams.upkeep import dlq, progress


def test_an_address_without_a_broker_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(first_contact, "PATIENCE_S", 0.3)
    monkeypatch.setattr(first_contact, "ASK_S", 0.2)
    said: list[str] = []
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        where = f"127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(StreamsError, match=f"no broker answers at {where}.*moldau up"):
            first_contact.partitions_known(moldau.App("shop", where), said.append)
    assert len(said) == 1
    assert said[0].startswith(f"shop: waiting for a broker at {where}")
    assert f"{where}/" not in capfd.readouterr().err  # clients of other tests may say something


def test_a_web_server_is_named_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_contact, "ASK_S", 0.5)
    monkeypatch.setattr(first_contact, "SLOW_S", 0.1)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        where = f"127.0.0.1:{web.server_port}"
        try:
            with pytest.raises(StreamsError, match=f"a web server answers at {where}, and no Kaf"):
                first_contact.partitions_known(moldau.App("shop", where), print)
        finally:
            web.shutdown()


@pytest.mark.parametrize("url", ["http://localhost:8080", "a:9092, kafka://localhost:9092"])
def test_a_url_is_refused_where_it_is_written(url: str) -> None:
    with pytest.raises(DefinitionError, match="is a URL, and a Kafka has an address: HOST:PORT"):
        moldau.App("shop", url)


def test_a_thread_cannot_hear_ctrl_c_and_is_told_so() -> None:
    with (
        ThreadPoolExecutor(1) as other,
        pytest.raises(StreamsError, match="shop: it runs in the main thread"),
    ):
        other.submit(moldau.App("shop").run).result()


def test_so_do_the_tools(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(first_contact, "ASK_S", 0.2)
    monkeypatch.setattr(dlq, "TO_ANSWER_S", 0.0)
    monkeypatch.setattr(progress, "TO_ANSWER_S", 0.0)
    app = moldau.App("shop", "127.0.0.1:1")  # where nobody listens
    app.stream(app.topic("orders")).to("out")
    with pytest.raises(StreamsError, match=r"no broker answers at 127.0.0.1:1.*moldau up"):
        dlq.DeadLetterTopic("127.0.0.1:1", "shop-dlq")
    with pytest.raises(StreamsError, match=r"no broker answers at 127.0.0.1:1.*moldau up"):
        progress.Upkeep(app)
    assert "127.0.0.1:1/" not in capfd.readouterr().err
