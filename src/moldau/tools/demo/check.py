"""The check: re-reads every topic from the start and compares. Shares no code with the pipeline.

It counts with arrays indexed by the order's number and adds up cents itself, in the order in
which a partition holds its orders, so that it knows by its own reckoning which came too late.
"""

import json
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from confluent_kafka import Message

from moldau.tools.demo.generator import Ledger
from moldau.tools.demo.orders import LATENESS_MS, money
from moldau.tools.demo.reader import Reader
from moldau.tools.demo.topics import Topics

Window = tuple[int, str]


@dataclass(slots=True)
class Findings:
    """What the check found; `differences` empty means that all is as it must be."""

    differences: list[str] = field(default_factory=list)
    orders: int = 0
    acknowledged: int = 0
    shipments: int = 0
    repeated_shipments: int = 0
    windows: int = 0
    repeated_windows: int = 0
    cents: int = 0
    late_orders: int = 0
    late_cents: int = 0
    compared_with_file: bool = False


class Check:
    """One check of one run. `ends` bounds the orders: partition -> offset after the last."""

    def __init__(
        self,
        bootstrap_servers: str,
        topics: Topics,
        ends: dict[int, int],
        ledger: Ledger,
        tick: Callable[[int], None],
        file_totals: Callable[[int], dict[Window, int]] | None = None,
    ) -> None:
        self.findings = Findings()
        self._topics = topics
        self._ends = ends
        self._ledger = ledger
        self._tick = tick
        self._file_totals = file_totals
        self._read = 0
        count = len(ledger.acknowledged)
        # -1 marks an order that is not in the log.
        self._cents = array("q", [-1]) * count
        self._shipped = bytearray(count)
        self._expected: dict[Window, int] = {}
        self._reader = Reader(bootstrap_servers)

    def run(self) -> Findings:
        try:
            self._check_orders()
            self._check_shipments()
            self._check_revenue()
        finally:
            self._reader.close()
        return self.findings

    def _records(self, topic: str, ends: dict[int, int]) -> Iterator[Message]:
        for message in self._reader.read(topic, ends or self._reader.ends(topic)):
            self._read += 1
            if self._read % 2_000 == 0:
                self._tick(self._read)
            yield message

    def _differs(self, sentence: str) -> None:
        self.findings.differences.append(sentence)

    # Orders: everything acknowledged is there, once, as it was sent.

    def _check_orders(self) -> None:
        newest: dict[int, int] = {}
        acknowledged: dict[Window, int] = {}
        for message in self._records(self._topics.orders, self._ends):
            order = json.loads(message.value())
            number, cents, at = order["order"], order["cents"], order["time"]
            if self._cents[number] >= 0:
                self._differs(f"order {number} is in {self._topics.orders} twice")
                continue
            self._cents[number] = cents
            window = (at // 60_000 * 60_000, order["category"])
            if self._ledger.acknowledged[number]:
                acknowledged[window] = acknowledged.get(window, 0) + cents
            seen = newest.get(message.partition(), at)
            newest[message.partition()] = max(seen, at)
            self._expect(window, cents, late=window[0] + 60_000 + LATENESS_MS <= seen)
        self.findings.orders = sum(1 for cents in self._cents if cents >= 0)
        self._compare_with_ledger(acknowledged)

    def _expect(self, window: Window, cents: int, *, late: bool) -> None:
        if late:
            self.findings.late_orders += 1
            self.findings.late_cents += cents
        else:
            self._expected[window] = self._expected.get(window, 0) + cents

    def _compare_with_ledger(self, acknowledged: dict[Window, int]) -> None:
        self.findings.acknowledged = sum(self._ledger.acknowledged)
        for number, acked in enumerate(self._ledger.acknowledged):
            if acked and self._cents[number] < 0:
                self._differs(f"order {number} was acknowledged and is not in the log")
        self._compare_orders("sent", self._ledger.cents, acknowledged)
        # The file knows nothing of refusals, so it is asked only where there were none.
        if self._file_totals is not None and all(self._ledger.acknowledged):
            totals = self._file_totals(len(self._ledger.acknowledged))
            self._compare_orders("in the file", totals, acknowledged)
            self.findings.compared_with_file = True

    def _compare_orders(
        self, where: str, others: dict[Window, int], stored: dict[Window, int]
    ) -> None:
        for window in sorted(stored.keys() | others.keys()):
            here, there = stored.get(window, 0), others.get(window, 0)
            if here != there:
                self._differs(
                    f"orders of {_name(window)}: {where} {money(there)}, in the log {money(here)}"
                )

    # Shipments: one for every acknowledged order; a repeat is counted, and no fault.

    def _check_shipments(self) -> None:
        for message in self._records(self._topics.shipments, {}):
            self.findings.shipments += 1
            shipment = json.loads(message.value())
            number, cents = shipment["order"], shipment["cents"]
            if not 0 <= number < len(self._cents) or self._cents[number] < 0:
                self._differs(f"a shipment for order {number}, which is not in the log")
            elif cents != self._cents[number]:
                self._differs(
                    f"the shipment of order {number} says {money(cents)}, the order "
                    f"{money(self._cents[number])}"
                )
            else:
                self.findings.repeated_shipments += self._shipped[number]
                self._shipped[number] = 1
        for number, acked in enumerate(self._ledger.acknowledged):
            if acked and self._cents[number] >= 0 and not self._shipped[number]:
                self._differs(f"order {number} was acknowledged and has no shipment")

    # Revenue: every window there, once, and right to the cent.

    def _check_revenue(self) -> None:
        found: dict[Window, int] = {}
        for message in self._records(self._topics.revenue, {}):
            record = json.loads(message.value())
            window = (_ms(record["window_start"]), record["category"])
            cents = record["cents"]
            if found.setdefault(window, cents) != cents:
                self._differs(
                    f"window {_name(window)} is there as {money(found[window])} and as "
                    f"{money(cents)}"
                )
            self.findings.windows += 1
        self.findings.repeated_windows = self.findings.windows - len(found)
        self.findings.windows = len(found)
        self.findings.cents = sum(found.values())
        for window in sorted(found.keys() | self._expected.keys()):
            self._compare_window(window, found.get(window))

    def _compare_window(self, window: Window, found: int | None) -> None:
        expected = self._expected.get(window)
        if found is None and expected is not None:
            self._differs(f"window {_name(window)} of {money(expected)} is missing")
        elif expected is None and found is not None:
            self._differs(f"window {_name(window)} of {money(found)} has no orders")
        elif found is not None and expected is not None and found != expected:
            self._differs(
                f"window {_name(window)} says {money(found)}, its orders add up to "
                f"{money(expected)}"
            )


def _ms(instant: str) -> int:
    """Of a time in ISO 8601."""
    return int(datetime.fromisoformat(instant).timestamp()) * 1_000


def _name(window: Window) -> str:
    start = datetime.fromtimestamp(window[0] / 1_000, UTC)
    return f"{start:%Y-%m-%d %H:%M} {window[1]}"
