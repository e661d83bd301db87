"""What kafka-verifiable-producer and -consumer share: events as lines of JSON, and their options.

Apache Kafka: org.apache.kafka.tools.VerifiableProducer and VerifiableConsumer, 4.3.1.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from moldau.tools.argparse4j import Argument, BadArguments, HelpWanted, OneOf, Parser
from moldau.tools.frame import Stop, load_properties
from moldau.tools.message_json import dumps

FILE = "CONFIG-FILE"


def connection(text: str) -> OneOf:
    return OneOf(
        (
            Argument(
                ("--bootstrap-server",),
                f"{text} Comma-separated list of Kafka brokers in the form "
                "HOST1:PORT1,HOST2:PORT2,...",
                metavar="HOST1:PORT1[,HOST2:PORT2[...]]",
            ),
        ),
        required=True,
        description="Group of arguments for connection to brokers",
        title="Connection Group",
    )


def config_file() -> Argument:
    return Argument(
        ("--command-config",),
        "Config properties file (config options shared with command line parameters will be "
        "overridden).",
        metavar=FILE,
    )


def event(name: str, **data: Any) -> None:
    print(dumps({"timestamp": time.time_ns() // 1_000_000, "name": name, **data}), flush=True)


def parsed(parser: Parser, tool: str, argv: list[str]) -> Mapping[str, Any] | int:
    """The values, or the exit code where help was all that was wanted. Raises Stop."""
    try:
        return parser.parse(argv)
    except HelpWanted as wanted:
        print(wanted.text, end="")
        return 1
    except BadArguments as error:
        if not argv:
            from moldau.tools.argparse4j_help import help_text

            print(help_text(parser), end="")
            return 0
        near = [f"Did you mean {' or '.join(error.near)}?"] if error.near else []
        raise Stop(error.usage, " ".join([f"{tool}: error: {error}.", *near])) from None


def properties(values: Mapping[str, Any], old: str, tool: str) -> dict[str, str]:
    """The client's configs from the file, under its new or its old option. Raises Stop."""
    dest = old.replace("-", "_")
    if values["command_config"] is not None and values[dest] is not None:
        raise Stop(
            f"--{old} and --command-config cannot be specified together.",
            f"{tool}: leave out --{old}, the old name.",
        )
    if values[dest] is not None:
        print(
            f"Option --{old} has been deprecated and will be removed in a future version. Use "
            "--command-config instead.",
            flush=True,
        )
    path = values["command_config"] or values[dest]
    try:
        return load_properties(path) if path else {}
    except OSError as error:
        raise Stop(f"{tool}: {error.filename}: {error.strerror}. Check the path.") from None
