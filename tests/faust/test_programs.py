"""Programs as people write them for Faust."""

from __future__ import annotations

from typing import Any

import moldau
import moldau.faust as faust


def shop() -> tuple[Any, Any, Any, Any]:
    app = faust.App("myapp", broker="kafka://localhost:9092", value_serializer="json")
    orders = app.topic("orders", value_type=dict)
    enriched = app.topic("enriched", value_type=dict)
    counted = app.topic("counted")
    counts = app.Table("counts", default=int)

    @app.agent(orders)
    async def enrich(stream: Any) -> None:
        async for order in stream:
            order["total"] = order["price"] * order["quantity"]
            await enriched.send(key=order["customer"], value=order)

    @app.agent(orders)
    async def count(stream: Any) -> None:
        async for order in stream:
            customer, price = order["customer"], order["price"]
            counts[customer] += price // 2
            await counted.send(key=customer, value=counts[customer])

    return app, orders, enriched, counts


def test_orders_are_enriched_and_counted_per_customer() -> None:
    app, orders, enriched, counts = shop()
    with moldau.testing.run(app, partitions=6) as t:
        for number in range(60):
            order = {"customer": f"c{number % 4}", "price": 2, "quantity": number}
            t[orders].send(order, key=f"order-{number}")
        assert sorted(one["total"] for one in t[enriched].values()) == [2 * n for n in range(60)]
        assert {key: counts[key] for key in counts} == {f"c{n}": 15 for n in range(4)}
        latest = {one.key: one.value for one in t["counted"].records()}
        assert latest == {f"c{n}".encode(): b"15" for n in range(4)}
