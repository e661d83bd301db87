"""kafka-server-start: `moldau up --config FILE`, by the name that scripts know.

Apache Kafka: bin/kafka-server-start.sh and kafka.Kafka, 4.3.1.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from moldau.tools.frame import KAFKA_VERSION, Stop, run


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    """Does not return when it starts a broker: the process becomes it."""
    if not argv:
        print(f"USAGE: {sys.argv[0]} [-daemon] server.properties [--override property=value]*")
        raise Stop("kafka-server-start: name a server.properties, or type `moldau up`.")
    if "--version" not in argv:
        command = [sys.executable, "-P", "-m", "moldau", *up_arguments(argv)]
        sys.stdout.flush()
        os.execv(command[0], command)
    print(KAFKA_VERSION)
    return 0


def up_arguments(argv: list[str]) -> list[str]:
    """The same as arguments of `moldau`. Raises Stop."""
    rest = list(argv)
    detached = rest[:1] == ["-daemon"]
    if detached:
        rest.pop(0)
    # kafka-run-class.sh takes these two before the file, for the JVM's log.
    while rest[:1] in (["-name"], ["-loggc"]):
        del rest[: 2 if rest[0] == "-name" else 1]
    if not rest or rest[0].startswith("-"):
        raise Stop(
            "USAGE: kafka-server-start [-daemon] server.properties [--override property=value]*",
            "kafka-server-start: name a server.properties, or type `moldau up`.",
        )
    arguments = ["up", "--config", rest.pop(0)]
    while rest:
        arguments += ["-o", _override(rest)]
    return [*arguments, "--detach"] if detached else arguments


def _override(rest: list[str]) -> str:
    word, equals, value = rest.pop(0).partition("=")
    if word != "--override":
        raise Stop(f"kafka-server-start: {word!r} is no option: use --override property=value.")
    text = value if equals and "=" in value else rest.pop(0) if rest else ""
    if "=" not in text:
        raise Stop(f"kafka-server-start: --override {text!r}: write it as property=value.")
    return text
