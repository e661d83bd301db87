"""`make bench`: Moldau beside Apache Kafka, kfake and Tansu, in one run."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from bench import page, table
from bench.rivals import KINDS
from bench.run import Options, Run
from bench.unit import ROOT
from bench.units import ALL_NAMES

LAST = ROOT / "bench" / "results" / "last.json"


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--rows", metavar="WORDS", help="only units with one of these words (comma) in their name")
    add("--brokers", metavar="NAMES", help=f"some of {','.join(KINDS)} (comma)")
    add("--repeats", type=int, metavar="N", help="measurements of each (default: 3, quick: 1)")
    add("--quick", action="store_true", help="does it run? The figures are not to be quoted")
    add("--json", type=Path, metavar="FILE", help=f"the result (default: {LAST.relative_to(ROOT)})")
    add("--write-docs", action="store_true", help="measure nothing: write docs from --json")
    add("--list", action="store_true", help="the names of the units")
    arguments = parser.parse_args(argv)
    if arguments.list:
        print("\n".join(ALL_NAMES))
        return 0
    file = arguments.json or LAST
    if arguments.write_docs:
        page.PAGE.write_text(page.page(json.loads(file.read_text())))
        print(f"wrote {page.PAGE.relative_to(ROOT)}")
        return 0
    brokers = arguments.brokers.split(",") if arguments.brokers else list(KINDS)
    unknown = [name for name in brokers if name not in KINDS]
    if unknown:
        parser.error(f"there is no broker {unknown[0]!r}; there are {', '.join(KINDS)}")
    words = arguments.rows.split(",") if arguments.rows else []
    repeats = arguments.repeats or (1 if arguments.quick else 3)
    signal.signal(signal.SIGTERM, _stop)
    result = Run(Options(words, brokers, repeats, arguments.quick)).go()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n")
    print(table.text(result))
    print(f"\n{file} has it all.", file=sys.stderr)
    return 0 if result["rows"] else 1


def _stop(number: int, _: object) -> None:
    """Ends through every `finally`, so that no broker is left running."""
    print("The bench was told to stop; its figures are dropped.", file=sys.stderr, flush=True)
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
