"""What a worker tells of itself: `/metrics.json`, and all that others are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

Status = Literal["starting", "restoring", "running", "stopping"]


class Read(msgspec.Struct):
    """A topic of the user's, as a stage reads it. `errors`: records that could not be read."""

    stage: str
    topic: str
    records: int
    errors: int


class Step(msgspec.Struct):
    """`records` that it was given; `errors`: those that it gave up; `late`: that came too late
    for it."""

    stage: str
    step: str
    verb: str
    records: int
    errors: int
    late: int


class TaskTold(msgspec.Struct):
    """`watermark`: event time in ms since 1970, None where none has come or all has. `behind`:
    records that are there and were not read yet, as far as it is known."""

    stage: str
    partition: int
    watermark: int | None
    behind: int | None


class StateTold(msgspec.Struct):
    """Of a stage's tasks in this process: what is committed of one of its tables."""

    stage: str
    table: str
    keys: int
    bytes: int


class Restoring(msgspec.Struct):
    """How many records of its changelog a task has read again."""

    stage: str
    partition: int
    done: int
    total: int


class Process(msgspec.Struct):
    """Times in ms since 1970, spans in s. Counts are since the start of the process."""

    process: str
    machine: str
    slot: int
    pid: int
    status: Status
    started: int
    at: int  # when it was told
    round_s_ago: float = 0.0  # when it came round last: a worker that hangs does not
    records: int = 0
    records_per_second: float = 0.0
    checkpoints: int = 0
    checkpoint_last_s: float = 0.0
    checkpoint_total_s: float = 0.0
    aborted_transactions: int = 0
    dead_letters: int = 0
    topics: Sequence[Read] = ()
    steps: Sequence[Step] = ()
    tasks: Sequence[TaskTold] = ()
    state: Sequence[StateTold] = ()
    restoring: Sequence[Restoring] = ()


class Document(msgspec.Struct):
    """`silent`: processes that should have answered and did not, each with why."""

    app: str
    processes: list[Process]
    silent: list[str] = []
