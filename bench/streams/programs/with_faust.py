"""The bench's programs in Faust: `JOB=… faust -A with_faust worker`, in a venv that has it."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import faust


class Sale(faust.Record, serializer="json", coerce=True):  # type: ignore[misc,call-arg]
    category: str
    amount: Decimal
    timestamp: datetime


def in_cents(sale: Any) -> dict[str, Any]:
    return {"category": sale.category, "cents": int(sale.amount * 100)}


def event_time(event: Any) -> float:
    when: float = event.value.timestamp.timestamp()
    return when


def program(job: dict[str, Any]) -> Any:
    app = faust.App(
        job["group"],
        broker=f"kafka://{job['address']}",
        store="memory://",
        topic_partitions=job["partitions"],
        topic_replication_factor=1,
        broker_commit_interval=job["checkpoint_ms"] / 1000,
        processing_guarantee=job["guarantee"],
        datadir=job["folder"],
        web_enabled=False,
    )
    sales = app.topic(job["input"], value_type=Sale)
    out = app.topic(job["output"], value_serializer="json")
    if job["work"] == "sum":
        windowed(app, sales, out, job["keyed"])
    else:

        @app.agent(sales)  # type: ignore[untyped-decorator]
        async def send(stream: Any) -> None:
            async for sale in stream:
                await out.send(value=in_cents(sale))

    return app


def windowed(app: Any, sales: Any, out: Any, keyed: bool) -> None:
    """As its documentation shows it: windows close `expires` after their begin, by the clock on
    the wall."""

    async def closed(key: Any, total: Any) -> None:
        category, (start, _) = key
        value = {"category": category, "window_start": start * 1000}
        await out.send(value={**value, "revenue": total[0] / 100, "orders": total[1]})

    table = app.Table("revenue", default=lambda: [0, 0], on_window_close=closed)
    revenue = table.tumbling(timedelta(minutes=1), expires=timedelta(seconds=70))
    revenue = revenue.relative_to(event_time)

    @app.agent(sales)  # type: ignore[untyped-decorator]
    async def add(stream: Any) -> None:
        async for sale in stream if keyed else stream.group_by(Sale.category):
            cents, orders = revenue[sale.category].value()
            revenue[sale.category] = [cents + int(sale.amount * 100), orders + 1]


if "JOB" in os.environ:
    app = program(json.loads(os.environ["JOB"]))
