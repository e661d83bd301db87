"""The demo's program of streams, without a broker: windows by event time, and what is too late."""

import json
from typing import Any

import moldau
from moldau.tools.demo.orders import LATENESS_MS, Order, encode_order
from moldau.tools.demo.revenue import revenue
from moldau.tools.demo.topics import Topics

BASE_MS = 1_767_258_000_000  # 2026-01-01 09:00 UTC
TOPICS = Topics("demo")


def order(second: float, cents: int, category: str = "tea") -> dict[str, Any]:
    made: dict[str, Any] = json.loads(
        encode_order(Order(0, "c", category, cents, BASE_MS + int(second * 1_000)))
    )
    return made


def window(minute: int, cents: int, orders: int, category: str = "tea") -> dict[str, Any]:
    return {
        "category": category,
        "window_start": f"2026-01-01T09:{minute:02}:00Z",
        "window_end": f"2026-01-01T09:{minute + 1:02}:00Z",
        "cents": cents,
        "orders": orders,
    }


def test_a_minute_closes_when_event_time_has_passed_it_by_the_lateness() -> None:
    last = 60 + LATENESS_MS / 1_000
    with moldau.testing.run(revenue("localhost:9092", TOPICS), partitions=1) as t:
        t[TOPICS.orders].send(order(10, 100), order(last - 0.001, 7), order(59, 5))
        assert t[TOPICS.revenue].values() == []
        t[TOPICS.orders].send(order(last, 1, "books"), order(59.999, 1000))  # the last is too late
        assert t[TOPICS.revenue].values() == [window(0, 105, 2)]
        t.end()
        assert t[TOPICS.revenue].values()[1:] == [window(1, 1, 1, "books"), window(1, 7, 1)]
