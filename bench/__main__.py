"""`make bench`: Moldau beside other brokers, and its streams beside other stream processors."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from bench import page, table
from bench.rivals import KINDS
from bench.run import Options, Run
from bench.streams import page as streams_page
from bench.streams import run as streams
from bench.streams.engines import ENGINES
from bench.turns import is_wanted
from bench.unit import ROOT
from bench.units import ALL_NAMES

RESULTS = ROOT / "bench" / "results"
LAST = RESULTS / "last.json"
LAST_STREAMS = RESULTS / "streams.json"


def main(argv: list[str]) -> int:
    arguments = _parser().parse_args(argv)
    if arguments.list:
        print("\n".join([*ALL_NAMES, *streams.names()]))
        return 0
    if arguments.write_docs is not None:
        _write_docs([json.loads(file.read_text()) for file in arguments.write_docs or _there()])
        return 0
    words = arguments.rows.split(",") if arguments.rows else []
    repeats = arguments.repeats or (1 if arguments.quick else 3)
    signal.signal(signal.SIGTERM, _stop)
    has_rows = True
    if any(is_wanted(name, words) for name in ALL_NAMES):
        options = Options(words, arguments.brokers, repeats, arguments.quick)
        has_rows &= _told(Run(options).go(), arguments.json or LAST)
    if streams.wanted(words):
        of_streams = streams.Options(words, arguments.engines, repeats, arguments.quick)
        has_rows &= _told(
            streams.StreamsRun(of_streams).go(), arguments.streams_json or LAST_STREAMS
        )
    return 0 if has_rows else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--rows", metavar="WORDS", help="only units with one of these words (comma) in their name")
    add("--brokers", metavar="NAMES", type=_some_of(KINDS, "broker"), default=list(KINDS),
        help=f"some of {','.join(KINDS)} (comma)")  # fmt: skip
    add("--engines", metavar="NAMES", type=_some_of(ENGINES, "engine"), default=list(ENGINES),
        help=f"of what processes streams, some of {','.join(ENGINES)} (comma)")  # fmt: skip
    add("--repeats", type=int, metavar="N", help="measurements of each (default: 3, quick: 1)")
    add("--quick", action="store_true", help="does it run? The figures are not to be quoted")
    add("--json", type=Path, metavar="FILE", help=f"the result (default: {LAST.relative_to(ROOT)})")
    add("--streams-json", type=Path, metavar="FILE",
        help=f"that of streams (default: {LAST_STREAMS.relative_to(ROOT)})")  # fmt: skip
    add("--write-docs", type=Path, nargs="*", metavar="FILE",
        help="measure nothing: write docs from these results (default: the two above)")  # fmt: skip
    add("--list", action="store_true", help="the names of the units")
    return parser


def _some_of(known: Collection[str], what: str) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"there is no {what} {unknown[0]!r}; there are {', '.join(known)}"
            )
        return names

    return read


def _there() -> list[Path]:
    return [file for file in (LAST, LAST_STREAMS) if file.exists()]


def _write_docs(results: list[dict[str, Any]]) -> None:
    """A page for each kind of results that there is; those of streams may be in parts."""
    of_streams = [one for one in results if one.get("of") == "streams"]
    of_brokers = [one for one in results if one.get("of") != "streams"]
    pages = [(page.PAGE, page.page(one)) for one in of_brokers]
    if of_streams:
        pages.append((streams_page.PAGE, streams_page.page(streams.merged(of_streams))))
    for file, text in pages:
        file.write_text(text)
        print(f"wrote {file.relative_to(ROOT)}")


def _told(result: dict[str, Any], file: Path) -> bool:
    """Keeps and shows it. Has it any row?"""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n")
    print(table.text(result))
    print(f"\n{file} has it all.", file=sys.stderr)
    return bool(result["rows"])


def _stop(number: int, _: object) -> None:
    """Ends through every `finally`, so that no broker is left running."""
    print("The bench was told to stop; its figures are dropped.", file=sys.stderr, flush=True)
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
