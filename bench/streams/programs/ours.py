"""The bench's programs in Moldau: `python -m bench.streams.programs.ours JOB`."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

import moldau


class Sale(msgspec.Struct):
    category: str
    amount: Decimal
    timestamp: datetime


class Factor(msgspec.Struct):
    category: str
    factor: int


def in_cents(sale: Sale) -> dict[str, Any]:
    return {"category": sale.category, "cents": int(sale.amount * 100)}


def multiplied(sale: Sale, row: Factor) -> dict[str, Any]:
    return {"category": sale.category, "cents": int(sale.amount * 100) * row.factor}


def program(job: dict[str, Any]) -> moldau.App:
    app = moldau.App(
        job["group"],
        job["address"],
        guarantee=job["guarantee"],
        checkpoint=f"{job['checkpoint_ms']}ms",
        close_after_silence="3s",
    )
    key = "category" if job["keyed"] else None
    sales = app.topic(job["input"], Sale, event_time="timestamp", lateness="10s", key=key)
    stream, out = app.stream(sales), app.topic(job["output"])
    if job["work"] == "sum":
        (
            stream.group_by("category")
            .tumbling("1m")
            .agg(revenue=moldau.sum("amount"), orders=moldau.count())
            .to(out)
        )
    elif job["work"] == "map":
        stream.map(in_cents).to(out)
    elif job["work"] == "join":
        factors = app.topic(job["table"], Factor, key="category", idle_after="1s")
        stream.join(app.table(factors), multiplied, on="category").to(out)
    else:

        @app.agent(sales)
        async def send(stream: Any) -> None:
            async for sale in stream:
                await out.send(in_cents(sale))

    return app


if __name__ == "__main__":
    program(json.loads(sys.argv[1])).run()
