"""Options as argparse4j 0.7 reads them, which the newer of Apache's tools use.

Differences from Python's argparse that people meet: names and sub-commands may be abbreviated,
a missing required option is told only when all else is right, and help is an error for the exit
code. Help and usage are in `argparse4j_help`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

from moldau.tools.java_text import parse_double, parse_int, parse_long

_NEGATIVE = re.compile(r"-\d+")
_MANY = ("+", "*")
STORE, STORE_TRUE, APPEND, HELP = "store", "store_true", "append", "help"


class Argument(NamedTuple):
    """One option (its flags) or positional argument (its name).

    `kind` is the Java class that its value is converted to; `nargs` is None for one value, or
    `?`, `*`, `+`.
    """

    flags: tuple[str, ...]
    help: str = ""
    action: str = STORE
    kind: str = "String"
    nargs: str | None = None
    required: bool = False
    default: object = None
    metavar: str = ""
    choices: tuple[str, ...] = ()
    hidden: bool = False
    own_dest: str = ""

    @property
    def is_option(self) -> bool:
        return self.flags[0].startswith("-")

    @property
    def dest(self) -> str:
        """The name of its value: the first long flag's."""
        flag = next((f for f in self.flags if f.startswith("--")), self.flags[0])
        return self.own_dest or flag.lstrip("-").replace("-", "_")

    @property
    def name(self) -> str:
        return "/".join(self.flags)

    @property
    def takes_value(self) -> bool:
        return self.action in (STORE, APPEND)


class OneOf(NamedTuple):
    """Options that exclude each other; `required` when one of them must be there. With a
    `description` they stand by themselves in the help, under a `title` if there is one."""

    arguments: tuple[Argument, ...]
    required: bool = False
    description: str = ""
    title: str = ""


class Command(NamedTuple):
    """A sub-command and what it takes."""

    name: str
    help: str = ""
    items: tuple[Argument | OneOf, ...] = ()


_HELP = Argument(("-h", "--help"), "show this help message and exit", HELP)


class HelpWanted(Exception):
    """`--help` was met; `text` is what goes to stdout."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class BadArguments(Exception):
    """The command line is wrong. The text is argparse4j's; `usage` is that of the sub-command."""

    def __init__(self, message: str, usage: str = "", near: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.usage = usage
        self.near = near


class Parser:
    """What a tool takes, or one of its sub-commands (then with the parser above it)."""

    def __init__(
        self,
        prog: str,
        description: str = "",
        items: Sequence[Argument | OneOf] = (),
        commands: Sequence[Command] = (),
        *,
        shows_defaults: bool = False,
        above: Parser | None = None,
        command: str = "",
    ) -> None:
        self.prog = prog
        self.description = description
        self.items = (_HELP, *items)
        self.shows_defaults = shows_defaults
        self.above = above
        self.command = command
        self.help_of = {c.name: c.help for c in commands}
        self.commands = {
            c.name: Parser(prog, items=c.items, above=self, command=c.name) for c in commands
        }

    @property
    def groups(self) -> list[OneOf]:
        return [item for item in self.items if isinstance(item, OneOf)]

    @property
    def arguments(self) -> list[Argument]:
        """All, those of groups too, in the order in which they were added."""
        return [
            argument
            for item in self.items
            for argument in (item.arguments if isinstance(item, OneOf) else (item,))
        ]

    @property
    def options(self) -> list[Argument]:
        return [argument for argument in self.arguments if argument.is_option]

    @property
    def positionals(self) -> list[Argument]:
        return [argument for argument in self.arguments if not argument.is_option]

    def parse(self, words: Sequence[str]) -> dict[str, object]:
        """The values by name; `command` is the sub-command. Raises HelpWanted, BadArguments."""
        reading = _Reading(list(words))
        values: dict[str, object] = {}
        _Reader(self, reading, values).read()
        if reading.missing is not None:
            raise reading.missing
        return values

    def fail(self, message: str, near: Sequence[str] = ()) -> NoReturn:
        raise self.error(message, near)

    def error(self, message: str, near: Sequence[str] = ()) -> BadArguments:
        from moldau.tools.argparse4j_help import usage

        return BadArguments(message, usage(self), near)


class _Reading:
    """Where we are in the command line, across sub-commands."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.index = 0
        self.separated = False
        self.missing: BadArguments | None = None

    def has_more(self) -> bool:
        return self.index < len(self.words)

    def word(self) -> str:
        return self.words[self.index]

    def take(self) -> str:
        self.index += 1
        return self.words[self.index - 1]

    def is_flag(self) -> bool:
        word = self.word()
        if self.separated:
            return False
        if word == "--":
            return True
        return word.startswith("-") and word.strip("-") != "" and not _NEGATIVE.fullmatch(word)


class _Reader:
    """Reads what one parser takes."""

    def __init__(self, parser: Parser, reading: _Reading, values: dict[str, object]) -> None:
        self._parser = parser
        self._reading = reading
        self._values = values
        self._flags = {flag: a for a in parser.options for flag in a.flags}
        self._used: set[str] = set()
        self._positionals: list[str] = []

    def read(self) -> None:
        parser, reading = self._parser, self._reading
        for argument in parser.arguments:
            if argument.action != HELP:
                is_switch = argument.action == STORE_TRUE
                self._values[argument.dest] = False if is_switch else argument.default
        while reading.has_more():
            if reading.is_flag() and reading.word() != "--":
                self._option()
            elif reading.word() == "--" and not reading.separated:
                reading.separated = True
                reading.index += 1
            elif len(self._positionals) < self._room():
                self._positionals.append(reading.take())
            elif parser.commands and not reading.separated:
                self._finish()
                self._descend()
                return
            else:
                parser.fail(f"unrecognized arguments: '{' '.join(reading.words[reading.index :])}'")
        if parser.commands:
            parser.fail("too few arguments")
        self._finish()

    def _room(self) -> float:
        many = any(argument.nargs in _MANY for argument in self._parser.positionals)
        return float("inf") if many else len(self._parser.positionals)

    # --- options

    def _option(self) -> None:
        word = self._reading.word()
        flag, equals, value = word.partition("=")
        argument = self._resolve(flag)
        if argument is None:
            self._short_options(word)
            return
        self._reading.index += 1
        self._run(argument, value if equals else None)

    def _resolve(self, flag: str) -> Argument | None:
        if flag in self._flags:
            return self._flags[flag]
        found = sorted(known for known in self._flags if known.startswith(flag))
        if len(found) > 1:
            self._parser.fail(f"ambiguous option: {flag} could match {', '.join(found)}")
        return self._flags[found[0]] if found else None

    def _short_options(self, word: str) -> None:
        """`-abVALUE`: several one-letter options in one word."""
        if word.startswith("--"):
            self._unknown(word)
        for index in range(1, len(word)):
            argument = self._flags.get(f"-{word[index]}")
            if argument is None:
                self._unknown(word)
            if argument.takes_value:
                self._reading.index += 1
                self._run(argument, word[index + 1 :] or None)
                return
            self._run(argument, None)
        self._reading.index += 1

    def _unknown(self, word: str) -> NoReturn:
        from moldau.client.near_names import nearest

        near = nearest(word.lstrip("-"), [flag.lstrip("-") for flag in self._flags])
        known = [f for f in self._flags if f.lstrip("-") == near]
        self._parser.fail(f"unrecognized arguments: '{word}'", known)

    def _run(self, argument: Argument, embedded: str | None) -> None:
        if argument.action == HELP:
            from moldau.tools.argparse4j_help import help_text

            raise HelpWanted(help_text(self._parser))
        self._exclude(argument)
        self._used.add(argument.dest)
        if not argument.takes_value:
            if embedded is not None:
                self._fail(argument, f"ignore implicit argument '{embedded}'")
            self._values[argument.dest] = True
        elif argument.nargs in _MANY:
            self._store(argument, self._several(argument, embedded))
        else:
            self._store(argument, self._one(argument, embedded))

    def _exclude(self, argument: Argument) -> None:
        for group in self._parser.groups:
            if argument in group.arguments:
                for other in group.arguments:
                    if other is not argument and other.dest in self._used:
                        self._fail(argument, f"not allowed with argument {other.name}")

    def _one(self, argument: Argument, embedded: str | None) -> object:
        reading = self._reading
        if embedded is None and reading.has_more() and not reading.is_flag():
            embedded = reading.take()
        if embedded is not None:
            return self._convert(argument, embedded)
        if argument.nargs is None:
            self._fail(argument, "expected one argument")
        return None

    def _several(self, argument: Argument, embedded: str | None) -> list[object]:
        if embedded is not None:
            return [self._convert(argument, embedded)]
        found: list[object] = []
        while self._reading.has_more() and not self._reading.is_flag():
            found.append(self._convert(argument, self._reading.take()))
        if argument.nargs == "+" and not found:
            self._fail(argument, "expected 1 argument(s)")
        return found

    def _store(self, argument: Argument, value: object) -> None:
        if argument.action == APPEND:
            before = self._values.get(argument.dest)
            value = [*before, value] if isinstance(before, list) else [value]
        self._values[argument.dest] = value

    def _convert(self, argument: Argument, text: str) -> object:
        try:
            value = _CONVERTERS[argument.kind](text)
        except ValueError as error:
            self._fail(argument, f"could not convert '{text}' to {argument.kind} ({error})")
        if argument.choices and text not in argument.choices:
            listed = ",".join(argument.choices)
            self._fail(argument, f"invalid choice: '{text}' (choose from {{{listed}}})")
        return value

    def _fail(self, argument: Argument, message: str) -> NoReturn:
        self._parser.fail(f"argument {argument.name}: {message}")

    # --- the end

    def _finish(self) -> None:
        """Gives the words that are no options to the positional arguments, and looks for what is
        missing; that is told only if nothing else is wrong."""
        self._give_positionals()
        reading, parser = self._reading, self._parser
        for argument in parser.options:
            if argument.required and argument.dest not in self._used and reading.missing is None:
                reading.missing = parser.error(f"argument {argument.name} is required")
        for group in parser.groups:
            names = [argument.name for argument in group.arguments if not argument.hidden]
            is_there = any(argument.dest in self._used for argument in group.arguments)
            if group.required and not is_there and reading.missing is None:
                reading.missing = parser.error(
                    f"one of the arguments {' '.join(names)} is required"
                )

    def _give_positionals(self) -> None:
        words = list(self._positionals)
        waiting = self._parser.positionals
        least = sum(argument.nargs in (None, "+") for argument in waiting)
        if len(words) < least:
            self._parser.fail("too few arguments")
        for argument in waiting:
            least -= argument.nargs in (None, "+")
            if argument.nargs in _MANY:
                taken, words = words[: len(words) - least], words[len(words) - least :]
                if taken:
                    self._values[argument.dest] = [self._convert(argument, w) for w in taken]
            elif argument.nargs is None or len(words) > least:
                self._values[argument.dest] = self._convert(argument, words.pop(0))

    def _descend(self) -> None:
        parser, word = self._parser, self._reading.word()
        found = sorted(name for name in parser.commands if word and name.startswith(word))
        name = word if word in parser.commands else found[0] if len(found) == 1 else None
        if name is None and found:
            parser.fail(f"ambiguous command: {word} could match {', '.join(found)}")
        if name is None:
            from moldau.client.near_names import nearest

            listed = ", ".join(f"'{known}'" for known in parser.commands)
            near = nearest(word, parser.commands)
            parser.fail(f"invalid choice: '{word}' (choose from {listed})", [near] if near else [])
        self._reading.index += 1
        _Reader(parser.commands[name], self._reading, self._values).read()
        self._values["command"] = name


def _number(parse: Callable[[str], float | None]) -> Callable[[str], object]:
    def read(text: str) -> float:
        number = parse(text)
        if number is None:
            raise ValueError(f'For input string: "{text}"')
        return number

    return read


_CONVERTERS: dict[str, Callable[[str], object]] = {
    "String": str,
    "Integer": _number(parse_int),
    "Long": _number(parse_long),
    "Double": _number(parse_double),
}
