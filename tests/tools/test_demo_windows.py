"""The arithmetic of the demo: windows by event time, lateness, hand-over, merging."""

from hypothesis import given
from hypothesis import strategies as st

from moldau.tools.demo.made_up import made_up_orders
from moldau.tools.demo.orders import (
    LATENESS_MS,
    MINUTE_MS,
    Order,
    decode_order,
    encode_order,
    encode_shipment,
    money,
)
from moldau.tools.demo.windows import Merger, PartitionWindows, Sums

BASE = 1_767_258_000_000


def order(at_seconds: float, cents: int = 100, category: str = "tea") -> Order:
    return Order(0, "c", category, cents, BASE + int(at_seconds * 1_000))


def test_a_minute_closes_when_event_time_has_passed_it_by_the_lateness() -> None:
    windows = PartitionWindows()
    windows.add(order(10))
    windows.add(order(89.999))
    assert windows.close() == []
    windows.add(order(90))
    assert windows.close() == [(BASE, {"tea": [100, 1]})]
    assert windows.close() == []


def test_an_order_within_the_lateness_counts_in_its_own_minute() -> None:
    windows = PartitionWindows()
    windows.add(order(80))
    windows.add(order(51, cents=7))
    assert windows.end() == [(BASE, {"tea": [7, 1]}), (BASE + MINUTE_MS, {"tea": [100, 1]})]
    assert windows.late == [0, 0]


def test_an_order_for_a_closed_minute_is_counted_apart_and_changes_nothing() -> None:
    windows = PartitionWindows()
    windows.add(order(30))
    windows.add(order(90))
    windows.add(order(59, cents=5))
    assert windows.late == [5, 1]
    assert windows.close() == [(BASE, {"tea": [100, 1]})]


def test_lateness_does_not_depend_on_when_minutes_are_taken_out() -> None:
    """The same orders give the same sums, however they are cut into batches."""
    orders = [order(at) for at in (5, 95, 20, 70, 130, 200, 91, 61)]
    often, once = PartitionWindows(), PartitionWindows()
    taken = []
    for each in orders:
        often.add(each)
        once.add(each)
        taken += often.close()
    assert taken + often.end() == once.end()
    assert often.late == once.late == [300, 3]


events = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 10_000), st.sampled_from(["tea", "DRUG GM"])),
    max_size=60,
)


@given(events, st.integers(0, 60))
def test_a_partition_handed_over_in_the_middle_gives_the_same_sums(
    events: list[tuple[int, int, str]], cut: int
) -> None:
    stayed, moved = PartitionWindows(), PartitionWindows()
    for index, (at, cents, category) in enumerate(events):
        if index == cut:
            moved = PartitionWindows.from_text(moved.to_text())
        stayed.add(order(at, cents, category))
        moved.add(order(at, cents, category))
    assert stayed.end() == moved.end()
    assert stayed.late == moved.late
    assert PartitionWindows.from_text(moved.to_text()).ended


def test_a_minute_is_final_when_no_partition_can_add_to_it() -> None:
    merger = Merger(2)
    merger.report(0, BASE, {"tea": [100, 1]})
    merger.report(0, BASE + MINUTE_MS, {"tea": [1, 1]})
    assert merger.final() == []
    merger.report(1, BASE + MINUTE_MS, {"tea": [20, 2], "books": [3, 1]})
    assert merger.final() == [
        (BASE, {"tea": [100, 1]}),
        (BASE + MINUTE_MS, {"tea": [21, 3], "books": [3, 1]}),
    ]


def test_a_repeated_report_is_not_added_again() -> None:
    merger = Merger(1)
    sums: Sums = {"tea": [100, 1]}
    merger.report(0, BASE, sums)
    merger.report(0, BASE, sums)
    assert merger.final() == [(BASE, {"tea": [100, 1]})]
    merger.report(0, BASE, sums)
    assert merger.final() == []
    assert merger.repeated == 2


def test_the_end_makes_everything_final_and_counts_once() -> None:
    merger = Merger(2)
    merger.report(0, BASE, {"tea": [100, 1]})
    assert merger.report_end(0)
    assert not merger.all_ended
    assert merger.report_end(1)
    assert not merger.report_end(1)
    assert merger.all_ended
    assert merger.final() == [(BASE, {"tea": [100, 1]})]


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
