"""Made-up orders: steady, coloured by category, and out of order within the lateness."""

import random
from collections.abc import Iterator

from moldau.tools.demo.orders import LATENESS_MS, Order

# A fixed start makes runs comparable, and lies in the past: Kafka refuses record timestamps
# of more than an hour ahead, and event time runs faster than the wall clock.
START_MS = 1_767_258_000_000  # 2026-01-01 09:00 UTC
CUSTOMERS = 1_000
# Category: weight, cheapest and dearest in cents.
CATEGORIES = {
    "books": (6, 499, 3_999),
    "coffee": (9, 299, 1_499),
    "garden": (3, 999, 14_999),
    "games": (4, 1_999, 6_999),
    "music": (3, 899, 2_999),
    "tea": (5, 199, 999),
}


def made_up_orders(rate: int, event_speed: int, seed: int) -> Iterator[Order]:
    """Endless orders. At `rate` per second event time advances `event_speed` seconds a second.

    Every fifth order comes late, by less than the lateness, so none is ever too late.
    """
    dice = random.Random(seed)
    names = list(CATEGORIES)
    weights = [weight for weight, _, _ in CATEGORIES.values()]
    step_ms = event_speed * 1_000 / (rate or 50_000)
    number = 0
    while True:
        category = dice.choices(names, weights)[0]
        _, low, high = CATEGORIES[category]
        delay = dice.randrange(LATENESS_MS) if dice.random() < 0.2 else 0
        yield Order(
            number,
            f"customer-{dice.randrange(CUSTOMERS):04d}",
            category,
            dice.randint(low, high),
            START_MS + LATENESS_MS + int(number * step_ms) - delay,
        )
        number += 1
