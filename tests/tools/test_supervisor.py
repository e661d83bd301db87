"""Several processes are told to stop whenever that may be."""

from __future__ import annotations

import signal as signals
import subprocess
import sys
from pathlib import Path

import pytest

# Each process that is opened is one that would run for long. A signal comes in the middle of that.
PROGRAM = """
import os, signal, subprocess, sys
from moldau.tools.supervisor import Supervisor

class Told(Supervisor):
    def _opened(self, command, slot):
        sleeps = [sys.executable, "-c", "import time; time.sleep(300)"]
        made = subprocess.Popen(sleeps, start_new_session=True)
        print(made.pid, flush=True)
        if slot == {slot}:
            for _ in range({times}):
                os.kill(os.getpid(), signal.{signal})
        return made

sys.exit(Told([], 3).run())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slot", "times", "signal"), [(0, 1, "SIGTERM"), (1, 1, "SIGINT"), (2, 1, "SIGTERM"),
                                  (1, 2, "SIGTERM")]
)  # fmt: skip
def test_it_may_be_told_to_stop_while_it_starts_a_process(
    slot: int, times: int, signal: str
) -> None:
    """That one is told too, and no other is started."""
    program = PROGRAM.format(slot=slot, times=times, signal=signal)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.split()) == slot + 1


ENDS = """
import json, os, sys
from moldau.tools import supervisor

supervisor.FIRST_PAUSE_S, supervisor.LOOK_EVERY_S = 0.001, 0.01
tells = {tells!r}

class Ends(supervisor.Supervisor):
    def __init__(self):
        super().__init__([], 3)
        code = "import os, sys, time; "
        code += "slot, pipe = int(sys.argv[2]), int(sys.argv[6]); "
        code += f"ends = slot == 1; os.write(pipe, {{json.dumps(tells).encode() + bytes([10])!r}}) "
        code += "if ends else time.sleep(300); sys.exit(7)"
        self._command = [sys.executable, "-c", code]

sys.exit(Ends().run())
"""


def ended(tells: dict[str, object]) -> subprocess.CompletedProcess[str]:
    """Of three processes one tells that and ends with 7, whenever it is started."""
    return subprocess.run(
        [sys.executable, "-c", ENDS.format(tells=tells)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_what_the_program_itself_ends_ends_for_all_with_its_code() -> None:
    """It was started again, and again."""
    of_all = ended({"is_exit": True})
    assert of_all.returncode == 7
    assert of_all.stderr == ("moldau worker: process 1 has called sys.exit(7), and so all end\n")


@pytest.mark.slow
def test_an_error_that_ends_a_process_again_and_again_is_said_once_and_then_why_all_end() -> None:
    of_all = ended({"error": "shop reads orders, which is not there"})
    assert of_all.returncode == 1
    first, pause, last = of_all.stderr.splitlines()
    assert first == "moldau worker: shop reads orders, which is not there"
    assert pause.startswith("moldau worker: what ends so is started again")
    assert last == (
        "moldau worker: gives up: process 1 has ended 8 times with: "
        "shop reads orders, which is not there"
    )


WORKER = """
import sys
from moldau.streams.running import process

class Worker:
    pass

def run(app, slot, http, announce_to, told, failed):
    print("runs", flush=True)
    while True:
        told._is_over.wait(300)

process._run = run
process.run(None, parent=int(sys.argv[1]))
"""
GONE = """
import os, signal, subprocess, sys
worker = [sys.executable, "-c", sys.argv[1], str(os.getpid())]
subprocess.Popen(worker, start_new_session=True)
signal.pause()
"""


@pytest.mark.slow
def test_a_process_ends_when_its_supervisor_is_gone() -> None:
    """As after kill -9: nobody else would ever end it. Its output ends when it does."""
    supervisor = subprocess.Popen(
        [sys.executable, "-c", GONE, WORKER], stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == "runs\n"
    supervisor.kill()
    assert supervisor.communicate(timeout=60)[0] == ""


LOSES = """
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(100):
        pass
except KeyboardInterrupt:  # as in what an import calls back
    pass
print("goes on", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", [["worker", "-A", "loses:app"], ["faust", "-A", "loses", "x"]])
def test_an_interrupt_while_it_imports_is_not_lost(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "loses.py").write_text(LOSES)
    ended = subprocess.run(
        [sys.executable, "-m", "moldau", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: signals.signal(signals.SIGINT, signals.SIG_DFL),
    )
    assert (ended.returncode, ended.stdout) == (-signals.SIGINT, "")
