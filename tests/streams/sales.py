"""The program that most tests of streams run: revenue per category and minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

import moldau

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
# Of a broker: results have the time of their window, and half a minute after its start it would
# delete those that are older than a week.
KEEPING = {"log.initial.task.delay.ms": 36_000_000}


class Sale(msgspec.Struct):
    category: str
    amount: Decimal
    timestamp: datetime


def sale(second: float, category: str = "books", amount: str = "1.10") -> Sale:
    return Sale(category, Decimal(amount), MIDNIGHT + timedelta(seconds=second))


def revenue(
    bootstrap_servers: str = "localhost:9092",
    *,
    key: str | None = None,
    prefix: str = "",
    **settings: Any,
) -> moldau.App:
    """From `sales` to `revenue-per-minute`; with key="category" without a repartition. `prefix` is
    that of its name and its topics."""
    app = moldau.App(f"{prefix}revenue", bootstrap_servers, **settings)
    sales = app.topic(f"{prefix}sales", Sale, event_time="timestamp", lateness="10s", key=key)
    (
        app.stream(sales)
        .group_by("category")
        .tumbling("1m")
        .agg(revenue=moldau.sum("amount"), orders=moldau.count())
        .to(f"{prefix}revenue-per-minute")
    )
    return app


def row(minute: int, category: str, revenue: str, orders: int) -> dict[str, Any]:
    """A result of that program."""
    return {
        "category": category,
        "window_start": f"2026-01-01T00:{minute:02}:00Z",
        "window_end": f"2026-01-01T00:{minute + 1:02}:00Z",
        "revenue": revenue,
        "orders": orders,
    }
