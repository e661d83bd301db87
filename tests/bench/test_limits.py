"""The page of limits says what was measured, and every limit is told in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.limits import page, told
from bench.limits.measured import Figure, Result, Scenario, Told


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (12.0, "12"), (1234.5, "1,234"), (0.12345, "0.123"), (43.21, "43.2")],
)
def test_a_figure_has_three_digits_that_count(value: float, shown: str) -> None:
    assert page.number(value) == shown


def test_the_page_holds_each_figure_and_each_word() -> None:
    result = Result([Figure("open all", 2.5, "s", 1.5, 250.0)], [Told("a | b", "closed", "why")])
    part = {"load_before": 1.0, "load_after": 2.0, "seconds": 3.0, "date": "2026-01-02T03:04"}
    about = {
        "cores": 2,
        "processor": "p",
        "memory_gb": 1.0,
        "kernel": "k",
        "python": "3",
        "fdatasync_4_kib_ms": 0.1,
    }
    parts = {"many": part | {"commit": "abc"} | result.json()}
    scenario = Scenario("many", "Many", "How.", lambda _: result)
    text = page.page({"machine": about, "parts": parts}, [scenario])
    assert "| open all | 2.5 s | 1.5 | 250 |" in text
    assert "| a | b | `closed` | `why` |" not in text, "a bar in a cell ends it"
    assert "| a \\| b | `closed` | `why` |" in text


@pytest.mark.slow
def test_every_limit_is_told_in_words(tmp_path: Path) -> None:
    said = {one.limit: one for one in told.measure(tmp_path / "broker").told}
    assert len(said) == 7
    assert all(one.client for one in said.values())
    for limit, word in (
        ("max.connections=20", "max.connections"),
        ("256 open files (ulimit -n)", "ulimit -n"),
        ("a request of 200 MB (socket.request.max.bytes)", "socket.request.max.bytes"),
    ):
        assert word in said[limit].operator, said[limit]
