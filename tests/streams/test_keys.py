"""Keys that Python takes for equal, in what handlers keep, in global tables, in what topics are
keyed by; and values, of which those that are equal count once."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import reduce
from itertools import permutations
from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.engine.coding import decode, encode
from moldau.streams.engine.global_store import GlobalStore
from tests.streams.awkward_keys import EAST, NOON, Colour

NAN = math.inf - math.inf  # of other bits than math.nan


class Amount(msgspec.Struct):
    amount: Decimal
    to: str = ""


def test_promise_12_what_an_agent_keeps_is_by_the_bytes_of_the_key() -> None:
    app = moldau.App("shop")
    orders, out = app.topic("orders", dict), app.topic("out")
    counts = app.state("counts", default=int)
    keys = [1, 1.0, True, math.nan, NAN, Colour.RED, "red", 1]

    @app.agent(orders, states=[counts])
    def count(order: dict[str, Any]) -> None:
        for key in keys:
            counts[key] += 1
        del counts[True]
        out.send([[counts[key], key in counts] for key in keys])

    with moldau.testing.run(app) as t:
        t[orders].send({}, {})
        one, other = t[out].values()
    assert [n for n, _ in one] == [2, 1, 0, 2, 2, 2, 2, 2]
    assert [n for n, _ in other] == [4, 2, 0, 4, 4, 4, 4, 4]
    assert [there for _, there in one] == [True, True, False, True, True, True, True, True]


def test_an_agent_is_told_the_key_as_it_is() -> None:
    app = moldau.App("shop")
    orders, out = app.topic("orders", Amount, key="amount"), app.topic("out")

    @app.agent(orders)
    def tell(order: Amount) -> None:
        out.send(repr(moldau.current().key), key=order.to)

    with moldau.testing.run(app) as t:
        t[orders].send(Amount(Decimal("1.50")))
        assert t[out].values() == ["Decimal('1.50')"]


def test_promise_12_a_topic_s_key_is_its_field_digit_for_digit() -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Amount, key="amount")
    app.stream(orders).group_by("amount").agg(n=moldau.count()).to("out")
    row = msgspec.json.encode(Amount(Decimal("1.50")))
    with moldau.testing.run(app) as t:
        for key in (b"1.50", b"1.5"):
            t[orders].send_raw(row, key=key)
        t[orders].send(Amount(Decimal("1.5")))
        assert [one.key for one in t["out"].records()] == [b"1.50", b"1.5"]
        assert [one["amount"] for one in t["out"].values()] == ["1.50", "1.5"]
        assert [one.key for one in t["shop-dlq"].records()] == [b"1.5"]


def test_a_global_table_is_by_the_bytes_of_the_key() -> None:
    app = moldau.App("shop")
    store = GlobalStore(app.topic("rates", Amount, key="amount"))
    row = msgspec.json.encode(Amount(Decimal(0)))
    store.put([b"1.5", b"1.50", b"1.5"], [row, row, None])
    orders = app.topic("orders", Amount)
    rates = app.global_table(app.topic("rates", Amount, key="amount"))
    app.stream(orders).join(rates, on="amount").to("out")
    with moldau.testing.run(app) as t:
        t["rates"].send(Amount(Decimal("1.5"), "five"), Amount(Decimal("1.50"), "fifty"))
        t[orders].send(Amount(Decimal("1.50")), Amount(Decimal("1.5")), Amount(Decimal("1.500")))
        assert [one["to_right"] for one in t["out"].values()] == ["fifty", "five"]
    assert [one.value for one in store] == [Decimal("1.50")]


@pytest.mark.parametrize("kind", ["table", "global_table"])
def test_what_a_handler_looks_up_is_by_the_bytes_of_the_key(kind: str) -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Amount, key="amount")
    rates = getattr(app, kind)(app.topic("rates", Amount, key="amount"))

    def looked_up(order: Amount) -> Any:
        return [rates[order.amount].to] if order.amount in rates else rates.get(order.amount)

    app.stream(orders).map(looked_up).to("out")
    with moldau.testing.run(app) as t:
        t["rates"].send(Amount(Decimal("1.5"), "five"), Amount(Decimal("1.50"), "fifty"))
        t[orders].send(*(Amount(Decimal(one)) for one in ("1.50", "1.5", "1.500")))
        assert t["out"].values() == [["fifty"], ["five"], None]


def test_a_table_s_keys_of_any_type_are_members_of_groups() -> None:
    """Also where the type of the rows says nothing of the key."""
    app = moldau.App("shop")
    orders = app.topic("orders", Amount)
    totals = (
        app.stream(orders)
        .group_by(lambda order: (order.amount, order.to))
        .agg(amount=moldau.sum("amount"))
    )
    totals.group_by(lambda row: row["amount"] > 2).agg(n=moldau.count()).to("out")
    with moldau.testing.run(app) as t:
        t[orders].send(*(Amount(Decimal(one), "a") for one in ("1.0", "1.00", "1.0", "1.00")))
        t.end()
        found = {one.key: one.value for one in t["out"].records()}
    assert msgspec.json.decode(found[b"false"] or b"")["n"] == 2
    assert found.keys() == {b"false"}


# --- values ---------------------------------------------------------------------------------------

VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "numbers": ([True, 1.0, 1, Decimal("1.0")], [1]),
    "decimals": ([Decimal("1.00"), Decimal("1.0"), Decimal("2")], [Decimal("1.0"), Decimal("2")]),
    "zeros": ([-0.0, 0.0], [0.0]),
    "no numbers": ([math.nan, 1.5, NAN, 0.5], [0.5, 1.5, math.nan]),
    "times": ([EAST, NOON, NOON + timedelta(1)], [NOON, NOON + timedelta(1)]),
    "dates": ([date(2026, 1, 2), date(2026, 1, 1)], [date(2026, 1, 1), date(2026, 1, 2)]),
    "tuples": ([(1.0, "a"), (True, "a"), (Decimal(1), "a")], [(Decimal(1), "a")]),
}
Way = Callable[[Any, list[Any]], Any]


def _kept(state: Any) -> Any:
    return decode(encode(state))


WAYS: dict[str, Way] = {
    "in memory": lambda one, values: reduce(one.add, values, one.init()),
    "over restarts": lambda one, values: reduce(
        lambda state, value: one.add(_kept(state), _kept(value)), values, one.init()
    ),
    "merged": lambda one, values: reduce(
        one.merge, (_kept(one.add(one.init(), value)) for value in values), one.init()
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("of", VALUES)
def test_promise_07_of_equal_values_the_same_comes_out_in_any_order(of: str, way: str) -> None:
    values, expected = VALUES[of]
    distinct, count = moldau.distinct("x"), moldau.count_distinct("x")
    for some in permutations([*values, values[0]]):
        made = distinct.result(WAYS[way](distinct, list(some)))
        assert repr(made) == repr(expected)
        assert count.result(WAYS[way](count, list(some))) == len(expected)


def test_promise_12_no_number_is_one_key() -> None:
    app = moldau.App("shop")
    keys, at = [math.nan, NAN, -math.nan, 1.0], NOON.timestamp()
    orders = app.topic("orders", dict, event_time="at", unit="s")
    app.stream(orders).group_by(lambda order: keys[order["n"]]).tumbling("1m").agg(
        n=moldau.count()
    ).to("out")
    with moldau.testing.run(app) as t:
        t[orders].send(*({"n": n, "at": at} for n in range(4)))
        t.end()
        assert {(one["n"], one["key"]) for one in t["out"].values()} == {(1, 1.0), (3, None)}
