"""`moldau status` and `moldau down`: the brokers that this user runs on this machine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from os.path import realpath

from moldau.client.command_line import Parser
from moldau.protocol.instance import Instance, read_all
from moldau.tools.kafka_server_stop import stop

NONE_RUNS = "No broker of yours runs here; `moldau up` starts one."


def status_options() -> argparse.ArgumentParser:
    parser = Parser("moldau status", description="The brokers that run here.")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


def status(argv: Sequence[str]) -> int:
    """Exit code 0 when a broker runs, else 1."""
    arguments = status_options().parse_args(argv)
    running = read_all()
    if arguments.json:
        import json

        for broker in running:
            print(json.dumps(broker._asdict()))
    else:
        for broker in running:
            since = datetime.fromtimestamp(broker.started_ms / 1000).isoformat(" ", "seconds")
            print(f"{broker.bootstrap_servers}  process {broker.pid}  {broker.data_dir}  {since}")
    if not running:
        print(NONE_RUNS, file=sys.stderr)
    return 0 if running else 1


def down_options() -> argparse.ArgumentParser:
    parser = Parser("moldau down", description="Stops brokers that run here.")
    parser.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument("--data", metavar="DIR", help="the one on this folder")
    parser.add_argument("--port", metavar="PORT", help="the one that listens on this port")
    return parser


def down(argv: Sequence[str]) -> int:
    """Stops a broker. Exit code 0 when it is gone, 1 when none fits or one does not end, 2 when
    several run and none was named."""
    arguments = down_options().parse_args(argv)
    running = read_all()
    chosen = [broker for broker in running if _is_meant(broker, arguments)]
    if not chosen:
        print("No such broker runs here." if running else NONE_RUNS, file=sys.stderr)
        return 1
    if len(chosen) > 1 and not arguments.all:
        print(
            "Several brokers run here; name one by --port or --data, or say --all:", file=sys.stderr
        )
        return status([]) or 2
    left = stop(chosen)
    for broker in chosen:
        if broker.pid in left:
            message = f"Process {broker.pid} does not end; `kill -9 {broker.pid}` ends it."
            print(message, file=sys.stderr)
        else:
            print(f"Stopped the broker on {broker.bootstrap_servers}.")
    return 1 if left else 0


def _is_meant(broker: Instance, arguments: argparse.Namespace) -> bool:
    if arguments.data and realpath(broker.data_dir) != realpath(arguments.data):
        return False
    port = broker.bootstrap_servers.rpartition(":")[2]
    return not arguments.port or port == arguments.port
