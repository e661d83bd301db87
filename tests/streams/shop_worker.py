"""`moldau worker`, as a process of its own that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def worker(folder: Path, *words: str, until: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """Of the App in the folder's shop.py, which finds `until` as UNTIL. Gone when the test goes on;
    what it has said is shown when that has failed."""
    with subprocess.Popen(
        [sys.executable, "-m", "moldau", "worker", "-A", "shop:app", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **({"UNTIL": until} if until else {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        except BaseException:
            _kill(process)
            print(f"worker {' '.join(words)}: {process.communicate()[0]}")
            raise
        finally:
            _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    """And those that it has started: they hold its output open."""
    of_it = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    others = of_it.read_text().split() if process.poll() is None else []
    process.kill()
    for one in others:
        with suppress(ProcessLookupError):
            os.kill(int(one), signal.SIGKILL)
