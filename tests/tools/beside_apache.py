"""The same command lines, run by Apache's tools and by ours beside each other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.apache_kafka import ToolServer


def differences(java: ToolServer, lines: Iterable[Sequence[str]]) -> list[str]:
    """Of stdout and exit codes, as lines to read. Both run in the folder of this process; a line
    that changes something is run twice, so it should change nothing the second time."""
    found = []
    for tool, *words in lines:
        code, stdout, stderr = java.run(tool, *words)
        script = Path(sys.executable).parent / tool
        ran = subprocess.run([script, *words], capture_output=True, text=True, timeout=60)
        if (ran.returncode, ran.stdout) != (code, stdout.decode()):
            found += [f"$ {tool} {' '.join(words)}", f"- {stdout.decode()}= {code} {stderr[:500]}"]
            found += [f"+ {ran.stdout}= {ran.returncode} {ran.stderr}"]
    return found
