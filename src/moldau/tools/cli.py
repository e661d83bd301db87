"""The subcommands of `moldau` that this wing gives: name, one line of help, and what runs it."""

from __future__ import annotations

from collections.abc import Callable

Command = Callable[[list[str]], int]


def _lazily(module: str, function: str = "main") -> Command:
    """Imports the module when the command is run: only what is asked for costs time."""

    def command(argv: list[str]) -> int:
        from importlib import import_module

        code: int = getattr(import_module(f"moldau.tools.{module}"), function)(argv)
        return code

    return command


SUBCOMMANDS: dict[str, tuple[str, Command]] = {
    "topics": ("list, create, describe, grow and delete topics", _lazily("cli_topics")),
    "groups": ("consumer groups: lag, members, reset, delete", _lazily("cli_groups")),
    "configs": ("what is set: topics, brokers, groups, quotas; set, unset", _lazily("cli_configs")),
    "offsets": ("where logs begin and end; delete old records", _lazily("cli_offsets")),
    "log": ("segments on the disk: dump, verify", _lazily("cli_log")),
    "produce": ("records from stdin", _lazily("cli_produce")),
    "consume": ("records to stdout", _lazily("cli_consume")),
    "perf": ("how fast records go in and out", _lazily("cli_perf")),
    "streams": ("a program of streams: describe, lag, reset, top", _lazily("cli_streams")),
    "worker": ("run a program of streams", _lazily("worker")),
    "faust": ("Faust's command line, for programs of moldau.faust", _lazily("faust")),
    "dlq": ("what a program of streams has given up: list, show, redrive", _lazily("cli_dlq")),
    "mirror": ("copy topics and group offsets to another Kafka", _lazily("mirror.command")),
}
