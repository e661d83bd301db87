"""Options as the kafka-* tools read them.

Apache Kafka parses with jopt-simple: long options are never abbreviated, `--name value` and
`--name=value` are the same, `-name` works for a known name, an option may repeat, some take an
optional value, what is no option is ignored, and numbers are checked when they are used.
"""

from __future__ import annotations

from typing import NamedTuple

from moldau.tools.java_text import parse_int, parse_long

HELP = "help"
VERSION = "version"
_WIDTH = 80
_PARSERS = {"Integer": parse_int, "Long": parse_long}


class BadOption(Exception):
    """The command line is wrong; the text is jopt-simple's."""


class UnavailableOption(BadOption):
    """An option that only goes with others stands alone."""


class Option(NamedTuple):
    """One option. `label` names its value in the help; without `kind` it takes none."""

    name: str
    text: str
    kind: str = ""
    label: str = ""
    default: str | None = None
    optional: bool = False
    only_with: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"[{self.name}]"


_ALWAYS = (
    Option(HELP, "Print this text."),
    Option(VERSION, "Print the version of Apache Kafka whose tool this one follows."),
)


class Parsed:
    """What stood on the command line; `order` has the names of the options as they came."""

    def __init__(
        self, options: dict[str, Option], found: dict[str, list[str]], order: list[str]
    ) -> None:
        self._options = options
        self._found = found
        self.order = order

    def has(self, name: str) -> bool:
        return name in self._found

    def values(self, name: str) -> list[str]:
        """All values; the default also where the option stands without its optional value."""
        default = self._options[name].default
        return self._found.get(name) or ([] if default is None else [default])

    def value(self, name: str) -> str | None:
        """The one value, or the default. Raises BadOption when there are several."""
        values = self.values(name)
        if len(values) > 1:
            raise BadOption(
                f"Found multiple arguments for option {name}, but you asked for only one"
            )
        return values[0] if values else None

    def number(self, name: str) -> int | None:
        """The one value of an Integer or Long option. Raises BadOption."""
        text = self.value(name)
        return None if text is None else self._number(name, text)

    def numbers(self, name: str) -> list[int]:
        """All values of an Integer or Long option. Raises BadOption."""
        return [self._number(name, text) for text in self.values(name)]

    def _number(self, name: str, text: str) -> int:
        value = _PARSERS[self._options[name].kind](text)
        if value is None:
            raise BadOption(f"Cannot parse argument '{text}' of option {name}")
        return value


class Parser:
    """The options of one tool."""

    def __init__(self, *options: Option) -> None:
        every = sorted((*options, *_ALWAYS))
        self.options = {option.name: option for option in every}

    def parse(self, argv: list[str]) -> Parsed:
        """Raises BadOption."""
        found: dict[str, list[str]] = {}
        order: list[str] = []
        rest = list(reversed(argv))
        while rest:
            word = rest.pop()
            if word == "--":
                break
            if word.startswith("-") and word != "-":
                order.append(self._take(word, rest, found))
        if HELP not in found and VERSION not in found:
            self._check_companions(found)
        return Parsed(self.options, found, order)

    def _take(self, word: str, rest: list[str], found: dict[str, list[str]]) -> str:
        bare = word[2:] if word.startswith("--") else word[1:]
        name, equals, value = bare.partition("=")
        option = self.options.get(name)
        if option is None:
            raise BadOption(
                f"{name if word.startswith('--') else name[:1]} is not a recognized option"
            )
        values = found.setdefault(name, [])
        if not option.kind:
            return name
        if equals and (value or not option.optional):
            values.append(value)
        elif option.optional:
            if rest and not rest[-1].startswith("-"):
                values.append(rest.pop())
        elif rest:
            values.append(rest.pop())
        else:
            raise BadOption(f"Option {name} requires an argument")
        return name

    def _check_companions(self, found: dict[str, list[str]]) -> None:
        lonely = [
            name
            for name in found
            if self.options[name].only_with
            and not any(other in found for other in self.options[name].only_with)
        ]
        if lonely:
            raise UnavailableOption(
                f"Option(s) [{', '.join(lonely)}] are unavailable "
                "given other options on the command line"
            )

    def usage(self) -> str:
        """The table of options, in two columns."""
        left = [_left(option) for option in self.options.values()]
        width = min(38, max(len(text) for text in left))
        lines = [f"{'Option':<{width}}  Description", f"{'------':<{width}}  -----------"]
        for text, option in zip(left, self.options.values(), strict=True):
            about = option.text
            if option.default is not None:
                about += f" (default: {option.default})"
            lines += _row(text, about, width)
        return "\n".join(lines)


def _left(option: Option) -> str:
    if not option.kind:
        return f"--{option.name}"
    value = f"{option.kind}: {option.label}" if option.label else option.kind
    return f"--{option.name} " + (f"[{value}]" if option.optional else f"<{value}>")


def _row(left: str, right: str, width: int) -> list[str]:
    one = _wrap(left, width)
    two = [line for part in right.split("\n") for line in _wrap(part, _WIDTH - width - 2)]
    count = max(len(one), len(two))
    one += [""] * (count - len(one))
    two += [""] * (count - len(two))
    return [f"{a:<{width}}  {b}".rstrip() for a, b in zip(one, two, strict=True)]


def _wrap(text: str, width: int) -> list[str]:
    """Breaks at blanks; lines after the first are indented by two."""
    lines: list[str] = []
    line = " " if text.startswith(" ") else ""
    for word in text.split():
        if line.strip() and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = "  " + word
        else:
            line = f"{line} {word}" if line.strip() else line + word
    return [*lines, line]
