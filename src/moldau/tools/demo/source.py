"""Where the orders come from: made up, or out of a file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from moldau.tools.demo.options import DemoOptions
from moldau.tools.demo.orders import Order


@dataclass(frozen=True, slots=True)
class Source:
    """The orders, and cents per (minute, category) of the first n, where a file knows them."""

    orders: Iterator[Order]
    file_totals: Callable[[int], dict[tuple[int, str], int]] | None = None


def open_source(options: DemoOptions) -> Source:
    """Raises DemoError when what is asked for is not installed."""
    if options.data == "grocery":
        from moldau.tools.demo.grocery import grocery_orders, grocery_totals

        return Source(grocery_orders(), grocery_totals)
    from moldau.tools.demo.made_up import made_up_orders

    return Source(made_up_orders(options.rate, options.event_speed, options.seed))
