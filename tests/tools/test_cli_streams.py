"""`moldau streams`: describe, lag, reset."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.worker import Worker
from moldau.tools import cli_streams
from tests.streams.sales import revenue, row, sale
from tests.streams.test_windowed_sum import read

SHOP = """
from tests.streams.sales import revenue
app = revenue({address!r}, until="end")
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.delitem(sys.modules, "shop", raising=False)
    (tmp_path / "shop.py").write_text(SHOP.format(address="localhost:1"))
    return tmp_path


def test_describe_tells_stages_steps_and_internal_topics(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli_streams.main(["describe", "-A", "shop:app"]) == 0
    text = capsys.readouterr().out
    assert "revenue: 2 stages" in text
    assert "by key to revenue-agg-1-repartition" in text
    assert "state in revenue-agg-1-changelog" in text
    assert "revenue = sum(amount)" in text
    assert cli_streams.main(["describe", "-A", "shop:app", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["verb"] for one in told["stages"][0]["steps"]] == ["source", "keyby"]
    assert told["stages"][1]["steps"][0]["of"] == ["group_by-1"]


def test_the_picture_shows_every_topic_and_step(shop: Path) -> None:
    assert cli_streams.main(["describe", "-A", "shop:app", "--svg", "shop.svg"]) == 0
    drawn = ElementTree.parse(shop / "shop.svg")
    names = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert {"sales", "source-1", "revenue-agg-1-repartition", "agg-1", "to-1"} < set(names)
    lines = [one for one in drawn.iter("{http://www.w3.org/2000/svg}path") if one.get("stroke")]
    assert len(lines) == len(names) - 2  # a chain; one name is that of the whole


def test_a_folder_that_is_not_there_is_named(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli_streams.main(["describe", "-A", "shop:app", "--svg", "no/where.svg"]) == 1
    assert "--svg no/where.svg: No such file" in capsys.readouterr().err


@pytest.mark.slow
def test_after_a_reset_everything_is_read_again(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*argv: str) -> Any:
        assert cli_streams.main([argv[0], "-A", "shop:app", *argv[1:], "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    with moldau.Broker() as broker:
        address = broker.bootstrap_servers
        (shop / "shop.py").write_text(SHOP.format(address=address))
        admin = AdminClient({"bootstrap.servers": address})
        admin.create_topics([NewTopic("sales", 2, 1)])["sales"].result(10)
        producer = Producer({"bootstrap.servers": address})
        for _ in range(2):
            producer.produce("sales", msgspec.json.encode(sale(0)), partition=1)
        producer.flush()
        (gone,) = admin.delete_records([TopicPartition("sales", 1, 1)]).values()
        gone.result(10)
        before = {(one["topic"], one["partition"]): one for one in told("lag")}
        assert before["sales", 1]["lag"] == 1
        assert before["sales", 1]["position"] is None
        Worker(revenue(address, until="end")).run()
        assert {one["lag"] for one in told("lag")} == {0}
        plan = told("reset")
        assert not plan["done"]
        assert "revenue-agg-1-changelog" in plan["topics"]
        assert told("reset", "--execute")["topics"] == plan["topics"]
        assert told("reset", "--execute")["topics"] == []
        Worker(revenue(address, until="end")).run()
        assert read(address, "revenue-per-minute") == [row(0, "books", "1.10", 1)] * 2
