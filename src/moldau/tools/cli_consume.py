"""`moldau consume`: records to stdout."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator

from moldau.tools.cli_bar import Bar
from moldau.tools.cli_client import (
    add_client_options,
    check_partitions,
    client_config,
    topics_in,
)
from moldau.tools.cli_frame import Failure, add_common, admin, guarded, parser
from moldau.tools.cli_where import HELP, NAMES, parse_length
from moldau.tools.record_source import Limits, Source, assigned, joined
from moldau.tools.record_text import LETTERS, TYPES, Place, json_lines, reader_of, template

# librdkafka waits ten times as long before it asks for a place again that it could not have.
_HASTE = {"retry.backoff.ms": "10"}
# A broker answers at the end of a partition after that time.
_END_AT_ONCE = {"fetch.max.wait.ms": "10"}
_SHOWN = {"timestamp": "%d", "partition": "%p", "offset": "%o", "headers": "%h", "key": "%k"}


def options() -> argparse.ArgumentParser:
    top = parser("consume", "Prints records; ends at the end of the topics unless --follow.")
    top.add_argument("topic", nargs="+", help="names, or patterns such as 'log-*'")
    top.add_argument("-f", "--follow", action="store_true", help="wait for more, until Ctrl-C")
    top.add_argument("-n", "--count", type=int, metavar="N", help="end after N records")
    top.add_argument(
        "-p", "--partition", type=int, action="append", default=[], metavar="N",
        help="only this partition; may be repeated",
    )  # fmt: skip
    top.add_argument(
        "-o", "--offset", metavar="WHERE", help=f"begin at earliest (the default), {HELP[10:]}"
    )
    top.add_argument("-u", "--until", metavar="WHERE", help="end there, as with --offset")
    top.add_argument("--idle", metavar="TIME", help="with --follow: end when nothing came for 10s")
    top.add_argument("-g", "--group", help="as a member: go on where it was, and commit")
    top.add_argument(
        "-F", "--format", metavar="TEXT", help=f"such as '%%t[%%p]@%%o %%k %%v\\n': {LETTERS}"
    )
    top.add_argument(
        "-s", "--show", metavar="WHAT,…", help=f"columns before the value: {', '.join(_SHOWN)}, all"
    )
    top.add_argument("--key-type", choices=TYPES, help="what keys are; text if not told")
    top.add_argument("--value-type", choices=TYPES, help="what values are; text if not told")
    top.add_argument("--grep", metavar="REGEX", help="only records with it in key or value")
    top.add_argument(
        "--uncommitted", action="store_true", help="what open or aborted transactions wrote, too"
    )
    add_client_options(top)
    add_common(top)
    top.set_defaults(command="consume")
    return top


def main(argv: list[str]) -> int:
    arguments = options().parse_intermixed_args(argv)
    return guarded("consume", lambda: _consume(arguments))


def _consume(arguments: argparse.Namespace) -> int:
    write = _writer(arguments)
    is_wanted = _filter(arguments.grep)
    limits = Limits(arguments.follow, _idle_s(arguments))
    with admin(arguments.bootstrap_server) as connection:
        places = topics_in(connection, arguments.topic)
    check_partitions(places, arguments.partition)
    if arguments.partition:
        places = [place for place in places if place[1] in arguments.partition]
    source = _source(arguments, places, limits)
    bar = Bar(arguments.count, "records") if not sys.stdout.isatty() else None
    try:
        for place in _counted(source.records(), is_wanted, arguments.count):
            write(place)
            source.written(place)
            if bar is not None:
                bar.step()
    finally:
        if bar is not None:
            bar.end()
        source.close()
    return 0


def _source(arguments: argparse.Namespace, places: list[tuple[str, int]], limits: Limits) -> Source:
    ours = {
        "isolation.level": "read_uncommitted" if arguments.uncommitted else "read_committed",
        "auto.offset.reset": NAMES.get(arguments.offset, "earliest"),
        **_HASTE,
    }
    if not arguments.follow:
        ours |= _END_AT_ONCE
    if arguments.group is None:
        begin = arguments.offset
        if begin is None:
            begin = "latest" if arguments.follow and not arguments.count else "earliest"
        # librdkafka wants a name; nothing joins or commits under it.
        config = client_config(arguments, "consumer", {**ours, "group.id": "moldau-consume"})
        return assigned(config, arguments.bootstrap_server, places, begin, arguments.until, limits)
    if arguments.offset not in (None, *NAMES):
        raise Failure(
            "A group goes on where it was; `moldau groups reset` sets that. --offset may be "
            "earliest or latest: where a group begins that has committed nothing."
        )
    if arguments.partition or arguments.until:
        raise Failure("--partition and --until do not go with --group: its members share it all.")
    config = client_config(arguments, "consumer", {**ours, "group.id": arguments.group})
    return joined(config, sorted({topic for topic, _ in places}), limits)


def _idle_s(arguments: argparse.Namespace) -> float | None:
    if arguments.idle is None:
        return None
    try:
        return parse_length(arguments.idle) / 1000
    except ValueError:
        raise Failure(f"--idle {arguments.idle!r}: write it as 10s.") from None


def _counted(
    records: Iterator[Place], is_wanted: Callable[[Place], bool], count: int | None
) -> Iterator[Place]:
    if count is not None and count <= 0:
        return
    for place in records:
        if is_wanted(place):
            yield place
            if count is not None:
                count -= 1
                if count == 0:
                    return


def _filter(pattern: str | None) -> Callable[[Place], bool]:
    if pattern is None:
        return lambda _: True
    try:
        found = re.compile(pattern.encode()).search
    except re.error as error:
        raise Failure(f"--grep {pattern!r} is no regular expression: {error}.") from None
    return lambda place: any(
        data is not None and found(data) is not None
        for data in (place.record.key, place.record.value)
    )


def _writer(arguments: argparse.Namespace) -> Callable[[Place], None]:
    """How a record is printed. Raises Failure."""
    if sum(bool(x) for x in (arguments.json, arguments.format, arguments.show)) > 1:
        raise Failure("Choose one of --json, --format and --show.")
    line: Callable[[Place], str]
    key = reader_of(arguments.key_type or "text")
    value = reader_of(arguments.value_type or "text")
    if arguments.json:
        line = json_lines(
            key if arguments.key_type else None, value if arguments.value_type else None
        )
    elif arguments.format or arguments.show or arguments.value_type:
        line = template(arguments.format or _columns(arguments.show), key, value)
    else:
        # As it is, byte for byte.
        return lambda place: _put((place.record.value or b"") + b"\n")

    def write(place: Place) -> None:
        try:
            text = line(place)
        except ValueError as error:
            record = place.record
            raise Failure(
                f"{place.topic}-{record.partition} at offset {record.offset} is not of the type "
                f"that was told: {error}."
            ) from None
        _put(text.encode())

    return write


def _put(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _columns(show: str | None) -> str:
    words = [] if not show else [*_SHOWN] if show == "all" else show.split(",")
    for word in words:
        if word not in _SHOWN:
            raise Failure(f"--show {word!r}: there are {', '.join(_SHOWN)}, and all.")
    return "\\t".join([*(_SHOWN[word] for word in words), "%v"]) + "\\n"
