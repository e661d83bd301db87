"""The options of `moldau folder`."""

from __future__ import annotations

import argparse


def parser(
    made: type[argparse.ArgumentParser] = argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    """`made`: of which kind it is, and that of its actions."""
    parser = made(
        "moldau folder",
        description="Looks at a data folder; nothing is changed there.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser(
        "check",
        help="what is in a folder, and whether Moldau and Apache Kafka can go on with it",
        description="Says what is in a folder of Moldau or Apache Kafka, one that is stopped or a "
        "copy, and whether both can go on with it: exit code 0 when both can, else 1.",
        allow_abbrev=False,
    )
    check.add_argument("folder", metavar="DIR", help="the folder (log.dirs)")
    check.add_argument("--json", action="store_true", help="one JSON object")
    return parser
