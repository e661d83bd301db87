"""What travels: an order, the shipment made from it, and how both look as JSON."""

import json
from json.encoder import encode_basestring as _quote
from typing import NamedTuple

PARTITIONS = 6
MINUTE_MS = 60_000
# An order may be this much older than the newest one of its partition and still count.
LATENESS_MS = 30_000

_decode = json.JSONDecoder().raw_decode


class Order(NamedTuple):
    """One sale. `number` counts from 0 without gaps; `time_ms` is event time, epoch UTC."""

    number: int
    customer: str
    category: str
    cents: int
    time_ms: int


def encode_order(order: Order) -> bytes:
    # Put together by hand: a third of the time that a JSON encoder takes, and a million orders
    # is what the demo sends.
    return (
        f'{{"order":{order.number},"customer":{_quote(order.customer)},'
        f'"category":{_quote(order.category)},"cents":{order.cents},"time":{order.time_ms}}}'
    ).encode()


def decode_order(value: bytes) -> Order:
    """Raises ValueError or KeyError when `value` is no order."""
    fields, _ = _decode(value.decode())
    return Order(
        fields["order"], fields["customer"], fields["category"], fields["cents"], fields["time"]
    )


def encode_shipment(order: Order) -> bytes:
    """The shipment of an order: the processor's whole business logic."""
    customer = _quote(order.customer)
    return f'{{"order":{order.number},"customer":{customer},"cents":{order.cents}}}'.encode()


def money(cents: int) -> str:
    """123456 -> 1,234.56; integers all the way, so no cent is rounded."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"
