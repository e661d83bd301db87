"""`moldau streams`: describe, lag, reset."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.running.worker import Worker
from moldau.streams.topology import topology
from moldau.streams.upkeep.describing import as_text, described
from moldau.streams.upkeep.picture import svg
from moldau.streams.upkeep.progress import Upkeep
from moldau.tools import cli_streams
from tests.streams.priced import priced
from tests.streams.sales import revenue, row, sale
from tests.streams.test_windowed_sum import read

SHOP = """
from tests.streams.sales import revenue
app = revenue({address!r}, until="end")
"""

FAUST = """
import moldau.faust as faust
app = faust.App("shop", broker="kafka://localhost:1")

@app.agent(app.topic("sales"))
async def sold(sales):
    async for sale in sales:
        print(sale)
"""
LONG = """
import moldau
app = moldau.App("shop")
app.stream(app.topic("sales-of-all-shops-and-regions")).to("copies")
"""
ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


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
    assert re.search(r"^  group_by-1 +keyby \w+  < source-1$", text, re.MULTILINE)
    assert " False" not in text
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


@pytest.mark.parametrize("to", ["shop.svg", "-"])
def test_a_picture_is_whole_where_the_locale_has_no_ellipsis(shop: Path, to: str) -> None:
    (shop / "shop.py").write_text(LONG)
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    env |= {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": ""}
    command = [sys.executable, "-m", "moldau", "streams", "describe", "-A", "shop:app", "--svg", to]
    done = subprocess.run(command, cwd=shop, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    drawn = done.stdout if to == "-" else (shop / to).read_bytes()
    texts = [one.text for one in ElementTree.fromstring(drawn).iter(f"{SVG}text")]
    assert "sales-of-all-shops-and-r…" in texts


def test_what_every_worker_has_all_of_is_told_with_the_step_that_looks_into_it() -> None:
    made = topology("priced", priced().nodes)
    steps = [step for stage in described(made)["stages"] for step in stage["steps"]]
    assert "groups" in [one["topic"] for one in steps if one["verb"] == "globallookup"]
    names = [one.text for one in ElementTree.fromstring(svg(made)).iter(f"{SVG}title")]
    assert "groups" in names


def columns(app: moldau.App) -> tuple[dict[str, float], int]:
    """Where each box begins, and how many lines there are."""
    drawn = ElementTree.fromstring(svg(topology(app.id, app.nodes)))
    boxes = list(drawn.iter(f"{SVG}g"))
    lines = [one for one in drawn.iter(f"{SVG}path") if one.get("stroke")]
    return {one[0].text or "": float(one[1].get("x") or 0) for one in boxes}, len(lines)


def test_what_goes_round_is_drawn_back_to_where_it_began() -> None:
    app = moldau.App("shop")
    app.stream(app.topic("orders")).to(app.topic("again"))
    app.stream(app.topic("again")).to(app.topic("orders"))
    at, lines = columns(app)
    order = ["orders", "source-1", "to-1", "again", "source-2", "to-2"]
    assert sorted(at, key=at.__getitem__) == order
    assert len(set(at.values())) == lines == len(order)


def test_each_of_two_ways_to_another_stage_is_drawn() -> None:
    app = moldau.App("shop")
    by_shop = app.stream(app.topic("sales", dict)).group_by("shop")
    counts = [by_shop.tumbling(size).agg(n=moldau.count()) for size in ("1m", "1h")]
    counts[0].merge(counts[1]).to("counted")
    at, _ = columns(app)
    assert {"shop-agg-1-repartition", "shop-agg-2-repartition"} < set(at)


def test_a_handler_without_a_name_is_described() -> None:
    app = moldau.App("shop")
    app.agent(app.topic("sales"))(partial(print, "sold"))
    assert "agent functools.partial(<built-in function print>, 'sold')" in as_text(
        topology(app.id, app.nodes)
    )


def test_the_program_of_an_app_of_faust_is_found(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "shop.py").write_text(FAUST)
    assert cli_streams.main(["describe", "-A", "shop:app.program"]) == 0
    assert "reads sales" in capsys.readouterr().out
    assert cli_streams.main(["describe", "-A", "shop:app.core.nothing"]) == 1
    assert "shop has no App called 'app.core.nothing'" in capsys.readouterr().err


def _unheard(_said: str) -> None:
    """What a worker says is not what the command answers."""


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
        Worker(revenue(address, until="end"), say=_unheard).run()
        assert {one["lag"] for one in told("lag")} == {0}
        plan = told("reset")
        assert not plan["done"]
        assert "revenue-agg-1-changelog" in plan["topics"]
        assert told("reset", "--execute")["topics"] == plan["topics"]
        assert told("reset", "--execute")["topics"] == []
        Worker(revenue(address, until="end"), say=_unheard).run()
        assert read(address, "revenue-per-minute") == [row(0, "books", "1.10", 1)] * 2


@pytest.mark.slow
def test_a_reset_takes_what_the_program_had_under_other_names_and_nothing_of_others() -> None:
    with moldau.Broker() as broker:
        address = broker.bootstrap_servers
        admin = AdminClient({"bootstrap.servers": address})
        others = "revenue-eu-agg-1-changelog"  # of the program revenue-eu
        for future in admin.create_topics([NewTopic(n, 1, 1) for n in ("sales", others)]).values():
            future.result(10)
        Worker(revenue(address, until="end"), say=_unheard).run()
        now = moldau.App("revenue", address)
        sales = now.stream(now.topic("sales", dict, event_time="timestamp"))
        sales.group_by("category").agg(name="renamed", n=moldau.count()).to("out")
        kinds = ("repartition", "changelog", "redrive")
        found = Upkeep(now).to_reset()
        assert {f"revenue-agg-1-{kind}" for kind in kinds} <= set(found)
        assert not {"sales", "revenue-per-minute", others} & set(found)
