"""What the subcommands of `moldau` share: where to connect, how to show, how to fail.

Tables are for people: drawn on a terminal, plain columns in a pipe. `--json` is for programs.
Every failure ends with a sentence on stderr and an exit code that is not 0.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from moldau.client.admin import Admin
from moldau.client.command_line import Parser
from moldau.client.errors import KafkaError
from moldau.client.near_names import nearest

DEFAULT_SERVERS = "localhost:9092"
SERVERS_VARIABLE = "MOLDAU_BOOTSTRAP_SERVERS"
_TIMES = {"default.api.timeout.ms": "10000", "request.timeout.ms": "10000"}


class Failure(Exception):
    """A sentence that says what was wrong and what to do. Exit code 1."""


def parser(name: str, about: str) -> argparse.ArgumentParser:
    return Parser(f"moldau {name}", description=about)


def add_action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str
) -> argparse.ArgumentParser:
    """An action that asks a Kafka."""
    made = actions.add_parser(name, help=about, description=about)
    add_common(made)
    return made


def with_action(argv: list[str], action: str = "list") -> list[str]:
    """The command line with the action that is meant when none was typed."""
    typed = argv and (not argv[0].startswith("-") or argv[0] in ("-h", "--help"))
    return argv if typed else [action, *argv]


def add_common(target: argparse.ArgumentParser) -> None:
    target.add_argument(
        "-b",
        "--bootstrap-server",
        metavar="HOST:PORT",
        default=os.environ.get(SERVERS_VARIABLE, DEFAULT_SERVERS),
        help=f"the Kafka to ask (default: {DEFAULT_SERVERS}, or ${SERVERS_VARIABLE})",
    )
    add_json(target)


def add_json(target: argparse.ArgumentParser) -> None:
    target.add_argument("--json", action="store_true", help="print JSON, for programs")


def guarded(name: str, body: Callable[[], int]) -> int:
    """Runs a subcommand; what fails becomes a sentence and an exit code."""
    try:
        code = body()
        sys.stdout.flush()
    except (Failure, KafkaError) as error:
        print(f"moldau {name}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Nobody reads any more: the interpreter must not complain about it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        return code
    return 1


def guarded_action(
    name: str,
    top: argparse.ArgumentParser,
    argv: list[str],
    body: Callable[[argparse.Namespace], int],
) -> int:
    """Runs the action that was typed; without one, the help is shown."""
    arguments = top.parse_args(argv)
    if arguments.action is None:
        top.print_help()
        return 2
    return guarded(name, lambda: body(arguments))


@contextmanager
def admin(servers: str) -> Iterator[Admin]:
    client = Admin(servers, _TIMES, waits=False)
    try:
        yield client
    finally:
        client.close()


def show(rows: Sequence[dict[str, object]], columns: Sequence[str], as_json: bool) -> None:
    """Rows as JSON, as a table on a terminal, or as plain columns in a pipe."""
    if as_json:
        print_json(rows)
    elif sys.stdout.isatty():
        _draw(rows, columns)
    else:
        _print_plain(rows, columns)


def print_json(value: object) -> None:
    import json

    print(json.dumps(value, ensure_ascii=False))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return " ".join(f"{k}={v}" for k, v in value.items())
    return str(value)


def _print_plain(rows: Sequence[dict[str, object]], columns: Sequence[str]) -> None:
    lines = [[name.upper() for name in columns]]
    lines += [[_cell(row[name]) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        padded = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def _draw(rows: Sequence[dict[str, object]], columns: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for name in columns:
        is_number = bool(rows) and all(isinstance(row[name], int | None) for row in rows)
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row[name])) for name in columns))
    Console().print(table)


def did_you_mean(word: str, known: Sequence[str], what: str) -> str:
    """A sentence about a name of a topic or group (`what`) that is not there."""
    near = nearest(word, known)
    hint = f"did you mean {near!r}?" if near else f"`moldau {what}s` shows what is there."
    return f"There is no {what} {word!r}; {hint}"
