"""`moldau dlq`: what a program of streams has given up, why, and sending it back."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moldau.tools.cli_client import add_client_options, client_config, note
from moldau.tools.cli_frame import (
    Failure,
    add_common,
    guarded_action,
    parser,
    print_json,
    show,
)

if TYPE_CHECKING:
    from moldau.streams.upkeep.dlq import DeadLetterTopic, Letter

_COLUMNS = ("place", "time", "step", "error", "message", "from")
_MOST_MESSAGE = 80
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def main(argv: list[str]) -> int:
    return guarded_action("dlq", options(), argv, _run)


def options() -> argparse.ArgumentParser:
    top = parser("dlq", "Dead letters: records that a program of streams has given up.")
    actions = top.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser("list", help="a line for each letter")
    one = actions.add_parser("show", help="all of one letter")
    redrive = actions.add_parser(
        "redrive",
        help="send the letters back to the steps that failed: each once, also when interrupted",
    )
    listing.add_argument("--all", action="store_true", help="those too that were sent back")
    redrive.add_argument("--again", action="store_true", help="those too that were sent back")
    for action in (listing, one, redrive):
        action.add_argument("topic", help="the dead-letter topic, as shop-dlq")
        add_client_options(action)
        add_common(action)
    one.add_argument("place", metavar="PARTITION:OFFSET", help="as `moldau dlq list` shows it")
    top.set_defaults(command="dlq")
    return top


def _run(arguments: argparse.Namespace) -> int:
    from confluent_kafka import KafkaException

    from moldau.streams.errors import StreamsError
    from moldau.streams.upkeep.dlq import DeadLetterTopic

    actions: dict[str, Callable[[DeadLetterTopic, argparse.Namespace], int]] = {
        "list": _list,
        "show": _show,
        "redrive": _redrive,
    }
    config = client_config(arguments, "consumer", {})
    try:
        topic = DeadLetterTopic(arguments.bootstrap_server, arguments.topic, config)
        try:
            return actions[arguments.action](topic, arguments)
        finally:
            topic.close()
    except StreamsError as error:
        raise Failure(str(error)) from None
    except KafkaException as error:
        raise Failure(f"{arguments.bootstrap_server}: {error.args[0].str()}") from None


def _list(topic: DeadLetterTopic, arguments: argparse.Namespace) -> int:
    shown = str if arguments.json else _shown
    rows = [_row(letter, shown) for letter in topic.letters()]
    left = rows if arguments.all else [row for row in rows if row["sent"] is None]
    columns = (*_COLUMNS, "sent") if arguments.all else _COLUMNS
    show(left, columns, arguments.json)
    if len(left) < len(rows):
        note("dlq")(f"sent back already, and not shown: {_count(len(rows) - len(left))} (--all)")
    return 0


def _row(letter: Letter, shown: Callable[[str], str]) -> dict[str, object]:
    told = {name: shown(text) for name, text in letter.told.items() if name != "trace"}
    message = told.get("message", "").split("\n")[0]
    source = f"{told.get('topic', '')} {told.get('partition')}:{told.get('offset')}"
    return {
        "place": f"{letter.partition}:{letter.offset}",
        "time": _time(letter.timestamp),
        "step": told.get("step"),
        "error": told.get("error"),
        "message": message if len(message) <= _MOST_MESSAGE else message[:_MOST_MESSAGE] + "…",
        "from": source if told.get("topic") else None,
        "sent": _time(letter.sent_back),
    }


def _time(ms: int | None) -> str | None:
    """None for one that no calendar has, or where there is none."""
    if ms is None or ms < 0:
        return None
    try:
        time = datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return time.isoformat(timespec="milliseconds")


def _show(topic: DeadLetterTopic, arguments: argparse.Namespace) -> int:
    partition, _, offset = arguments.place.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise Failure(f"{arguments.place!r} is no place: write PARTITION:OFFSET, as in 0:17")
    letter = topic.letter(int(partition), int(offset))
    told = letter.told
    whole: dict[str, Any] = {
        "place": arguments.place,
        "time": _time(letter.timestamp),
        "sent": _time(letter.sent_back),
        "key": _text(letter.key),
        "value": _text(letter.value),
        **told,
        "headers": {name: _text(value) for name, value in letter.came_with},
    }
    if arguments.json:
        print_json(whole)
        return 0
    trace = whole.pop("trace", "")
    for name, value in whole.items():
        print(f"{name:<10} {_shown(str(value))}")
    print(_shown(trace), end="")
    return 0


def _shown(text: str) -> str:
    """For a terminal, which obeys what a record may hold."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode(errors="backslashreplace")


def _redrive(topic: DeadLetterTopic, arguments: argparse.Namespace) -> int:
    count = 0
    for count in topic.redrive(again=arguments.again):  # noqa: B007 - the last one is what is told
        pass
    if arguments.json:
        print_json({"topic": topic.topic, "redriven": count})
    else:
        print(f"{_count(count)} of {topic.topic} sent back.")
    return 0


def _count(number: int) -> str:
    return f"{number} letter{'' if number == 1 else 's'}"
