"""One measurement: a program is started on a topic that is full already, and asked between two
points how much CPU time it has taken and how many records it has done."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.process import cpu_seconds, memory_bytes, stop
from bench.streams.cases import Case
from bench.streams.engines import Engine, Job
from bench.streams.progress import Progress
from bench.streams.topics import Topics
from bench.streams.verify import verdict
from bench.unit import ROOT, Figures, MeasureError

LIMIT_S = 240.0
LOOK_EVERY_S = 0.02
IDLE_CORES = 0.15  # a program that takes less has nothing to do
IDLE_AFTER_S = 0.3
TO_SETTLE_S = 5.0
TO_CLOSE_S = 15.0  # for windows that only silence closes
_numbers = itertools.count(1)


class Size(NamedTuple):
    """How many records there are, how many of them come before the first point, and how often is
    committed."""

    records: int
    warm: int
    checkpoint_ms: int


class Measured(NamedTuple):
    figures: Figures  # by the end of a row's key
    verdict: str  # what is wrong with the results; "" nothing


class _Point(NamedTuple):
    records: int
    cpu: float
    time: float


@dataclass
class _Watched:
    """A running program, and what it has come to."""

    process: subprocess.Popen[bytes]
    progress: Callable[[], int]
    log: Path

    def point(self) -> _Point:
        if self.process.poll() is not None:
            said = self.log.read_text(errors="replace").strip().splitlines()[-3:]
            raise MeasureError(f"it ended: {' / '.join(said)[-300:]}")
        return _Point(self.progress(), cpu_seconds(self.process.pid), time.monotonic())

    def reached(self, records: int) -> _Point:
        until = time.monotonic() + LIMIT_S
        while (point := self.point()).records < records:
            if point.time > until:
                raise MeasureError(f"{point.records} of {records} records in {LIMIT_S:.0f} s")
            time.sleep(LOOK_EVERY_S)
        return point

    def settled(self, end: _Point) -> _Point:
        """With what is left to do when all has been read: the time is that of `end`. One that is
        never idle is not waited for."""
        before, until = end, time.monotonic() + TO_SETTLE_S
        while before.time < until:
            time.sleep(IDLE_AFTER_S)
            now = self.point()
            if (now.cpu - before.cpu) / (now.time - before.time) < IDLE_CORES:
                return now._replace(time=end.time)
            before = now
        return end


def measure(
    engine: Engine, case: Case, size: Size, topics: Topics, scratch: Path, *, is_verified: bool
) -> Measured:
    """Raises MeasureError. To look at all results takes longer than to make them."""
    number = next(_numbers)
    name = f"bench-{engine.name}-{number}"
    job = Job(
        address=topics.address,
        work=case.work,
        input=topics.sales(case, size.records),
        output=topics.output(f"{name}-out", case.partitions),
        table=topics.table(case.partitions) if case.work == "join" else "",
        partitions=case.partitions,
        keyed=case.keyed,
        guarantee=case.guarantee,
        group=name,
        records=size.records,
        folder=str(scratch / name),
        checkpoint_ms=size.checkpoint_ms,
    )
    (scratch / name).mkdir()
    progress = Progress(job)
    log = scratch / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            engine.command(job),
            cwd=ROOT,
            env=engine.environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        watched = _Watched(process, progress.by(engine.progress), log)
        warm = watched.reached(size.warm)
        read = watched.reached(progress.goal(engine.progress))
        end = watched.settled(read)
        memory = memory_bytes(process.pid) / 1e6
        said = verdict(job, TO_CLOSE_S) if is_verified else ""
    finally:
        stop(process)
        progress.close()
        topics.drop(job.output)
    done = end.records - warm.records
    if not done:
        raise MeasureError("it had done all before it was looked at: too few records")
    figures = {
        "cpu": (end.cpu - warm.cpu) / done * 1e6,
        "rate": done / (end.time - warm.time),
        "memory": memory,
    }
    return Measured(figures, said)
