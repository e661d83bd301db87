"""What a document of workers comes to: by stage, and in all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from moldau.streams.watching.document import Document, Process
from moldau.streams.watching.rate import Rate


@dataclass
class StepRow:
    name: str
    verb: str
    records: int = 0
    late: int = 0
    errors: int = 0


@dataclass
class StageRow:
    """`watermark`: the least of its tasks', in ms since 1970. `behind`: records not read yet."""

    name: str
    tasks: int = 0
    behind: int = 0
    watermark: int | None = None
    keys: int = 0
    bytes: int = 0
    steps: dict[str, StepRow] = field(default_factory=dict)


def stages(document: Document) -> list[StageRow]:
    rows: dict[str, StageRow] = {}
    for process in document.processes:
        _add(rows, process)
    return list(rows.values())


def _add(rows: dict[str, StageRow], process: Process) -> None:
    def row(stage: str) -> StageRow:
        return rows.setdefault(stage, StageRow(stage))

    for read in process.topics:
        _count(row(read.stage), read.topic, "topic", read.records, 0, read.errors)
    for step in process.steps:
        _count(row(step.stage), step.step, step.verb, step.records, step.late, step.errors)
    for task in process.tasks:
        stage = row(task.stage)
        stage.tasks += 1
        stage.behind += task.behind or 0
        known = [one for one in (stage.watermark, task.watermark) if one is not None]
        stage.watermark = min(known, default=None)
    for state in process.state:
        stage = row(state.stage)
        stage.keys += state.keys
        stage.bytes += state.bytes


def _count(stage: StageRow, name: str, verb: str, records: int, late: int, errors: int) -> None:
    step = stage.steps.setdefault(f"{verb} {name}", StepRow(name, verb))
    step.records += records
    step.late += late
    step.errors += errors


class Rates:
    """Of counters by name."""

    def __init__(self) -> None:
        self._rates: dict[str, Rate] = {}

    def of(self, name: str, count: int) -> float:
        return max(0.0, self._rates.setdefault(name, Rate()).per_second(count))


def least_watermark(rows: Iterable[StageRow]) -> int | None:
    return min((one.watermark for one in rows if one.watermark is not None), default=None)
