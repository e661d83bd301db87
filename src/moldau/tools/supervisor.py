"""Several processes of one program: one that dies is started again, with a pause that grows while
it keeps dying. What the program itself ends, by sys.exit() or by an error that waiting does not
mend, ends all of them. With `--http` they answer at one address, each process besides at a port
that it finds for itself."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moldau.streams.watching.announcing import Announced
    from moldau.streams.watching.several import Peer, Peers

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
MOST_SAME = 8  # times in a row that one ends with the same error: about a minute
HEALTHY_S = 60.0  # who has run for so long begins with the first pause again
LOOK_EVERY_S = 0.1


def add_supervised(parser: argparse.ArgumentParser) -> None:
    """What a supervisor tells its processes: which of them they are, the pipe by which it hears
    where they answer, and who it is: when it is gone, nobody would tell them to stop."""
    for name in ("--slot", "--announce-to", "--parent"):
        parser.add_argument(name, type=int, help=argparse.SUPPRESS)


def supervise(
    app: str,
    words: list[str],
    count: int,
    http: str | None = None,
    live: bool = False,
    is_own: Callable[[str], bool] = lambda _: False,
) -> int:
    """Runs so many processes `moldau WORDS`, until it is told to stop. `http`: answers for all of
    them at HOST:PORT. `live`: shows them meanwhile. `is_own`: is a path one of the program's own
    pages? Raises StreamsError when the address is not to
    be had."""
    if http is None and not live:
        return Supervisor(words, count).run()
    from moldau.streams.watching.addresses import LOOPBACK, parse
    from moldau.streams.watching.several import Peers

    host = LOOPBACK if http is None else parse(http)[0]
    supervisor = Supervisor(words, count, inner=f"{host}:0")
    with ExitStack() as left:
        peers = Peers(app)
        if http is not None:
            _answer(app, http, supervisor, peers, left, is_own)
        if live:
            from moldau.tools.top.view import open_view

            view = left.enter_context(open_view(lambda: peers.document_now(supervisor.peers())))
            supervisor.tell = view.tell
        return supervisor.run()


def _answer(
    app: str,
    http: str,
    supervisor: Supervisor,
    peers: Peers,
    left: ExitStack,
    is_own: Callable[[str], bool],
) -> None:
    from moldau.streams.watching.addresses import listen
    from moldau.streams.watching.http import HttpServer
    from moldau.streams.watching.site import Site

    listening = listen(http)
    for one in listening.sockets:
        left.callback(one.close)
    site = Site(
        lambda: peers.document(supervisor.peers()),
        lambda request: peers.one(supervisor.peers(), request),
        is_own,
    )
    server = HttpServer(listening, site.answer)
    server.start()
    left.callback(server.close)
    print(f"{app}: {listening.url}", flush=True)


class Supervisor:
    """Keeps N processes running until it is told to stop; ends when all have ended by
    themselves."""

    def __init__(self, words: list[str], count: int, inner: str | None = None) -> None:
        """`words`: of `moldau`, for one process; which of them it is, is put behind. `inner`: the
        address at which each answers. `tell` is given what they say; None: they say it
        themselves."""
        self.tell: Callable[[str], None] | None = None
        self._command = [sys.executable, "-m", "moldau", *words]
        self._inner = inner
        self._announced: dict[int, Announced] = {}
        self._ports: dict[int, int] = {}
        self._count = count
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._started: dict[int, float] = {}
        self._pauses: dict[int, float] = {}
        self._due: dict[int, float] = {}
        self._errors: dict[int, tuple[str, int]] = {}  # of each, the last and how often in a row
        self._said: set[str] = set()
        self._code = 0
        self._told = 0  # to stop, so often
        self._heeded = 0

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        self._due = dict.fromkeys(range(self._count), 0.0)
        while self._processes or self._due:
            self._look()
            time.sleep(LOOK_EVERY_S)
        return self._code

    def _start(self, slot: int) -> None:
        self._due.pop(slot, None)
        self._started[slot] = time.monotonic()
        # A session of its own: Ctrl-C reaches it through us, once.
        told = ["--slot", str(slot), "--parent", str(os.getpid())]
        self._processes[slot] = self._opened([*self._command, *told], slot)

    def _opened(self, command: list[str], slot: int) -> subprocess.Popen[bytes]:
        from moldau.streams.watching.announcing import Announced

        pipe = Announced()
        command += ["--announce-to", str(pipe.write)]
        if self._inner is not None:
            command += ["--http", self._inner]
        made = subprocess.Popen(
            command,
            start_new_session=True,
            pass_fds=[pipe.write],
            stdout=None if self.tell is None else subprocess.PIPE,
            stderr=None if self.tell is None else subprocess.STDOUT,
        )
        if self.tell is not None:
            threading.Thread(target=self._hear, args=(made, self.tell), daemon=True).start()
        os.close(pipe.write)
        self._announced[slot] = pipe
        return made

    @staticmethod
    def _hear(process: subprocess.Popen[bytes], tell: Callable[[str], None]) -> None:
        for line in process.stdout or ():
            tell(line.decode(errors="replace").rstrip("\n"))

    def peers(self) -> list[Peer]:
        """Where they answer. May be called by another thread."""
        from moldau.streams.watching.addresses import connectable, parse
        from moldau.streams.watching.several import Peer

        host = connectable(parse(self._inner or "")[0])
        return [Peer(f"process {slot}", host, self._ports.get(slot)) for slot in range(self._count)]

    def _look(self) -> None:
        now = time.monotonic()
        if self._heeded < self._told:
            self._heed()
        for slot, process in list(self._processes.items()):
            has_ended = process.poll() is not None
            pipe = self._announced.get(slot)
            if pipe is not None:
                pipe.look()
                if pipe.port is not None:
                    self._ports[slot] = pipe.port
            if has_ended:
                del self._processes[slot]
                self._ports.pop(slot, None)
                self._ended(slot, process.returncode, self._announced.pop(slot, None), now)
        for slot, due in list(self._due.items()):
            if now >= due and not self._told:
                self._start(slot)

    def _ended(self, slot: int, code: int, pipe: Announced | None, now: float) -> None:
        error, may_pass, is_exit = None, False, False
        if pipe is not None:
            pipe.close()
            error, may_pass, is_exit = pipe.error, pipe.may_pass, pipe.is_exit
        is_new = error is not None and error not in self._said
        if error is not None and is_new:
            self._said.add(error)
            self._say(error)
        if self._told:
            return
        if is_exit:
            self._end(f"process {slot} has called sys.exit({code}), and so all end", code)
        elif error is not None and not may_pass and self._times(slot, error, now) >= MOST_SAME:
            self._end(f"gives up: process {slot} has ended {MOST_SAME} times with: {error}", 1)
        elif code:
            self._again(slot, code, now, None if error is None else is_new)

    def _times(self, slot: int, error: str, now: float) -> int:
        """How often in a row."""
        healthy = now - self._started[slot] > HEALTHY_S
        last, times = self._errors.get(slot, ("", 0))
        times = times + 1 if last == error and not healthy else 1
        self._errors[slot] = (error, times)
        return times

    def _end(self, why: str, code: int) -> None:
        """As told to stop."""
        self._say(why)
        self._code = code
        self._told = 1

    def _say(self, text: str) -> None:
        print(f"moldau worker: {text}", file=sys.stderr, flush=True)

    def _again(self, slot: int, code: int, now: float, is_new: bool | None) -> None:
        """`is_new`: was its error said for the first time? None: it told none."""
        healthy = now - self._started[slot] > HEALTHY_S
        pause = FIRST_PAUSE_S if healthy else self._pauses.get(slot, FIRST_PAUSE_S)
        self._pauses[slot] = min(pause * 2, LONGEST_PAUSE_S)
        self._due[slot] = now + pause
        if is_new is None:
            self._say(f"process {slot} ended with {code}; started again in {pause:g} s")
        elif is_new:
            self._say(f"what ends so is started again, with pauses of up to {LONGEST_PAUSE_S:g} s")

    def _stop(self, _number: int, _frame: object) -> None:
        """No more than that: a process may be about to start, and be known to nobody yet."""
        self._told += 1

    def _heed(self) -> None:
        """A second time: at once."""
        self._heeded = self._told
        self._due.clear()
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM if self._told == 1 else signal.SIGKILL)
