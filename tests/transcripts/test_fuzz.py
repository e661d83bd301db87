"""A few random command lines each time; tests/transcripts/fuzz.py looks longer."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from tests.transcripts.fuzz import fuzz

# The console consumer waits two seconds each time; its options have stories of their own.
TOOLS = ("kafka-topics", "kafka-consumer-groups", "kafka-configs", "kafka-get-offsets")
LINES = 60


@pytest.mark.apache
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_random_command_lines_mean_the_same(tmp_path: Path) -> None:
    lines = count()
    ran, found = fuzz(7, TOOLS, tmp_path, lambda: next(lines) < LINES)
    assert (ran, found) == (LINES, 0)
