"""The rows: what the programs are asked to do."""

from __future__ import annotations

from typing import Literal, NamedTuple

Work = Literal["sum", "map", "join", "agent"]
Guarantee = Literal["at_least_once", "exactly_once"]


class Case(NamedTuple):
    """`keyed`: are the sales keyed by category already? If not, `sum` brings them together."""

    work: Work
    partitions: int = 1
    keyed: bool = True
    guarantee: Guarantee = "at_least_once"

    @property
    def name(self) -> str:
        parts = ["streams", self.work]
        if self.work == "sum":
            parts += ["keyed" if self.keyed else "repartitioned", f"{self.partitions}p"]
        return "-".join(parts) + ("-eos" if self.guarantee == "exactly_once" else "")

    @property
    def title(self) -> str:
        if self.work != "sum":
            return _TITLES[self.work]
        words = ["windowed sum", "keyed" if self.keyed else "repartitioned"]
        words += [f"{self.partitions} partition{'s' if self.partitions > 1 else ''}"]
        return ", ".join(
            [*words, "exactly once" if self.guarantee == "exactly_once" else "at least once"]
        )


_TITLES: dict[Work, str] = {
    "sum": "",
    "map": "map, topic to topic",
    "join": "stream-table join",
    "agent": "async agent that sends for each record",
}
CASES = (
    *(
        Case("sum", partitions, keyed, guarantee)
        for guarantee in ("at_least_once", "exactly_once")
        for keyed in (True, False)
        for partitions in (1, 6)
    ),
    Case("map"),
    Case("join"),
    Case("agent"),
)
