"""Help and usage as argparse4j 0.7 prints them, to the byte: text filled to both margins."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from moldau.tools.argparse4j import Argument, OneOf, Parser
from moldau.tools.java_line_breaks import pieces
from moldau.tools.java_text import parse_int

_WIDTH = 75
_COLUMN = 25
_LONGEST_TITLE = 21
_LARGEST_OFFSET = 30


def width() -> int:
    """Five less than $COLUMNS, or 75."""
    columns = parse_int(os.environ.get("COLUMNS", "")) or 0
    return columns - 5 if columns > 5 else _WIDTH


# --- usage


def usage(parser: Parser) -> str:
    head = f"usage: {parser.prog}"
    if len(head) > _LARGEST_OFFSET:
        lines, indent, used = [head, " " * 6], " " * 6, 12
    else:
        lines, indent, used = [head], " " * len(head), len(head)
    is_first = True
    for word in _usage_words(parser):
        if not is_first and used + len(word) + 1 > width():
            lines.append(f"{indent} {word}")
            used = len(lines[-1])
        else:
            lines[-1] += f" {word}"
            used += len(word) + 1
            is_first = False
    return "\n".join(lines) + "\n"


def _usage_words(parser: Parser) -> list[str]:
    words = [*_words_above(parser.above), *([parser.command] if parser.command else [])]
    words += [_short(item) for item in parser.items if _is_shown(item)]
    for group in parser.groups:
        words += _group_words(group)
    words += [_metavar(argument) for argument in parser.positionals]
    if parser.commands:
        words += [_choice(parser), "..."]
    return words


def _is_shown(item: Argument | OneOf) -> bool:
    return isinstance(item, Argument) and item.is_option and not item.hidden


def _words_above(parser: Parser | None) -> list[str]:
    """Of the parsers above only what must be there."""
    if parser is None:
        return []
    words = [*_words_above(parser.above), *([parser.command] if parser.command else [])]
    words += [_short(item) for item in parser.items if _is_shown(item) and item.required]
    for group in parser.groups:
        words += _group_words(group) if group.required else []
    return words + [_metavar(argument) for argument in parser.positionals]


def _group_words(group: OneOf) -> list[str]:
    shown = [_bare(argument) for argument in group.arguments if not argument.hidden]
    left, right = ("(", ")") if group.required else ("[", "]")
    if len(shown) == 1:
        return shown if group.required else [f"[{shown[0]}]"]
    shown[0], shown[-1] = left + shown[0], shown[-1] + right
    return [word for argument in shown for word in (argument, "|")][:-1]


def _short(argument: Argument | OneOf) -> str:
    assert isinstance(argument, Argument)
    return _bare(argument) if argument.required else f"[{_bare(argument)}]"


def _bare(argument: Argument) -> str:
    return f"{argument.flags[0]} {_metavar(argument)}".rstrip()


def _metavar(argument: Argument) -> str:
    if not argument.takes_value:
        return ""
    name = _value_name(argument)
    return {
        "?": f"[{name}]",
        "*": f"[{name} [{name} ...]]",
        "+": f"{name} [{name} ...]",
    }.get(argument.nargs or "", name)


def _value_name(argument: Argument) -> str:
    if argument.metavar:
        return argument.metavar
    if argument.choices:
        return "{" + ",".join(argument.choices) + "}"
    return argument.dest.upper() if argument.is_option else argument.dest


def _choice(parser: Parser) -> str:
    return "{" + ",".join(parser.commands) + "}"


# --- help


def help_text(parser: Parser) -> str:
    text = usage(parser)
    if parser.description:
        text += "\n" + wrap(parser.description) + "\n"
    if parser.positionals or parser.commands:
        text += "\npositional arguments:\n" + _arguments(parser, parser.positionals)
    if parser.commands:
        text += _row(_choice(parser), "")
        about = {name: about for name, about in parser.help_of.items() if about}
        text += "".join(_row(f"  {name}", about[name]) for name in about)
    apart = [group for group in parser.groups if group.description]
    options = [a for a in parser.options if not any(a in group.arguments for group in apart)]
    text += "\noptional arguments:\n" + _arguments(parser, options)
    for group in apart:
        text += f"\n{group.title}:" if group.title else ""
        text += f"\n  {wrap(group.description, 2, '  ')}\n\n"
        text += _arguments(parser, group.arguments)
    return text


def _arguments(parser: Parser, arguments: Iterable[Argument]) -> str:
    return "".join(
        _row(_title(argument), _about(parser, argument))
        for argument in arguments
        if not argument.hidden
    )


def _title(argument: Argument) -> str:
    if not argument.is_option:
        return _value_name(argument)
    value = _metavar(argument)
    return ", ".join(f"{flag} {value}".rstrip() for flag in argument.flags)


def _about(parser: Parser, argument: Argument) -> str:
    default = False if argument.action == "store_true" else argument.default
    if not parser.shows_defaults or default is None:
        return argument.help
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    return f"{argument.help} (default: {shown})".lstrip()


def _row(title: str, about: str) -> str:
    if not about:
        return f"  {title}\n"
    if len(title) <= _LONGEST_TITLE:
        head = f"  {title:<{_COLUMN - 2}}"
    else:
        head = f"  {title}\n{' ' * _COLUMN}"
    return head + wrap(about, _COLUMN, " " * _COLUMN) + "\n"


def wrap(text: str, offset: int = 0, indent: str = "") -> str:
    """Broken into lines, each but the last filled to the width with more blanks in the middle.
    `offset` is where the first line begins."""
    done, line, used = "", "", offset
    for piece in pieces(text):
        used += len(piece)
        if used > width():
            done += _filled(line, width() - (used - len(piece))) + "\n" + indent
            line, used = "", len(indent) + len(piece)
        line += piece
        if piece.endswith("\n"):
            done, line, used = done + line + indent, "", len(indent)
    return done + line


def _filled(line: str, room: int) -> str:
    bare = line.strip(" ")
    room += len(line) - len(bare)
    gaps = [found.start() for found in re.finditer(" +", bare)]
    if not gaps:
        return bare
    each, rest = divmod(room, len(gaps))
    first = (len(gaps) - rest + 1) // 2
    for number, place in reversed(list(enumerate(gaps))):
        more = each + (first <= number < first + rest)
        bare = bare[:place] + " " * more + bare[place:]
    return bare
