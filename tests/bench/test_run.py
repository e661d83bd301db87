"""A row of the bench, measured on our own broker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def bench(tmp_path: Path, *words: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Runs `python -m bench` with a temporary folder of its own, into a JSON file."""
    out = tmp_path / "result.json"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "bench", "--json", str(out), *words]
    environment = {**os.environ, "TMPDIR": str(scratch)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert not list(scratch.iterdir()), "the run left files behind"
    return done, out


@pytest.mark.slow
def test_quick_run_measures_rows_on_our_broker(tmp_path: Path) -> None:
    words = ("--quick", "--brokers", "moldau", "--rows", "start,records-100B-1p-acks-1,latency")
    done, out = bench(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert result["failures"] == {}
    figures = {row["key"]: row["figures"]["moldau"] for row in result["rows"]}
    assert {
        "start-up",
        "memory-idle",
        "produce-100B-1p-acks-1-records",
        "consume-100B-1p-records",
        "latency-acks-1-p50",
        "latency-acks-all-p99.9",
    } <= figures.keys()
    assert all(len(repeats) == 1 and repeats[0] >= 0 for repeats in figures.values())
    assert figures["latency-acks-1-p50"] <= figures["latency-acks-1-p99"]
    assert result["brokers"]["moldau"]["settings"] == {}
    assert "produce 100 B, 1 partition, acks=1" in done.stdout


def test_an_unknown_broker_is_refused_with_those_that_are_there(tmp_path: Path) -> None:
    done, _ = bench(tmp_path, "--brokers", "rabbit")
    assert done.returncode == 2
    named = "there are moldau, moldau-never, kafka, kfake, kfake-sync, tansu"
    assert f"there is no broker 'rabbit'; {named}" in done.stderr
