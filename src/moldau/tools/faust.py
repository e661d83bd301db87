"""`moldau faust -A MODULE worker -l info`: Faust's command line, for programs of `moldau.faust`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from moldau.client.command_line import Parser
from moldau.streams.errors import StreamsError
from moldau.tools.interrupts import at_once_of_interrupts
from moldau.tools.supervisor import supervise
from moldau.tools.worker import MAKES_NONE, NoModule, module_at

if TYPE_CHECKING:
    from moldau.streams.faust.app import App


def parser() -> argparse.ArgumentParser:
    made = Parser(
        "moldau faust",
        description="Runs programs that were written for Faust. COMMAND: worker, send, agents, "
        "tables, or one of the program's own.",
    )
    made.add_argument("-A", "--app", required=True, metavar="MODULE", help="shop, or shop:app")
    made.add_argument("-W", "--workdir", metavar="FOLDER", help="go there first")
    made.add_argument("-D", "--datadir", help="does nothing: state is in the user's data folder")
    made.add_argument("-q", "--quiet", action="store_true", help="does nothing")
    made.add_argument("--debug", "--no-debug", action="store_true", help="does nothing")
    made.add_argument("--color", "--no-color", action="store_true", help="does nothing")
    made.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND ...")
    return made


def main(argv: list[str]) -> int:
    arguments = parser().parse_args(argv)
    if not arguments.command:
        parser().error("say a COMMAND, as in: moldau faust -A shop worker -l info")
    if arguments.workdir:
        os.chdir(arguments.workdir)
    try:
        with at_once_of_interrupts():
            app = load(arguments.app)
            from moldau.streams.faust.cli import main as run
    except StreamsError as error:
        print(f"moldau faust: {error}", file=sys.stderr)
        return 1

    def several(count: int, words: list[str], http: str | None) -> int:
        one = [*words, "-w", "1"]  # the last of them is taken
        command = ["faust", "-A", arguments.app, *one]
        return supervise(app.id, command, count, http, is_own=app.pages.has)

    return run(app, arguments.command, several=several)


def load(where: str) -> App:
    """The App of MODULE, MODULE:NAME or MODULE.NAME. Raises StreamsError."""
    from moldau.streams.faust.app import App

    module_name, _, name = where.partition(":")
    try:
        module = module_at(where, module_name)
    except NoModule:
        parent, _, last = module_name.rpartition(".")
        if name or not parent:
            raise
        module, name = module_at(where, parent), last
    found = getattr(module, name or "app", None)
    if isinstance(found, App):
        return found
    apps = [key for key, value in vars(module).items() if isinstance(value, App)]
    hint = f"it has {', '.join(apps)}" if apps else MAKES_NONE.format("faust")
    raise StreamsError(f"-A {where}: {module.__name__} has no App {name or 'app'!r}; {hint}")
