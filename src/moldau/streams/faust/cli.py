"""Faust's command line: `worker`, `send`, `agents`, `tables`, and a program's own commands."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import logging
import sys
from collections.abc import Callable
from typing import Any

from moldau.client.command_line import Parser
from moldau.streams.errors import StreamsError
from moldau.streams.faust.app import App
from moldau.streams.faust.beside import Command
from moldau.streams.faust.declaring import declare
from moldau.streams.running.ears import interruptible
from moldau.streams.running.process import run

_LOG = logging.getLogger("moldau.faust")
# Runs so many processes with these arguments, which answer together at HOST:PORT (None: nowhere).
Several = Callable[[int, list[str], str | None], int]
_ELSEWHERE = {
    "reset": "moldau streams reset -A MODULE:APP.program",
    "models": "read the program",
    "model": "read the program",
    "clean-versions": "moldau topics delete",
    "livecheck": "moldau.testing.run(app)",
    "completion": "moldau completion",
}
_LEVELS = ("debug", "info", "warning", "warn", "error", "critical", "crit")


def parser(app: App, prog: str) -> argparse.ArgumentParser:
    made = Parser(prog)
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    worker = commands.add_parser("worker", help="runs the program", add_help=False)
    worker.add_argument("--help", action="help")
    worker.add_argument("-w", "--workers", type=int, default=1, metavar="N", help="processes (1)")
    worker.add_argument("-l", "--loglevel", default="warning", type=str.lower, choices=_LEVELS)
    worker.add_argument("-f", "--logfile", help="log there (stderr)")
    worker.add_argument("-p", "--web-port", type=int, help="serve pages there, and /tables (6066)")
    worker.add_argument("-h", "--web-host", help="to whom: 0.0.0.0 is everybody (localhost)")
    worker.add_argument("-b", "--web-bind", dest="web_host", help=argparse.SUPPRESS)
    worker.add_argument("--with-web", action="store_true", dest="web", default=None)
    worker.add_argument("--without-web", action="store_false", dest="web", help="serve nothing")
    for name in ("-t", "--web-transport", "--console-port", "--blocking-timeout"):
        worker.add_argument(name, help=argparse.SUPPRESS)
    for name in ("--http", "--slot", "--announce-to", "--parent"):  # what a supervisor tells
        worker.add_argument(name, type=str if name == "--http" else int, help=argparse.SUPPRESS)
    send = commands.add_parser("send", help="one record to a topic, or to @AGENT")
    send.add_argument("to")
    send.add_argument("value", nargs="?", help="JSON, or text")
    send.add_argument("-k", "--key")
    send.add_argument("--partition", type=int)
    send.add_argument("-r", "--repeat", type=int, default=1)
    commands.add_parser("agents", help="lists them")
    commands.add_parser("tables", help="lists them")
    for name, command in app.commands.items():
        text = (inspect.getdoc(command.function) or "").partition("\n")[0].replace("%", "%%")
        own = commands.add_parser(name, help=text, description=text)
        for parameter in command.parameters:
            parameter.add_to(own)
    return made


def script(app: App) -> None:
    """For `app.main()`: ends the process."""
    sys.exit(main(app, sys.argv[1:], sys.argv[0]))


def main(
    app: App,
    argv: list[str],
    prog: str = "moldau faust",
    several: Several | None = None,
) -> int:
    """`several`: where that can be done."""
    if argv and argv[0] in _ELSEWHERE:
        print(f"{prog}: there is no {argv[0]} here: {_ELSEWHERE[argv[0]]}", file=sys.stderr)
        return 2
    app.discover()
    if argv and argv[0].replace("_", "-") in app.commands:  # Faust takes both
        argv = [argv[0].replace("_", "-"), *argv[1:]]
    arguments = parser(app, prog).parse_args(argv)
    try:
        if arguments.command == "worker":
            return _worker(app, arguments, argv, prog, several)
        if arguments.command == "send":
            return _send(app, arguments)
        if arguments.command in ("agents", "tables"):
            return _list(app, arguments.command)
        return _own(app, app.commands[arguments.command], arguments)
    except StreamsError as error:
        if not error.is_told:
            print(f"{prog}: {error}", file=sys.stderr)
        return 1


def _worker(
    app: App,
    arguments: argparse.Namespace,
    argv: list[str],
    prog: str,
    several: Several | None,
) -> int:
    level = {"warn": "WARNING", "crit": "CRITICAL"}.get(arguments.loglevel)
    logging.basicConfig(level=level or arguments.loglevel.upper(), filename=arguments.logfile)
    http = arguments.http or _http(app, arguments)
    if arguments.workers > 1:
        if several is None:
            raise StreamsError("-w: run it as `moldau faust -A MODULE worker -w N`")
        return several(arguments.workers, argv, http)
    program = app.program
    app.signals["on_worker_init"].send(app)
    with interruptible():
        declare(app)
    _LOG.info("%s: agents %s on %s", app.id, ", ".join(app.agents), program.bootstrap_servers)
    try:
        run(
            program,
            slot=arguments.slot or 0,
            http=http,
            announce_to=arguments.announce_to,
            parent=arguments.parent,
            tell=lambda text: print(f"{prog}: {text}", file=sys.stderr, flush=True),
        )
    finally:
        app.outside.close()
    return 0


def _http(app: App, arguments: argparse.Namespace) -> str | None:
    """HOST:PORT where it answers, if it does: when it has pages, or is asked to."""
    conf = app.conf
    is_wanted = arguments.web is not False and (conf.web_enabled or arguments.web)
    is_asked = arguments.web or arguments.web_port is not None
    if not is_wanted or not (app.pages or is_asked):
        return None
    conf.web_host = arguments.web_host or conf.web_host
    conf.web_port = conf.web_port if arguments.web_port is None else arguments.web_port
    return conf.http


def _send(app: App, arguments: argparse.Namespace) -> int:
    to = arguments.to
    if to.startswith("@"):
        if to[1:] not in app.agents:
            raise StreamsError(f"there is no agent {to[1:]!r}; there is {', '.join(app.agents)}")
        topic = app.agents[to[1:]].channel
    else:
        topic = app.topics.get(to) or app.topic(to)
    declare(app)
    value = _value(arguments.value)
    for _ in range(arguments.repeat):
        topic.send(key=arguments.key, value=value, partition=arguments.partition)
    app.outside.flush()
    return 0


def _value(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text


def _list(app: App, what: str) -> int:
    if what == "agents":
        for agent in app.agents.values():
            print(f"@{agent.name}\t{agent.channel.name}")
    else:
        for table in app.tables.values():
            print(f"{table.name}\t{table.help}")
    return 0


class _Self:
    """What a command gets that asks for more than its parameters."""

    def __init__(self, app: App) -> None:
        self.app = app

    def say(self, *text: Any, **options: Any) -> None:
        print(*text, **options)

    def carp(self, *text: Any, **options: Any) -> None:
        print(*text, **options, file=sys.stderr)


def _own(app: App, command: Command, arguments: argparse.Namespace) -> int:
    """What it sends has arrived when it ends."""
    declare(app)
    given = {one.name: getattr(arguments, one.name) for one in command.parameters}
    names = list(inspect.signature(command.function).parameters)
    before = [_Self(app)] if names and names[0] not in given else []
    made = command.function(*before, **given)
    if inspect.iscoroutine(made):
        asyncio.run(made)
    app.outside.flush()
    return 0
