"""A broker to compare, whoever made it: started, asked whether it answers, stopped.

Each runs in a folder of its own on the same disk, on a free port of 127.0.0.1.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.process import stop

START_TIMEOUT_S = 60.0
_ASK_EVERY_S = 0.002
# ApiVersions, version 0, correlation id 1, client id "bench", behind its length.
_API_VERSIONS = struct.pack(">ihhih5s", 15, 18, 0, 1, 5, b"bench")


class Unavailable(Exception):
    """A broker is not to be had on this machine. The text says why."""


class StartError(Exception):
    """A broker did not answer. The text is what it said last."""


@dataclass(frozen=True)
class Recipe:
    """How to start a broker, once it is known to be there: `command(folder, port)` prepares the
    folder and gives the words to execute."""

    version: str
    settings: Mapping[str, str]
    command: Callable[[Path, int], list[str]]
    keeps_records: bool = True  # when its process is gone


@dataclass(frozen=True)
class Kind:
    """A broker to compare. `find` gives its recipe, or raises Unavailable. `label` is its short
    name in the head of a column."""

    name: str
    title: str
    label: str
    find: Callable[[], Recipe]


@dataclass
class Running:
    kind: Kind
    command: list[str]
    process: subprocess.Popen[bytes]
    address: str
    log: Path
    seconds_to_answer: float

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        stop(self.process)


def start(kind: Kind, recipe: Recipe, folder: Path) -> Running:
    """Starts it and waits for its first answer; preparing a folder is not part of the time."""
    folder.mkdir(parents=True)
    port = free_port()
    return _started(kind, recipe.command(folder, port), port, folder / "broker.log")


def start_again(broker: Running, timeout_s: float = START_TIMEOUT_S) -> Running:
    """The same broker in the same folder, after it has ended."""
    port = int(broker.address.split(":")[1])
    return _started(broker.kind, broker.command, port, broker.log, timeout_s)


def _started(
    kind: Kind, command: list[str], port: int, log: Path, timeout_s: float = START_TIMEOUT_S
) -> Running:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KAFKA_")}
    with log.open("ab") as out:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=log.parent,
            env=environment,
        )
    running = Running(kind, command, process, f"127.0.0.1:{port}", log, 0.0)
    try:
        _wait_for_answer(running, port, timeout_s)
    except BaseException:
        process.kill()
        process.wait()
        raise
    running.seconds_to_answer = time.perf_counter() - begin
    return running


def _wait_for_answer(running: Running, port: int, timeout_s: float) -> None:
    until = time.monotonic() + timeout_s
    while not _answers(port):
        if running.process.poll() is not None or time.monotonic() > until:
            said = running.log.read_text(errors="replace").strip().splitlines()[-3:]
            raise StartError(f"{running.kind.title} did not start: {' / '.join(said)}")
        time.sleep(_ASK_EVERY_S)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), START_TIMEOUT_S) as sock:
            sock.sendall(_API_VERSIONS)
            return len(sock.recv(8)) > 0
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
