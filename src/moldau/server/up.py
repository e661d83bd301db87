"""One broker from settings to its end: `moldau up`."""

from __future__ import annotations

import gc
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from socket import SOMAXCONN
from typing import TYPE_CHECKING, Any, TextIO

from moldau.broker.loggers import LOG, Loggers
from moldau.broker.node import Node
from moldau.protocol import instance
from moldau.protocol.instance import Instance
from moldau.server import descriptors
from moldau.server.disk import OsDisk
from moldau.server.listeners import is_loopback
from moldau.server.parent import stop_with
from moldau.server.reactor import Reactor, now_ms
from moldau.server.server import BindError, Server, SyncFailed, bind, endpoint, port_of
from moldau.storage.disk import DiskError
from moldau.storage.manager import FolderError, LogManager
from moldau.version import __version__

if TYPE_CHECKING:
    from socket import socket

    from moldau.server.listeners import Listener
    from moldau.server.settings import Settings

BACKLOG = "socket.listen.backlog.size"
NEXT = """\
  kafka-topics --bootstrap-server {address} --create --topic greetings
  echo 'good morning' | kafka-console-producer --bootstrap-server {address} --topic greetings
  kafka-console-consumer --bootstrap-server {address} --topic greetings --from-beginning\
"""


class ReadyFileError(Exception):
    """The file of --ready-file can't be written. The text says which and why."""


def say(line: str) -> None:
    _print(line, sys.stdout)


def warn(line: str) -> None:
    _print(line, sys.stderr)


def _print(line: str, where: TextIO) -> None:
    """Whoever reads this may go away (`moldau up | head`), or the log's disk may be full: the
    broker goes on."""
    try:
        print(line, file=where, flush=True)
    except BrokenPipeError:
        # What is in the buffer would fail once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), where.fileno())
    except OSError:
        return


def up(
    settings: Settings,
    *,
    ready_files: Sequence[str] = (),
    parent: int | None = None,
    scratch: str | None = None,
) -> int:
    """Runs a broker until it is told to stop. Exit code 0, or 1 with one sentence on stderr.

    With `parent` it stops when that process ends; nobody else can then remove its `scratch`."""
    descriptors.raise_limit()
    with ExitStack() as ending:
        if scratch is not None:
            ending.callback(_remove_orphan, scratch, parent)
        if settings.data_dir is None:
            settings = settings.placed(_temporary_folder(ending))
        try:
            _serve(settings, ready_files, parent, ending)
        except (BindError, FolderError, ReadyFileError, SyncFailed) as error:
            warn(str(error))
            return 1
        except DiskError as error:
            warn(f"The disk refused: {error}. Mend that, or choose another folder with --data.")
            return 1
    return 0


def _remove_orphan(scratch: str, parent: int | None) -> None:
    if os.getppid() != parent:
        shutil.rmtree(scratch, ignore_errors=True)


def _temporary_folder(ending: ExitStack) -> str:
    folder = tempfile.mkdtemp(prefix="moldau-")
    ending.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def backlog(settings: Settings) -> int:
    """How many connections may wait to be taken. Those beyond come again after a second, and then
    two: with Kafka's 50, unless somebody wants them, thousands at once took half a minute."""
    if BACKLOG in settings.explicit:
        chosen: Any = settings.broker[BACKLOG]
        return int(chosen)
    return SOMAXCONN


def _serve(
    settings: Settings, ready_files: Sequence[str], parent: int | None, ending: ExitStack
) -> None:
    data_dir = settings.data_dir
    assert data_dir is not None
    bound = []
    for listener in settings.listeners:
        sockets = bind(listener, backlog(settings))
        bound.append((listener, sockets))
        for sock in sockets:
            ending.callback(sock.close)
    reactor = Reactor()
    ending.callback(reactor.close)
    _stop_on_signals(reactor)
    if parent is not None:
        stop_with(parent, reactor, reactor.stop)
    disk = OsDisk()
    dice = random.SystemRandom()
    loggers = Loggers(warn)
    logs = LogManager.open(
        disk,
        data_dir,
        settings,
        now_ms(),
        loggers[LOG].warn,
        dice.randbytes,
        open_files=descriptors.for_logs(),
    )
    ending.callback(lambda: logs.close(now_ms()))
    try:
        node = Node(settings, logs, dice, loggers, time.perf_counter_ns, now_ms())
        node.start({listener.name: endpoint(listener, sockets) for listener, sockets in bound})
    except DiskError:
        logs.sync_failed = True  # a stop would try to write as well, and say so once more
        raise
    ending.callback(node.stop)
    # What is there now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    server = Server(node, disk, data_dir, reactor)
    ending.callback(server.close)
    for listener, sockets in bound:
        server.listen(listener, sockets)
    addresses = _to_type(bound)
    address = addresses[0]
    # An embedded broker is its program's own: `moldau down` must not find it.
    is_embedded = parent is not None
    if not is_embedded:
        ending.callback(_note_instance(data_dir, address))
    # Here, and not sooner: who is refused hears only why.
    for note in settings.notes:
        warn(f"Note: {note}.")
    for path in ready_files:
        ending.callback(_write_ready(path, address))
    if not is_embedded:
        _announce(settings, addresses, data_dir)
    server.run()


def _announce(settings: Settings, addresses: Sequence[str], data_dir: str) -> None:
    """Says to people that it serves."""
    where = "a temporary folder" if settings.temporary else data_dir
    say(f"Moldau serves Kafka on {' and '.join(addresses)}, data in {where}. Next:")
    say(NEXT.format(address=addresses[0]))


def _note_instance(data_dir: str, address: str) -> Callable[[], None]:
    """For `moldau status` and `moldau down`. Gives what takes it back."""
    pid = os.getpid()
    started = Instance(
        pid,
        os.path.abspath(data_dir),
        address,
        now_ms(),
        __version__,
        instance.process_start_of(pid),
    )
    try:
        instance.write(started)
    except OSError as error:
        warn(f"Note: moldau status will not show this broker: {error}.")

    def gone() -> None:
        with suppress(OSError):
            instance.remove(pid)

    return gone


def _write_ready(path: str, address: str) -> Callable[[], None]:
    """Tells programs that it serves. Whole or not at all: whoever waits for the file reads a whole
    address. Gives what takes that back. Raises ReadyFileError."""
    is_pipe = path.startswith("/dev/")
    draft = path if is_pipe else f"{path}.tmp"
    try:
        Path(draft).write_text(f"{address}\n")
        if not is_pipe:
            os.replace(draft, path)
    except OSError as error:
        raise ReadyFileError(
            f"--ready-file {path} can't be written: {error.strerror}. Name a file in a folder "
            f"that is there."
        ) from None

    def gone() -> None:
        if not is_pipe:
            Path(path).unlink(missing_ok=True)

    return gone


def _to_type(bound: Sequence[tuple[Listener, list[socket]]]) -> list[str]:
    """An address for each listener. First those that send a client of this machine nowhere else:
    in compose files the listener for other containers often stands first."""
    at_home = sorted(bound, key=lambda pair: not _is_at_home(pair[0]))
    return [f"{_dial(listener.host)}:{port_of(sockets)}" for listener, sockets in at_home]


def _is_at_home(listener: Listener) -> bool:
    return listener.advertised is None or is_loopback(listener.advertised[0])


def _dial(host: str) -> str:
    """Who listens everywhere is found at localhost."""
    if host in ("", "0.0.0.0", "::"):
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _stop_on_signals(reactor: Reactor) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: reactor.stop())
