"""Revenue per minute: by event time, out of order or not, to the cent."""

import json
from collections import defaultdict
from datetime import UTC, datetime

import pytest

from tests.examples.programs import Running, append, create_topic, read, run

NINE_MS = 1_767_258_000_000


def sale(number: int, second: float, cents: int, category: str = "tea") -> str:
    time = NINE_MS + int(second * 1_000)
    return json.dumps({"order": number, "category": category, "cents": cents, "time": time})


@pytest.mark.slow
def test_a_minute_closes_when_event_time_says_so(bootstrap_servers: str) -> None:
    topic = create_topic(bootstrap_servers, partitions=2)
    append(bootstrap_servers, topic, 0, sale(1, 10, 1_00), sale(2, 70, 2_00))
    append(bootstrap_servers, topic, 1, sale(3, 89, 4_00))
    with Running("revenue_per_minute.py", bootstrap_servers, "--topic", topic) as program:
        # Out of order, within the lateness; the event times are of long ago, and it counts.
        append(bootstrap_servers, topic, 0, sale(4, 50, 8_00), sale(5, 59.999, 16_01))
        # One partition has passed the minute and the lateness, the other could still add to it.
        append(bootstrap_servers, topic, 0, sale(6, 95, 32_00))
        append(bootstrap_servers, topic, 1, sale(7, 40, 64_00), sale(8, 40, 5, "books"))
        append(bootstrap_servers, topic, 1, sale(9, 90, 128_00))
        lines = program.wait_for(lambda lines: len(lines) >= 2)
        assert lines == ["2026-01-01 09:00 books 0.05", "2026-01-01 09:00 tea 89.01"]
        # For a minute that is closed, an order is too late, and changes nothing.
        append(bootstrap_servers, topic, 1, sale(10, 59, 256_00))
        assert program.wait_for(lambda lines: len(lines) >= 3)[2:] == [
            "too late: order 10 of 2026-01-01 09:00"
        ]
        assert program.interrupt()[3:] == []


@pytest.mark.slow
def test_what_the_producer_made_is_summed_to_the_cent(bootstrap_servers: str) -> None:
    topic = create_topic(bootstrap_servers)
    run("produce_orders.py", bootstrap_servers, "--topic", topic, "--count", "600")
    lines = run("revenue_per_minute.py", bootstrap_servers, "--topic", topic, "--until-end")
    sums = revenue_of(bootstrap_servers, topic)
    assert sorted(lines) == sorted(
        f"{minute} {category} {cents // 100}.{cents % 100:02d}"
        for (minute, category), cents in sums.items()
    )
    assert len({minute for minute, _ in sums}) >= 10


@pytest.mark.slow
def test_the_stream_library_sums_them_up_to_the_same(bootstrap_servers: str) -> None:
    topic = create_topic(bootstrap_servers)
    run("produce_orders.py", bootstrap_servers, "--topic", topic, "--count", "600")
    to = f"revenue-of-{topic}"
    words = ("--topic", topic, "--revenue", to, "--until-end")
    run("revenue_per_minute_streams.py", bootstrap_servers, *words)
    sums = revenue_of(bootstrap_servers, topic)
    minutes = [json.loads(one.value()) for one in read(bootstrap_servers, to, len(sums))]
    assert {
        (one["window_start"][:16].replace("T", " "), one["category"]): one["cents"]
        for one in minutes
    } == sums


def revenue_of(bootstrap_servers: str, topic: str) -> dict[tuple[str, str], int]:
    """Cents by minute and category of the 600 orders there, some of them out of order."""
    orders = [json.loads(record.value()) for record in read(bootstrap_servers, topic, 600)]
    # The producer did send some out of order.
    times = [o["time"] for o in sorted(orders, key=lambda o: int(o["order"]))]
    assert times != sorted(times)
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for order in orders:
        start = datetime.fromtimestamp(order["time"] / 1_000, UTC)
        sums[f"{start:%Y-%m-%d %H:%M}", order["category"]] += order["cents"]
    return sums
