"""The bench's programs in Bytewax: `JOB=… python -m bytewax.run with_bytewax:flow`, in a venv that
has it and msgspec."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
import msgspec
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow

BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Sale(msgspec.Struct):
    category: str
    amount: Decimal
    timestamp: datetime


Total = tuple[Decimal, int]
decode = msgspec.json.Decoder(Sale).decode
encode = msgspec.json.Encoder().encode


def sale_of(message: KafkaSourceMessage[Any, Any]) -> Sale:
    return decode(message.value)


def added(total: Total, sale: Sale) -> Total:
    return total[0] + sale.amount, total[1] + 1


def row(found: tuple[str, tuple[int, Total]]) -> Any:
    key, (window, (revenue, orders)) = found
    start = BEGIN + window * MINUTE
    value = {"category": key, "window_start": start, "revenue": revenue, "orders": orders}
    return KafkaSinkMessage(key.encode(), encode(value))


def in_cents(sale: Sale) -> Any:
    value = {"category": sale.category, "cents": int(sale.amount * 100)}
    return KafkaSinkMessage(None, encode(value))


def dataflow(job: dict[str, Any]) -> Dataflow:
    flow = Dataflow(job["group"])
    brokers = [job["address"]]
    source = kop.input("in", flow, brokers=brokers, topics=[job["input"]])
    sales = op.map("decode", source.oks, sale_of)
    if job["work"] == "sum":
        clock: Any = win.EventClock(
            ts_getter=lambda sale: sale.timestamp, wait_for_system_duration=timedelta(seconds=10)
        )
        windows: Any = win.fold_window(
            "sum",
            op.key_on("key", sales, lambda sale: sale.category),
            clock,
            win.TumblingWindower(length=MINUTE, align_to=BEGIN),
            lambda: (Decimal(0), 0),
            added,
            lambda a, b: (a[0] + b[0], a[1] + b[1]),
        )
        results = op.map("row", windows.down, row)
    else:
        results = op.map("map", sales, in_cents)
    kop.output("out", results, brokers=brokers, topic=job["output"])
    return flow


if "JOB" in os.environ:
    flow = dataflow(json.loads(os.environ["JOB"]))
