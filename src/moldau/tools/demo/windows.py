"""Revenue per category per minute of event time, for one partition of orders.

Pure arithmetic, no Kafka, no clock. A minute closes when the partition's watermark (the
highest event time seen, minus the lateness) has passed its end; an order for a closed minute
is late, counted apart, and changes nothing. Whether an order is late therefore depends only
on the orders before it in its own partition, so reading them again gives the same result.
"""

import json
from dataclasses import dataclass, field

from moldau.tools.demo.orders import LATENESS_MS, MINUTE_MS, Order, encode_json

# category -> [cents, number of orders]
Sums = dict[str, list[int]]


@dataclass(slots=True)
class PartitionWindows:
    """The open minutes of a partition. Times in ms since the epoch, minutes by their start."""

    highest_ms: int = -1
    ended: bool = False
    late: list[int] = field(default_factory=lambda: [0, 0])
    open: dict[int, Sums] = field(default_factory=dict)

    def add(self, order: Order) -> None:
        minute = order.time_ms - order.time_ms % MINUTE_MS
        if minute + MINUTE_MS <= self.highest_ms - LATENESS_MS:
            _add(self.late, order.cents)
            return
        _add(self.open.setdefault(minute, {}).setdefault(order.category, [0, 0]), order.cents)
        self.highest_ms = max(self.highest_ms, order.time_ms)

    def close(self) -> list[tuple[int, Sums]]:
        """Take out the minutes that the watermark has passed, oldest first."""
        watermark = self.highest_ms - LATENESS_MS
        return self._take(sorted(m for m in self.open if m + MINUTE_MS <= watermark))

    def end(self) -> list[tuple[int, Sums]]:
        """The partition has no more orders: take out every minute, oldest first."""
        self.ended = True
        return self._take(sorted(self.open))

    def _take(self, minutes: list[int]) -> list[tuple[int, Sums]]:
        return [(minute, self.open.pop(minute)) for minute in minutes]

    def to_text(self) -> str:
        """The whole state, small enough to travel in the metadata of an offset commit."""
        open_minutes = {str(minute): sums for minute, sums in self.open.items()}
        return encode_json([self.highest_ms, self.ended, self.late, open_minutes]).decode()

    @classmethod
    def from_text(cls, text: str | None) -> "PartitionWindows":
        if not text:
            return cls()
        highest, ended, late, open_minutes = json.loads(text)
        return cls(highest, ended, late, {int(m): sums for m, sums in open_minutes.items()})


def _add(sums: list[int], cents: int) -> None:
    sums[0] += cents
    sums[1] += 1


class Merger:
    """Adds the partitions' minutes up: a minute is final when no partition can add to it.

    A partition reports its minutes in order, so one that has reported a later minute, or its
    end, is through with the earlier ones. After a rebalance a partition may report a minute
    again, with the same sums; only the first report counts.
    """

    def __init__(self, partitions: int) -> None:
        self._through = [-1] * partitions
        self._pending: dict[int, Sums] = {}
        self.repeated = 0

    @property
    def all_ended(self) -> bool:
        return min(self._through) == _END

    def report(self, partition: int, minute: int, sums: Sums) -> None:
        if minute <= self._through[partition]:
            self.repeated += 1
            return
        self._through[partition] = minute
        total = self._pending.setdefault(minute, {})
        for category, (cents, orders) in sums.items():
            into = total.setdefault(category, [0, 0])
            into[0] += cents
            into[1] += orders

    def report_end(self, partition: int) -> bool:
        """Whether this is the first time that the partition says so."""
        first = self._through[partition] != _END
        self._through[partition] = _END
        return first

    def final(self) -> list[tuple[int, Sums]]:
        """Take out the minutes that every partition is through with, oldest first."""
        through = min(self._through)
        minutes = sorted(minute for minute in self._pending if minute <= through)
        return [(minute, self._pending.pop(minute)) for minute in minutes]


# Later than every minute.
_END = 1 << 62
