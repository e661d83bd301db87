"""`moldau worker -A module:app [-w N]`: runs a program of streams in N processes.

One process is run here, several are supervised (`supervisor.py`). More machines are more workers of
the same group.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING, Any

from moldau.client.command_line import Parser
from moldau.client.near_names import nearest
from moldau.streams.errors import StreamsError
from moldau.streams.traces import trace
from moldau.tools.interrupts import at_once_of_interrupts
from moldau.tools.supervisor import add_supervised, supervise

if TYPE_CHECKING:
    from moldau.streams.app import App


def parser() -> argparse.ArgumentParser:
    made = Parser("moldau worker", description="Runs a program of streams.")
    made.add_argument(
        "-A", "--app", required=True, metavar="MODULE:APP", help="where the App is, as shop:app"
    )
    made.add_argument("-w", "--workers", type=int, default=1, metavar="N", help="processes (1)")
    made.add_argument(
        "--http",
        metavar="[HOST:]PORT",
        help="answer there, for all processes: /metrics, /tables, /health; without HOST to this "
        "machine only",
    )
    made.add_argument("--live", action="store_true", help="show what goes on; lines in a pipe")
    add_supervised(made)
    return made


def main(argv: list[str]) -> int:
    arguments = parser().parse_args(argv)
    if arguments.workers < 1:
        print("moldau worker: -w must be 1 or more", file=sys.stderr)
        return 2
    try:
        with at_once_of_interrupts():
            app = load(arguments.app)
        if arguments.workers > 1 or arguments.live:
            words = ["worker", "-A", arguments.app]
            return supervise(app.id, words, arguments.workers, arguments.http, arguments.live)
        with at_once_of_interrupts():
            from moldau.streams.running.process import run
        run(
            app,
            slot=arguments.slot or 0,
            http=arguments.http,
            announce_to=arguments.announce_to,
            parent=arguments.parent,
            tell=_tell,
        )
    except StreamsError as error:
        if not error.is_told:
            _tell(str(error))
        return 1
    return 0


def _tell(text: str) -> None:
    print(f"moldau worker: {text}", file=sys.stderr, flush=True)


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
    hint = f"it has {', '.join(apps)}" if apps else MAKES_NONE.format("moldau")
    near = nearest(name or "app", apps)
    if near:
        hint = f"did you mean {near}?"
    said = f"{module_name} has no App called {name or 'app'!r}"
    if found is not None:
        said = f"{name or 'app'} of {module_name} is no App, but a {type(found).__name__}"
    raise StreamsError(f"-A {where}: {said}; {hint}")


MAKES_NONE = (
    "it makes none where it is imported: write app = {}.App(...) at its top, in no function or if"
)


class NoModule(StreamsError):
    """There is no module of that name."""


def module_at(where: str, name: str, advice: str = "") -> ModuleType:
    """The module that `-A where` names, looked for in the current folder too. Raises StreamsError
    when there is none (NoModule), or when it fails; the text has its own traceback then."""
    if not name or (name.startswith(".") and "/" not in name):
        raise NoModule(f"-A {where}: {name!r} is no name of a module; {advice}")
    if name.startswith("."):
        raise NoModule(f"-A {where}: {_not_found(name, name)}")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            said = f"-A {where}: {_not_found(name, error.name)}"
            raise NoModule("; ".join([said, advice] if advice else [said])) from None
        raise StreamsError(_failed(where, name, error)) from None
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
    near = nearest(missing, there)
    hint = f" (did you mean {near}?)" if near else ""
    return f"there is no module {missing!r} in {os.getcwd()} or on PYTHONPATH{hint}"


def _failed(where: str, name: str, error: Exception) -> str:
    return f"-A {where}: {name} fails when it is imported:\n{trace(error)}"
