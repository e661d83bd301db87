"""`moldau streams`: what a program of streams is, how far it is, and beginning anew."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from moldau.tools.cli_frame import Failure, add_json, guarded_action, parser, print_json, show

if TYPE_CHECKING:
    from moldau.streams.app import App


def main(argv: list[str]) -> int:
    return guarded_action("streams", options(), argv, _run)


def options() -> argparse.ArgumentParser:
    top = parser("streams", "A program of streams, as `moldau worker` runs it.")
    actions = top.add_subparsers(dest="action", metavar="ACTION")
    describe = actions.add_parser("describe", help="its stages, steps and internal topics")
    describe.add_argument("--svg", metavar="FILE", help="draw it into FILE (- for stdout)")
    lag = actions.add_parser("lag", help="how far behind its last checkpoint is, by partition")
    reset = actions.add_parser(
        "reset", help="forget positions and state, so that it reads everything again"
    )
    reset.add_argument("--execute", action="store_true", help="do it, instead of only telling")
    for action in (describe, lag, reset):
        action.add_argument(
            "-A", "--app", required=True, metavar="MODULE:APP", help="where the App is, as shop:app"
        )
        add_json(action)
    return top


def _run(arguments: argparse.Namespace) -> int:
    from confluent_kafka import KafkaException

    from moldau.streams.errors import StreamsError
    from moldau.tools.worker import load

    actions = {"describe": _describe, "lag": _lag, "reset": _reset}
    try:
        app = load(arguments.app)
        try:
            return actions[arguments.action](app, arguments)
        except KafkaException as error:
            raise Failure(f"{app.bootstrap_servers}: {error.args[0].str()}") from None
    except StreamsError as error:
        raise Failure(str(error)) from None


def _describe(app: App, arguments: argparse.Namespace) -> int:
    from moldau.streams.topology import topology
    from moldau.streams.upkeep.describing import as_text, described
    from moldau.streams.upkeep.picture import svg

    made = topology(app.id, app.nodes)
    if arguments.svg == "-":
        sys.stdout.write(svg(made))
    elif arguments.svg is not None:
        try:
            Path(arguments.svg).write_text(svg(made))
        except OSError as error:
            raise Failure(f"--svg {arguments.svg}: {error.strerror}") from None
    elif arguments.json:
        print_json(described(made))
    else:
        print(as_text(made))
    return 0


def _lag(app: App, arguments: argparse.Namespace) -> int:
    from moldau.streams.upkeep.progress import Lag, Upkeep

    rows = [one._asdict() for one in Upkeep(app).lags()]
    show(rows, Lag._fields, arguments.json)
    return 0


def _reset(app: App, arguments: argparse.Namespace) -> int:
    from moldau.streams.upkeep.progress import Upkeep

    upkeep = Upkeep(app)
    topics = upkeep.to_reset()
    if arguments.execute:
        upkeep.reset()
    if arguments.json:
        print_json({"group": app.id, "topics": topics, "done": arguments.execute})
        return 0
    print(f"{'Deleted' if arguments.execute else 'Would delete'} the positions of {app.id}, and")
    for topic in topics:
        print(f"  {topic}")
    if not arguments.execute:
        print("What it wrote to your topics stays, and is written again. To do it: --execute")
    return 0
