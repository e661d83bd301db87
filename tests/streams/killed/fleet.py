"""`moldau worker` in several slots, each a process that can be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
STOP_S = 60
END_S = 900


class Fleet:
    """The workers of the App in the folder's shop.py, which finds `until` as UNTIL, and where its
    state lies as STATE_DIR: one folder for all, or `are_machines`, one for each. Used as a context:
    behind it none is left. What they say is in worker-SLOT.log."""

    def __init__(self, folder: Path, count: int = 3, *, are_machines: bool = False) -> None:
        self.slots = range(count)
        self._are_machines = are_machines
        self.died: list[str] = []  # of their own accord
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *exc: object) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def start(self, *slots: int, until: str = "") -> None:
        for slot in slots or self.slots:
            state_dir = f"state-{slot}" if self._are_machines else "state"
            told = {"PYTHONPATH": str(ROOT), "UNTIL": until, "STATE_DIR": state_dir}
            with self._log(slot).open("ab") as log:
                self._processes[slot] = subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "moldau",
                        "worker",
                        "-A",
                        "shop:app",
                        "--slot",
                        f"{slot}",
                    ],
                    cwd=self._folder,
                    env={**os.environ, **told},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )

    def kill(self, *slots: int) -> None:
        """kill -9. Together: none of them sees the others go."""
        for slot in slots:
            self._processes[slot].send_signal(signal.SIGKILL)
        for slot in slots:
            self._processes[slot].wait()

    def stall(self, slot: int) -> None:
        """It stands still, as a machine that swaps, or is suspended; `go_on` ends that."""
        self._processes[slot].send_signal(signal.SIGSTOP)

    def go_on(self, slot: int) -> None:
        self._processes[slot].send_signal(signal.SIGCONT)

    def stop(self, *slots: int) -> None:
        """As Ctrl-C does; they end well, or at once where they have not begun yet. `died` says who
        did not."""
        self.revive()
        for slot in slots or self.slots:
            self._processes[slot].terminate()
        for slot in slots or self.slots:
            code = self._processes[slot].wait(STOP_S)
            if code not in (0, -signal.SIGTERM):  # a broker that took long
                self.died.append(f"worker {slot}: {self.said(slot)[-500:]}")

    def revive(self, until: str = "") -> None:
        """As the supervisor does: who has died is started again. `died` says what it said."""
        for slot, process in self._processes.items():
            if process.poll() not in (None, 0, -signal.SIGKILL):
                self.died.append(f"worker {slot}: {self.said(slot)[-500:]}")
                self.start(slot, until=until)

    def finish(self) -> None:
        """Read what there is, close everything, end."""
        self.start(until="end")
        end = time.monotonic() + END_S
        while any(process.poll() != 0 for process in self._processes.values()):
            said = [f"{slot}: {self.said(slot)}" for slot in self.slots]
            assert time.monotonic() < end, "\n".join(said)
            self.revive(until="end")
            time.sleep(0.2)

    def said(self, slot: int) -> str:
        return self._log(slot).read_text(errors="replace")[-3000:]

    def _log(self, slot: int) -> Path:
        return self._folder / f"worker-{slot}.log"
