"""What the demo makes up, and how it writes it down."""

from hypothesis import given
from hypothesis import strategies as st

from moldau.tools.demo.made_up import made_up_orders
from moldau.tools.demo.orders import (
    LATENESS_MS,
    Order,
    decode_order,
    encode_order,
    encode_shipment,
    money,
)

BASE = 1_767_258_000_000


@given(st.text(max_size=8), st.text(max_size=8), st.integers(0, 10**9))
def test_an_order_survives_its_json_whatever_the_names(
    customer: str, category: str, cents: int
) -> None:
    import json

    sent = Order(7, customer, category, cents, BASE)
    assert decode_order(encode_order(sent)) == sent
    assert json.loads(encode_shipment(sent)) == {"order": 7, "customer": customer, "cents": cents}


def test_made_up_orders_are_out_of_order_and_never_too_late() -> None:
    orders = [
        each for each, _ in zip(made_up_orders(2_000, 30, seed=3), range(20_000), strict=False)
    ]
    highest, disordered = 0, 0
    for each in orders:
        assert each.time_ms > highest - LATENESS_MS
        disordered += each.time_ms < highest
        highest = max(highest, each.time_ms)
    assert disordered > 1_000
    assert [each.number for each in orders] == list(range(20_000))
    # Ten seconds at 30 times the speed.
    assert 290_000 < highest - orders[0].time_ms < 330_000


def test_money_is_written_to_the_cent() -> None:
    assert [money(c) for c in (0, 5, 123_456, -99)] == ["0.00", "0.05", "1,234.56", "-0.99"]
