"""What the kernel says of a process: CPU time and memory (Linux only, /proc); and its end."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

STOP_TIMEOUT_S = 20.0
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads, those that ended included; in steps of 10 ms."""
    text = Path(f"/proc/{pid}/stat").read_text()
    # The second field is the command in brackets, which may hold spaces and brackets.
    fields = text[text.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def memory_bytes(pid: int) -> int:
    """PSS: pages that several processes share count in equal parts for each."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/{pid}/smaps_rollup has no line Pss")


def stop(process: subprocess.Popen[bytes]) -> None:
    """It is gone afterwards: killed where it does not end when it is told to."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
