"""kafka-server-stop: stops the brokers that this user runs here, and no others.

Apache Kafka: bin/kafka-server-stop.sh, 4.3.1. Unlike that one it waits until they are gone, so
that a start right behind it finds the port free.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from moldau.protocol.instance import Instance, read_all
from moldau.tools.frame import Stop, load_properties, run

_PATIENCE_S = 10.0
_USAGE = """\
usage: kafka-server-stop [--node-id=N]

Stops the brokers that you run on this machine, or the one with this id, and waits until they are
gone. `moldau status` shows them; `moldau down` stops one by its port or folder."""


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    if "--help" in argv or "-h" in argv:  # Apache's script knows no help, and stops the brokers
        print(_USAGE)
        return 0
    node_id, role = _option(argv, "--node-id"), _option(argv, "--process-role")
    if node_id and role:
        print(
            "When both node-id and process-role are provided, the value for node-id will take "
            "precedence"
        )
    running = read_all()
    if not running:
        print("No kafka server to stop")
        raise Stop("kafka-server-stop: no broker of yours runs here (`moldau status`).")
    chosen = [broker for broker in running if not node_id or _node_id(broker) == node_id]
    left = stop(chosen, os.environ.get("SIGNAL", "TERM"))
    if left:
        numbers = ", ".join(map(str, left))
        raise Stop(f"kafka-server-stop: still running: process {numbers}; try `kill -9`.")
    return 0


def stop(brokers: Sequence[Instance], name: str = "TERM") -> list[int]:
    """Sends a signal and waits. The processes that did not end."""
    number = getattr(signal, f"SIG{name.removeprefix('SIG')}", signal.SIGTERM)
    for broker in brokers:
        with suppress(ProcessLookupError):
            os.kill(broker.pid, number)
    deadline = time.monotonic() + _PATIENCE_S
    while any(broker.is_running for broker in brokers) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [broker.pid for broker in brokers if broker.is_running]


def _option(argv: list[str], name: str) -> str:
    for word in argv:
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return ""


def _node_id(broker: Instance) -> str | None:
    try:
        return load_properties(os.path.join(broker.data_dir, "meta.properties")).get("node.id")
    except (OSError, ValueError):
        print(f"kafka-server-stop: {broker.data_dir} cannot be read.", file=sys.stderr)
        return None
