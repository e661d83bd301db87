"""The table says the medians, and whose advantage a ratio is."""

from __future__ import annotations

from typing import Any

import pytest

from bench import page, table


@pytest.mark.parametrize(
    ("ours", "theirs", "better", "shown"),
    [
        ([200.0], [100.0], "more", "2.00 ▲"),
        ([200.0], [100.0], "less", "2.00 ▼"),
        ([50.0], [100.0], "more", "0.50 ▼"),
        ([50.0], [100.0], "less", "0.50 ▲"),
        ([2.0], [100.0], "less", "0.020 ▲"),
        ([102.0], [100.0], "less", "1.02 ="),
        # Pair by pair: 2, 1 and 3, where the ratio of the medians would be 1.
        ([200.0, 100.0, 300.0], [100.0, 100.0, 100.0], "more", "2.00 ▲"),
        ([1.0], [0.0], "more", "None"),
        ([1.0], [2.0], "", "None"),
    ],
)
def test_ratio_is_ours_by_theirs_with_an_arrow(
    ours: list[float], theirs: list[float], better: str, shown: str
) -> None:
    assert str(table.ratio(ours, theirs, better)) == shown


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([100.0, 90.0, 120.0], "100 ±20%"),
        ([3.14159], "3.14"),
        ([31.4159], "31.4"),
        ([1234.0], "1.2 k"),
        ([690_000.0, 690_000.0], "690 k ±0%"),
        ([1_100_000.0], "1.10 M"),
        ([0.0, 0.0], "0.00"),
    ],
)
def test_figure_is_the_median_and_the_farthest_repeat(values: list[float], shown: str) -> None:
    assert table.figure(values) == shown


def result() -> dict[str, Any]:
    """As a run leaves it, with one broker that failed and one that was not to be had."""
    about = {"version": "1", "settings": {}}
    return {
        "date": "2026-11-24T04:10:00+00:00",
        "seconds": 600,
        "quick": False,
        "repeats": 2,
        "commit": "abc",
        "machine": {
            "processor": "a processor",
            "cores": 2,
            "memory_gb": 24.0,
            "kernel": "6.1",
            "python": "3.11.7",
            "confluent_kafka": "2.16.1",
            "librdkafka": "2.16.0",
            "fdatasync_4_kib_ms": 0.2,
            "load_before": 0.1,
        },
        "brokers": {
            "moldau": {"title": "Moldau", "label": "Moldau", **about},
            "moldau-never": {"title": "Moldau, sync never", "label": "never", **about},
            "kafka": {"title": "Apache Kafka", "label": "Kafka", **about},
        },
        "missing": {"tansu": "pip cannot install it"},
        "failures": {"latency-acks-1": {"kafka": "it went away"}},
        "rows": [
            {
                "key": "start-up",
                "title": "start-up",
                "unit": "ms",
                "better": "less",
                "figures": {"moldau": [200.0, 200.0], "moldau-never": [200.0, 300.0]},
            },
            {
                "key": "produce",
                "title": "produce",
                "unit": "records/s",
                "better": "more",
                "figures": {
                    "moldau": [500.0, 500.0],
                    "moldau-never": [900.0, 900.0],
                    "kafka": [600.0, 600.0],
                },
            },
        ],
    }


def test_text_has_a_ratio_at_the_same_promise_and_at_our_default() -> None:
    lines = table.text(result()).splitlines()
    assert lines[0].split()[-2:] == ["never/Kafka", "Moldau/Kafka"]
    shown = [" ".join(line.split()) for line in lines]
    assert "produce records/s 500 ±0% 900 ±0% 600 ±0% 1.50 ▲ 0.83 ▼" in shown
    assert "start-up ms 200 ±0% 250 ±20% - - -" in shown


def test_text_names_who_is_missing_and_who_failed() -> None:
    text = table.text(result())
    assert "tansu: left out, pip cannot install it" in text
    assert "latency-acks-1: kafka failed: it went away" in text


def test_the_page_is_written_from_a_result() -> None:
    text = page.page(result())
    assert "### Records per second" in text
    assert "| produce | records/s | 500 ±0% | 900 ±0% | 600 ±0% | 1.50 ▲ | 0.83 ▼ |" in text
    assert "2 cores (a processor)" in text
    assert "pip cannot install it" in text
    assert "it went away" in text
