"""Figures as text: medians with their spread, and ratios with an arrow."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

BETTER, WORSE, LEVEL, NONE = "▲", "▼", "=", "-"
LEVEL_WITHIN = 0.03  # a ratio this near to 1 is nobody's advantage
# What is compared: our broker at the same promise as the others, and at its default.
OURS = ("moldau-never", "moldau")


class Ratio(NamedTuple):
    """`value` is ours divided by theirs, `mark` says whether that is to our advantage."""

    value: float
    mark: str

    def __str__(self) -> str:
        return (
            f"{self.value:.3f} {self.mark}" if self.value < 0.1 else f"{self.value:.2f} {self.mark}"
        )


def ratio(ours: Sequence[float], theirs: Sequence[float], better: str) -> Ratio | None:
    """The median of the ratios of each repeat, in which both were measured shortly after each
    other. None where nothing can be divided,
    or where neither more nor less is better."""
    pairs = [a / b for a, b in zip(ours, theirs, strict=False) if b]
    if not pairs or not better:
        return None
    value = statistics.median(pairs)
    if abs(value - 1) <= LEVEL_WITHIN:
        return Ratio(value, LEVEL)
    return Ratio(value, BETTER if (value > 1) == (better == "more") else WORSE)


def figure(values: Sequence[float]) -> str:
    """The median, and how far the farthest repeat is from it."""
    median = statistics.median(values)
    text = number(median)
    if len(values) > 1 and median:
        spread = max(abs(value - median) for value in values) / median
        text += f" ±{spread:.0%}"
    return text


def number(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:.2f} M"
    if value >= 1e4:
        return f"{value / 1e3:.0f} k"
    if value >= 1e3:
        return f"{value / 1e3:.1f} k"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(result: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Head and lines: the row, a column for each broker, a column for each ratio."""
    brokers: dict[str, Any] = result["brokers"]
    rivals = result.get("rivals", [name for name in brokers if name not in OURS])
    pairs = [(a, b) for a in OURS if a in brokers for b in rivals]
    head = ["", "unit", *(about["label"] for about in brokers.values())]
    head += [f"{brokers[a]['label']}/{brokers[b]['label']}" for a, b in pairs]
    lines = []
    for row in result["rows"]:
        figures = row["figures"]
        cells = [figure(figures[name]) if name in figures else NONE for name in brokers]
        ratios = [
            ratio(figures[a], figures[b], row["better"]) if a in figures and b in figures else None
            for a, b in pairs
        ]
        lines.append([row["title"], row["unit"], *cells, *(str(r) if r else NONE for r in ratios)])
    return head, lines


def text(result: dict[str, Any]) -> str:
    """The table for a terminal, and below it what is not in it."""
    head, lines = table(result)
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    shown = [_aligned(line, widths) for line in [head, [""], *lines]]
    shown += ["", LEGEND]
    shown += [f"{name}: left out, {why}" for name, why in result["missing"].items()]
    for unit, failures in result["failures"].items():
        shown += [f"{unit}: {name} failed: {why}" for name, why in failures.items()]
    return "\n".join(shown)


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    """Words to the left, figures to the right."""
    words = [cell.ljust(width) for cell, width in zip(line[:2], widths, strict=False)]
    figures = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=False)]
    return "  ".join(words + figures).rstrip()


def markdown(result: dict[str, Any]) -> str:
    head, lines = table(result)
    rows = [head, ["---", "---", *["---:"] * (len(head) - 2)], *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


LEGEND = (
    f"Medians; ± is the repeat farthest from it. Ratios are ours / theirs: {BETTER} better for us, "
    f"{WORSE} worse, {LEVEL} within {LEVEL_WITHIN:.0%}. `never` is Moldau with moldau.sync=never, "
    "which promises what Apache Kafka does."
)
