"""State ten times as large as its share of memory: the same results, in a part of the memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import State
from moldau.streams.engine.state_memory import shrink
from moldau.streams.engine.task import Task
from moldau.streams.running.local_store import LocalStore
from moldau.streams.topology import topology
from tests.streams.shop_worker import ROOT

STATUS = Path("/proc/self/status")
KEYS, BATCH, TEXT = 40_000, 2_000, "x" * 600


class Note(msgspec.Struct):
    of: int
    text: str


def highest_kb() -> int:
    """Not ru_maxrss, which begins with what the parent had."""
    (line,) = (one for one in STATUS.read_text().splitlines() if one.startswith("VmHWM:"))
    return int(line.split()[1])


def run(folder: Path, bound: int) -> tuple[int, int]:
    """By how many KB the process grew, and how many of all results were as they should be."""
    app = moldau.App("notes")
    notes = app.topic("notes", Note, key="of")
    results = app.topic("last", dict)
    app.stream(notes).group_by("of").agg(n=moldau.count(), text=moldau.last("text")).to(results)
    made = topology(app.id, app.nodes)
    state = State(LocalStore(folder, "topic"))
    task = Task(made, made.stages[0], 0, {"notes": 1, "last": 1}, state)
    right = 0
    before = highest_kb()
    for turn in range(2):
        for first in range(0, KEYS, BATCH):
            offsets = range(turn * KEYS + first, turn * KEYS + first + BATCH)
            keys = range(first, first + BATCH)
            values = [msgspec.json.encode(Note(key, f"{TEXT}{turn} {key}")) for key in keys]
            names: Any = [str(key).encode() for key in keys]
            task.feed("notes", Records(offsets, [0] * BATCH, names, values), 0)
            changes = task.checkpoint()
            task.committed(changes, offsets[-1] + 1)
            shrink([state], bound)
            for output in task.outputs:
                row = msgspec.json.decode(output.value or b"")
                right += row["n"] == turn + 1 and row["text"] == f"{TEXT}{turn} {row['of']}"
            task.outputs.clear()
    return highest_kb() - before, right


def measured(folder: Path, bound: int) -> int:
    text = "from tests.streams.test_state_memory import *; "
    text += f"print(*run(Path({str(folder)!r}), {bound}))"
    told = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    grown, right = map(int, told.stdout.split())
    assert right == 2 * KEYS
    return grown


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="the system does not say what memory was used")
def test_memory_is_bounded_and_results_are_the_same(tmp_path: Path) -> None:
    unbounded = measured(tmp_path / "a", 1 << 40)
    bounded = measured(tmp_path / "b", 4 << 20)
    assert unbounded > 40_000
    assert bounded < unbounded * 0.7
