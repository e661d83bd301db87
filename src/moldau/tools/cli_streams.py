"""`moldau streams`: what a program of streams is, how far it is, and beginning anew."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from moldau.tools.cli_frame import Failure, add_json, guarded_action, parser, print_json, show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moldau.streams.app import App
    from moldau.streams.watching.several import Peer


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
    watch = actions.add_parser("top", help="what its workers do (those that run with --http)")
    watch.add_argument("--http", metavar="HOST:PORT", help="ask there, instead of looking by -A")
    for action in (describe, lag, reset, watch):
        action.add_argument(
            "-A",
            "--app",
            required=action is not watch,
            metavar="MODULE:APP",
            help="where the App is, as shop:app",
        )
        add_json(action)
    return top


def _run(arguments: argparse.Namespace) -> int:
    from confluent_kafka import KafkaException

    from moldau.streams.errors import StreamsError
    from moldau.tools.worker import load

    if arguments.action == "top" and arguments.http is not None:
        return _top_at(arguments)
    if arguments.app is None:
        raise Failure("top: say -A MODULE:APP, or --http HOST:PORT")
    actions = {"top": _top, "describe": _describe, "lag": _lag, "reset": _reset}
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


def _top(app: App, arguments: argparse.Namespace) -> int:
    """Those that tell the others where they answer."""
    from moldau.streams.watching.members import Members, refuse_without
    from moldau.streams.watching.several import Peer

    refuse_without(app)
    members = Members(app)
    try:
        return _watched(
            app.id,
            lambda: [
                Peer(one.process, one.host, one.port)
                for one in members.now()
                if one.host is not None
            ],
            arguments,
        )
    finally:
        members.close()


def _top_at(arguments: argparse.Namespace) -> int:
    from moldau.streams.errors import StreamsError
    from moldau.streams.watching.addresses import parse
    from moldau.streams.watching.several import Peer

    try:
        host, port = parse(arguments.http)
    except StreamsError as error:
        raise Failure(str(error)) from None
    return _watched(arguments.http, lambda: [Peer(arguments.http, host, port)], arguments)


def _watched(name: str, peers: Callable[[], Sequence[Peer]], arguments: argparse.Namespace) -> int:
    """Until Ctrl-C; as JSON once."""
    import threading

    import msgspec

    from moldau.streams.watching.several import Peers
    from moldau.tools.top.view import open_view

    asked = Peers(name)
    if arguments.json:
        print(msgspec.json.encode(asked.document_now(peers())).decode())
        return 0
    with open_view(lambda: asked.document_now(peers())):
        threading.Event().wait()
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
