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
import traceback
from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules
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
    module = module_at(where, module_name, "write MODULE:APP, as in -A shop:app")
    found: Any = module
    for part in (name or "app").split("."):
        found = getattr(found, part, None)
    if isinstance(found, App):
        return found
    apps = [key for key, value in vars(module).items() if isinstance(value, App)]
    hint = f"it has {', '.join(apps)}" if apps else "it makes none: app = moldau.App(...)"
    near = get_close_matches(name or "app", apps, 1)
    if near:
        hint = f"did you mean {near[0]}?"
    said = f"{module_name} has no App called {name or 'app'!r}"
    if found is not None:
        said = f"{name or 'app'} of {module_name} is no App, but a {type(found).__name__}"
    raise StreamsError(f"-A {where}: {said}; {hint}")


class NoModule(StreamsError):
    """There is no module of that name."""


def module_at(where: str, name: str, advice: str = "") -> ModuleType:
    """The module that `-A where` names, looked for in the current folder too. Raises StreamsError
    when there is none (NoModule), or when it fails; the text has its own traceback then."""
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            said = f"-A {where}: {_not_found(name, error.name)}"
            raise NoModule("; ".join([said, advice] if advice else [said])) from None
        raise StreamsError(_failed(where, name, error)) from None
    except (ValueError, TypeError):  # no name, or one that begins with a dot
        raise NoModule(f"-A {where}: {name!r} is no name of a module; {advice}") from None
    except Exception as error:
        raise StreamsError(_failed(where, name, error)) from None


def _not_found(name: str, missing: str) -> str:
    """Where it was looked for, and what is there that is called much the same."""
    if name.endswith(".py") or "/" in name:
        written = name.removesuffix(".py").strip("./").replace("/", ".")
        return f"{name} is a file, and a module is wanted: {written}"
    package = missing.rpartition(".")[0]
    path = sys.modules[package].__path__ if package in sys.modules else [os.getcwd()]
    there = [f"{package}.{one.name}".strip(".") for one in iter_modules(path)]
    near = get_close_matches(missing, there, 1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"there is no module {missing!r} in {os.getcwd()} or on PYTHONPATH{hint}"


def _failed(where: str, name: str, error: Exception) -> str:
    """With the traceback from the module on: the rest is ours."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = ("importlib" in one.filename or one.filename == __file__ for one in frames)
    behind = frames[max((at + 1 for at, is_ours in enumerate(ours) if is_ours), default=0) :]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(behind)]
    lines += traceback.format_exception_only(error)
    return f"-A {where}: {name} fails when it is imported:\n{''.join(lines).rstrip()}"


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
