"""`moldau perf`: it counts what it sends and reads."""

from __future__ import annotations

import json

import pytest

from moldau.tools.latencies import Latencies
from tests.tools.conftest import Moldau


@pytest.fixture
def moldau(moldau_here: Moldau) -> Moldau:
    return moldau_here


def test_what_is_produced_is_consumed(moldau: Moldau, topic: str) -> None:
    sent = moldau("perf", "produce", topic, "-n", "500", "-s", "20", "--warmup", "100", "--json")
    assert sent.returncode == 0, sent.stderr
    found = json.loads(sent.stdout)
    assert (found["records"], found["bytes"]) == (400, 400 * 20)
    assert 0 < found["latency_p50_ms"] <= found["latency_p99_ms"] <= found["latency_max_ms"]
    read = json.loads(moldau("perf", "consume", topic, "--json").stdout)
    assert (read["records"], read["bytes"]) == (500, 500 * 20)
    some = moldau("perf", "consume", topic, "-n", "50")
    assert some.stdout.split()[:2] == ["records", "50"]
    more = moldau("perf", "consume", topic, "-n", "501")
    assert more.returncode == 1
    assert "There are only 500 records" in more.stderr


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("produce {} --payload-file missing", "Check the path"),
        ("produce {} -n 5 --warmup 5", "above --warmup"),
        ("produce {}x", "did you mean '{}'?"),
    ],
)
def test_bad_wishes_are_told(moldau: Moldau, topic: str, words: str, advice: str) -> None:
    ran = moldau("perf", *words.format(topic).split())
    assert (ran.returncode, ran.stdout) == (1, "")
    assert advice.format(topic) in ran.stderr


def test_percentiles_are_those_of_all_that_was_kept() -> None:
    latencies = Latencies(1000)
    for number in range(1000):
        latencies.record(number)
    assert latencies.percentiles() == [500, 950, 990, 999]
    assert (latencies.average, latencies.most) == (499.5, 999)
    assert Latencies(0).percentiles() == [0, 0, 0, 0]
    assert Latencies(0).average is None
