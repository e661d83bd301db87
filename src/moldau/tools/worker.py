"""`moldau worker -A module:app [-w N]`: runs a program of streams in N processes.

One process is run here; several are supervised: one that dies is started again, with a pause that
grows while it keeps dying. More machines are more workers of the same group.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from moldau.streams.errors import StreamsError

if TYPE_CHECKING:
    from moldau.streams.app import App

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
HEALTHY_S = 60.0  # who has run for so long begins with the first pause again
LOOK_EVERY_S = 0.1


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "moldau worker", description="Runs a program of streams.", allow_abbrev=False
    )
    made.add_argument(
        "-A", "--app", required=True, metavar="MODULE:APP", help="where the App is, as shop:app"
    )
    made.add_argument("-w", "--workers", type=int, default=1, metavar="N", help="processes (1)")
    made.add_argument("--slot", type=int, help=argparse.SUPPRESS)  # of a supervised process
    return made


def main(argv: list[str]) -> int:
    arguments = parser().parse_args(argv)
    if arguments.workers < 1:
        print("moldau worker: -w must be 1 or more", file=sys.stderr)
        return 2
    try:
        app = load(arguments.app)
        if arguments.workers > 1:
            return Supervisor(["worker", "-A", arguments.app], arguments.workers).run()
        from moldau.streams.running.worker import run

        run(app, slot=arguments.slot or 0)
    except StreamsError as error:
        print(f"moldau worker: {error}", file=sys.stderr)
        return 1
    return 0


def load(where: str) -> App:
    """The App at MODULE:NAME, looked for in the current folder too; NAME may have dots, as
    app.program (of Faust's App). Raises StreamsError."""
    from moldau.streams.app import App

    module_name, _, name = where.partition(":")
    module = module_at(where, module_name, "; write MODULE:APP, as in -A shop:app")
    found: Any = module
    for part in (name or "app").split("."):
        found = getattr(found, part, None)
    if isinstance(found, App):
        return found
    apps = [key for key, value in vars(module).items() if isinstance(value, App)]
    hint = f"it has {', '.join(apps)}" if apps else "it makes none: app = moldau.App(...)"
    raise StreamsError(f"-A {where}: {module_name} has no App called {name or 'app'!r}; {hint}")


def module_at(where: str, name: str, advice: str = "") -> ModuleType:
    """The module that `-A where` names, looked for in the current folder too. Raises StreamsError
    when there is none; ModuleNotFoundError when a part of it, or what it imports, is missing."""
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        raise StreamsError(
            f"-A {where}: there is no module {name!r} here or on PYTHONPATH{advice}"
        ) from None


class Supervisor:
    """Keeps N processes running until it is told to stop; ends when all have ended by
    themselves."""

    def __init__(self, words: list[str], count: int) -> None:
        """`words`: of `moldau`, for one process; which of them it is, is put behind."""
        self._command = [sys.executable, "-m", "moldau", *words, "--slot"]
        self._count = count
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._started: dict[int, float] = {}
        self._pauses: dict[int, float] = {}
        self._due: dict[int, float] = {}
        self._stopping = False

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        for slot in range(self._count):
            self._start(slot)
        while self._processes or self._due:
            self._look()
            time.sleep(LOOK_EVERY_S)
        return 0

    def _start(self, slot: int) -> None:
        self._due.pop(slot, None)
        self._started[slot] = time.monotonic()
        # A session of its own: Ctrl-C reaches it through us, once.
        self._processes[slot] = subprocess.Popen(
            [*self._command, str(slot)], start_new_session=True, env=os.environ
        )

    def _look(self) -> None:
        now = time.monotonic()
        for slot, process in list(self._processes.items()):
            if process.poll() is None:
                continue
            del self._processes[slot]
            if process.returncode and not self._stopping:
                self._again(slot, process.returncode, now)
        for slot, due in list(self._due.items()):
            if now >= due:
                self._start(slot)

    def _again(self, slot: int, code: int, now: float) -> None:
        healthy = now - self._started[slot] > HEALTHY_S
        pause = FIRST_PAUSE_S if healthy else self._pauses.get(slot, FIRST_PAUSE_S)
        self._pauses[slot] = min(pause * 2, LONGEST_PAUSE_S)
        self._due[slot] = now + pause
        print(
            f"moldau worker: process {slot} ended with {code}; started again in {pause:g} s",
            file=sys.stderr,
        )

    def _stop(self, number: int, _frame: object) -> None:
        """A second time: at once."""
        sent = signal.SIGKILL if self._stopping else signal.SIGTERM
        self._stopping = True
        self._due.clear()
        for process in self._processes.values():
            process.send_signal(sent)
