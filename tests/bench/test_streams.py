"""The bench of streams: its records are what it says, and what is wrong with results is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bench.streams import page, sales
from bench.streams.engines import Job
from bench.streams.run import merged
from bench.streams.verify import verdict

ROOT = Path(__file__).parents[2]
COUNT = 60_000
JOB = Job("", "sum", "in", "out", "", 1, True, "at_least_once", "group", COUNT, "", 1000)


def test_sales_are_96_bytes_and_never_late() -> None:
    highest = 0
    for number, value in enumerate(sales.values(COUNT)):
        sale = msgspec.json.decode(value)
        assert len(value) == sales.SIZE
        assert sale["category"] == sales.category(number)
        time = sales.time_ms(number)
        assert highest - time < sales.LATENESS_MS
        highest = max(highest, time)
    assert sum(orders for _, orders in sales.windows(COUNT).values()) == COUNT


class Told:
    """Results, as a program would have written them."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def __call__(self, *_: object, **__: object) -> Told:
        return self

    def more(self, _timeout_s: float = 0.0) -> list[dict[str, Any]]:
        rows, self._rows = self._rows, []
        return rows

    def close(self) -> None:
        """There is nothing to be closed."""


def right() -> list[dict[str, Any]]:
    return [
        {"category": key, "window_start": start, "revenue": cents / 100, "orders": orders}
        for (start, key), (cents, orders) in sales.windows(COUNT).items()
    ]


def said(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]]) -> str:
    monkeypatch.setattr("bench.streams.verify.Results", Told(rows))
    return verdict(JOB, to_close_s=0.0)


def test_right_results_are_not_spoken_of(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, right()) == ""


def test_what_is_wrong_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = right()
    rows[0]["revenue"] += 0.01
    del rows[-20:]  # of the last minute, which nothing closes
    del rows[5]
    rows += [rows[7], {**rows[8], "window_start": 0}]
    expected = f"of {len(right())} windows 1 wrong, 1 missing, 20 never closed"
    assert said(monkeypatch, rows) == f"{expected}, 1 no window at all, 1 told again"


def test_runs_of_parts_are_one_and_the_latest_counts() -> None:
    first = result("loop", 1.0, "2 wrong")
    again, other = result("loop", 2.0, ""), result("quix", 20.0, "20 never closed")
    whole = merged([first, again, other])
    (row,) = whole["rows"]
    assert row["figures"] == {"loop": [2.0], "quix": [20.0]}
    assert whole["verdicts"] == {"streams-map": {"quix": "20 never closed"}}
    text = page.page(whole)
    assert "| map, topic to topic | CPU µs/record | 2.00 | 20.0 |" in text
    assert "- Quix Streams, map, topic to topic: 20 never closed." in text


def result(engine: str, figure: float, verdict: str) -> dict[str, Any]:
    row = {"key": "streams-map-cpu", "title": "map, topic to topic", "unit": "CPU µs/record"}
    machine = {"cores": 2, "processor": "p", "memory_gb": 1, "kernel": "k", "python": "3"}
    machine |= {"confluent_kafka": "2", "librdkafka": "2", "load_before": 0.5}
    return {
        "date": "2026-11-27T12:00:00",
        "seconds": 60,
        "repeats": 1,
        "quick": False,
        "commit": "abc",
        "machine": machine,
        "brokers": {engine: {"title": engine, "label": engine, "version": "1", "settings": {}}},
        "missing": {},
        "failures": {},
        "verdicts": {"streams-map": {engine: verdict}} if verdict else {},
        "rows": [{**row, "better": "less", "figures": {engine: [figure]}}],
    }


@pytest.mark.long
def test_quick_run_measures_ours_on_our_broker(tmp_path: Path) -> None:
    out, scratch = tmp_path / "streams.json", tmp_path / "scratch"
    scratch.mkdir()
    words = ["--quick", "--rows", "streams-sum-keyed-1p,streams-agent", "--engines", "moldau-own"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *words, "--streams-json", str(out)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["failures"] == found["verdicts"] == {}
    figures = {row["key"]: row["figures"]["moldau-own"] for row in found["rows"]}
    assert all(figure > 0 for (figure,) in figures.values())
    assert {"streams-sum-keyed-1p-cpu", "streams-agent-rate"} <= figures.keys()
    assert not list(scratch.iterdir()), "the run left files behind"
