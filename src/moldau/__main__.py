"""The entry point: the one place that sees both wings.

`moldau up`, `moldau demo` and `moldau folder` are assembled here; the other subcommands are
`tools`'. Only the subcommand that is asked for is imported.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

USAGE = """\
usage: moldau COMMAND [options]

Kafka for Python people: a broker and the kafka-* tools.

  up          start a broker (moldau up --temporary: try it, keep nothing)
  status      the brokers that run here
  down        stop a broker that runs here
  demo        the main job: orders, shipments, revenue per minute, checked to the cent
  folder      what is in a data folder, and whether Moldau and Apache Kafka can go on with it
{others}
  completion  for bash, zsh and fish

moldau COMMAND --help says more. The kafka-* tools (kafka-topics, kafka-console-consumer, ...)
are commands of their own.
"""
_COMMANDS = {"up", "status", "down", "demo", "folder", "completion"}


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except KeyboardInterrupt:  # before whatever was asked for could see to it
        return 130


def _run(words: list[str]) -> int:
    if words and words[0] == "up":
        return up(words[1:])
    if words and words[0] == "demo":
        return demo(words[1:])
    if words and words[0] in ("status", "down"):
        from moldau.tools import instances

        return (instances.status if words[0] == "status" else instances.down)(words[1:])
    if words and words[0] == "folder":
        from moldau.server.folder import check

        return check.main(words[1:], _folder_parser())
    if words and words[0] == "completion":
        return completion(words[1:])
    if words and words[0] in ("--version", "version"):
        from moldau.version import __version__

        print(f"moldau {__version__}")
        return 0
    return _other(words)


def _other(words: list[str]) -> int:
    from moldau.tools.cli import SUBCOMMANDS

    if not words or words[0] in ("-h", "--help", "help"):
        others = "\n".join(f"  {name:<11} {text}" for name, (text, _) in SUBCOMMANDS.items())
        print(USAGE.format(others=others))
        return 0
    if words[0] in SUBCOMMANDS:
        return SUBCOMMANDS[words[0]][1](words[1:])
    from moldau.client.near_names import nearest

    near = nearest(words[0], _COMMANDS | SUBCOMMANDS.keys())
    hint = f"did you mean `moldau {near}`?" if near else "`moldau --help` lists what there is."
    print(f"moldau: there is no command {words[0]!r}; {hint}", file=sys.stderr)
    return 2


def up(argv: Sequence[str]) -> int:
    from moldau.protocol.user_folder import user_data_folder
    from moldau.server.given import SettingsError
    from moldau.server.settings import read_config, resolve

    arguments = _up_parser().parse_args(argv)
    try:
        config = None if arguments.config is None else read_config(arguments.config)
        settings = resolve(
            user_data=user_data_folder(os.environ, os.path.expanduser("~"), sys.platform),
            host=arguments.host,
            port=arguments.port,
            data=arguments.data,
            temporary=arguments.temporary,
            overrides=arguments.option,
            environ=None if arguments.no_environment else os.environ,
            config=config,
        )
    except SettingsError as error:
        print(f"moldau up: {error}", file=sys.stderr)
        return 1
    if arguments.detach:
        from moldau.server.detach import detach

        return detach(argv, settings.notes, config)
    from moldau.server.up import up as run

    return run(
        settings,
        ready_files=arguments.ready_file,
        parent=arguments.parent,
        scratch=arguments.scratch,
    )


def _up_parser() -> argparse.ArgumentParser:
    from moldau.client.command_line import Parser

    parser = Parser(
        "moldau up",
        description="Starts one broker.",
        epilog="Exit code: 0 when it was told to stop, 1 when it could not start or its disk "
        "failed, 2 when the options make no sense. --detach returns when the broker serves.",
    )
    add = parser.add_argument
    add("--host", help="the address to listen on (default: localhost, this machine only)")
    add("--port", type=int, help="the port to listen on (default: 9092; 0 picks a free one)")
    add("--data", metavar="DIR", help="the folder that keeps everything (default: the user's)")
    add("--temporary", action="store_true", help="a folder that is removed at the end")
    add("--config", metavar="FILE", help="Kafka's server.properties")
    add("-o", dest="option", action="append", default=[], metavar="KEY=VALUE",
        help="one of Kafka's broker configs; may be repeated")  # fmt: skip
    add("--detach", action="store_true", help="go on in the background; see moldau status, down")
    add("--ready-file", action="append", default=[], metavar="PATH",
        help="write the address there when it serves; may be repeated")  # fmt: skip
    add("--no-environment", action="store_true", help="do not read KAFKA_* variables")
    # Of an embedded broker: stop when that process ends, and then remove that folder.
    add("--parent", type=int, help=argparse.SUPPRESS)
    add("--scratch", help=argparse.SUPPRESS)
    return parser


def demo(argv: Sequence[str]) -> int:
    from dataclasses import replace
    from importlib import import_module
    from threading import Thread

    from moldau.server.embedded import Broker, BrokerError
    from moldau.tools import demo as job
    from moldau.tools.demo.options import from_arguments

    parser = _demo_parser()
    arguments = parser.parse_args(argv)
    if arguments.keep and not arguments.bootstrap_server:
        parser.error(
            "--keep needs --bootstrap-server: the demo's own broker is gone at the end, and its "
            "topics with it"
        )
    options = from_arguments(arguments)
    if arguments.bootstrap_server:
        return job.run(arguments.bootstrap_server, options)
    # What the job needs is imported while its broker starts.
    Thread(target=import_module, args=["moldau.tools.demo.main_job"], daemon=True).start()
    try:
        with Broker() as broker:

            def ended() -> str | None:
                if broker.is_running:
                    return None
                return broker.log_text.strip().rpartition("\n")[2] or "it said nothing"

            options = replace(options, broker_ended=ended)
            return job.run(broker.bootstrap_servers, options)
    except BrokerError as error:
        print(f"moldau demo: {error}", file=sys.stderr)
        return 1


def _demo_parser() -> argparse.ArgumentParser:
    from moldau.client.command_line import Parser
    from moldau.tools.demo.options import add_arguments

    parser = Parser(
        "moldau demo", description="The main job on a broker of its own, or on any Kafka."
    )
    add_arguments(parser)
    return parser


def completion(argv: list[str]) -> int:
    from moldau.tools import completion as tool

    return tool.main(argv, {"up": _up_parser, "demo": _demo_parser, "folder": _folder_parser})


def _folder_parser() -> argparse.ArgumentParser:
    from moldau.client.command_line import Parser
    from moldau.server.folder import options

    return options.parser(Parser)


if __name__ == "__main__":
    sys.exit(main())
