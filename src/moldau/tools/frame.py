"""What all kafka-* tools share: how they start, how they refuse, and how they end.

stdout and exit codes are those of Apache Kafka's tools. stderr is ours: no stack traces, and
after every failure a last line that says what to do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NoReturn

from moldau.client.errors import KafkaError
from moldau.client.near_names import nearest
from moldau.tools.options import HELP, VERSION, BadOption, Parsed, Parser

KAFKA_VERSION = "4.3.1"
_GONE = {
    "zookeeper": "ZooKeeper is gone since Kafka 4.0: use --bootstrap-server HOST:PORT.",
    "broker-list": "--broker-list is gone since Kafka 4.0: use --bootstrap-server HOST:PORT.",
    "whitelist": "--whitelist is gone since Kafka 4.0: use --include.",
    "num-fetch-threads": "--num-fetch-threads is gone since Kafka 4.0: leave it out.",
    "new-consumer": "--new-consumer is gone since Kafka 2.0: leave it out.",
}


class Stop(Exception):
    """Ends a tool: what goes to stderr, and the exit code."""

    def __init__(self, *lines: str, code: int = 1) -> None:
        super().__init__(*lines)
        self.lines = lines
        self.code = code


class Tool:
    """One kafka-* command: its name, what it is for, and its options."""

    def __init__(self, name: str, purpose: str, parser: Parser) -> None:
        self.name = name
        self.purpose = purpose
        self.parser = parser

    def parse(self, argv: list[str], bare: str | None = "") -> Parsed:
        """The options; `--help` and `--version` are answered. `bare` is said when there is
        nothing on the command line ("": the purpose; None: an empty one is let through)."""
        options = self.parser.parse(argv)
        if not argv and bare is not None:
            self.usage(bare or self.purpose, self._try_help())
        if options.has(HELP):
            raise Stop(self.purpose, self.parser.usage())
        if options.has(VERSION):
            print(KAFKA_VERSION)
            raise Stop(code=0)
        return options

    def usage(self, message: str, advice: str = "") -> NoReturn:
        """The message, all options, and what to do."""
        raise Stop(message, self.parser.usage(), f"{self.name}: {advice or message}")

    def refuse(self, message: str, advice: str) -> NoReturn:
        """The message and what to do, without the options."""
        raise Stop(message, f"{self.name}: {advice}")

    def bad_option(self, error: BadOption) -> str:
        """What to do about a wrong command line."""
        text = str(error)
        name = text.removesuffix(" is not a recognized option")
        if name != text:
            return _GONE.get(name) or self._did_you_mean(name)
        if text.startswith("Cannot parse"):
            return f"{text}: it takes a whole number."
        if text.startswith("Found multiple"):
            return "Give that option once."
        return f"{text}. {self._try_help()}"

    def require(self, options: Parsed, *names: str) -> None:
        for name in names:
            if not options.has(name):
                self.usage(
                    f'Missing required argument "[{name}]"',
                    f"Add --{name} {self._example(name)}.",
                )

    def exclude(self, options: Parsed, used: str, others: Iterable[str]) -> None:
        """Refuses `used` together with any of the others."""
        for other in others:
            if options.has(used) and options.has(other):
                self.usage(
                    f'Option "[{used}]" can\'t be used with option "[{other}]"',
                    f"Leave out --{used} or --{other}.",
                )

    def _example(self, name: str) -> str:
        if name == "bootstrap-server":
            return "localhost:9092"
        return self.parser.options[name].label.upper().replace(" ", "_") or "VALUE"

    def _did_you_mean(self, name: str) -> str:
        near = nearest(name, self.parser.options)
        if near:
            return f"There is no --{name}; did you mean --{near}?"
        return f"There is no --{name}. {self._try_help()}"

    def _try_help(self) -> str:
        return f"`{self.name} --help` shows all options."


def run(body: Callable[[list[str]], int]) -> NoReturn:
    """Runs a tool as a program."""
    code = _guarded(body, sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = code or 1
    _leave(code)


def _guarded(body: Callable[[list[str]], int], argv: list[str]) -> int:
    try:
        return body(argv)
    except Stop as stop:
        sys.stdout.flush()
        for line in stop.lines:
            print(line, file=sys.stderr)
        return stop.code
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return 130


def _leave(code: int) -> NoReturn:
    """Without the interpreter's tidying up, which costs a tenth of a small tool's time and would
    complain about a pipe that nobody reads any more."""
    try:
        sys.stderr.flush()
    finally:
        os._exit(code)


def load_properties(path: str) -> dict[str, str]:
    """A .properties file. Raises OSError, ValueError."""
    from moldau.protocol.properties import as_mapping

    with open(path, encoding="utf-8") as file:
        return as_mapping(file.read())


def key_values(arguments: Sequence[str]) -> dict[str, str]:
    """`key=value` words; a value may hold `=`, and a missing one is empty."""
    pairs = (argument.partition("=") for argument in arguments)
    return {key: value for key, _, value in pairs}


def no_such_file(error: OSError) -> KafkaError:
    """What Java says of a file that cannot be read."""
    kind = (
        "NoSuchFileException" if isinstance(error, FileNotFoundError) else "AccessDeniedException"
    )
    return KafkaError(
        str(error.filename),
        f"{error.filename}: {error.strerror}. Check the path.",
        java_class=f"java.nio.file.{kind}",
    )


def admin_properties(options: Parsed) -> Mapping[str, str]:
    """The file of --command-config, if given. Raises KafkaError."""
    path = options.value("command-config")
    return {} if path is None else properties_of(path)


def properties_of(path: str) -> Mapping[str, str]:
    """The client's properties in a file. Raises KafkaError."""
    try:
        return load_properties(path)
    except OSError as error:
        raise no_such_file(error) from None
    except ValueError as error:
        raise KafkaError(
            str(error), f"{path}: {error}.", java_class="java.lang.IllegalArgumentException"
        ) from None


def notice_of(tool: str) -> Callable[[str], None]:
    """Tells on stderr, at once, why a tool is waiting."""

    def tell(text: str) -> None:
        print(f"{tool}: {text}", file=sys.stderr, flush=True)

    return tell
