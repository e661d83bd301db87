"""Runs a worker in this process until it is told to stop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from confluent_kafka import KafkaException

from moldau.streams.app import App
from moldau.streams.errors import StreamsError, Trouble
from moldau.streams.running.ears import GRACE_S, ears
from moldau.streams.running.unread import say
from moldau.streams.running.worker import Worker, trouble
from moldau.streams.watching.addresses import Listening
from moldau.streams.watching.announcing import announce
from moldau.streams.watching.serving import serving

LOOK_S = 0.5
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(
    app: App,
    *,
    slot: int = 0,
    http: str | None = None,
    announce_to: int | None = None,
    parent: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> None:
    """A worker that ends cleanly on SIGINT and SIGTERM: it checkpoints and leaves the group. A
    second signal ends it at once, and so do brokers that do not answer for long; what was not
    checkpointed is done again. `http`: HOST:PORT where it answers, which is said.
    `announce_to`: a pipe to who supervises it, and is told that and what it ends with. `parent`: it
    ends likewise when that process is gone. `tell`: is told what has failed before the group is
    left, which may take long. Raises StreamsError, and SystemExit of the program's own."""
    if threading.current_thread() is not threading.main_thread():
        raise StreamsError(
            f"{app.id}: it runs in the main thread, which hears Ctrl-C; beside other work it is a "
            f"process of its own: moldau worker -A MODULE:APP"
        )
    told = _Told(app)
    if parent is not None:
        threading.Thread(target=told.follow, args=(parent,), name="parent", daemon=True).start()

    def failed(error: StreamsError) -> None:
        if error.is_told:
            return
        if announce_to is not None:
            announce(announce_to, error=str(error), may_pass=isinstance(error, Trouble))
        elif tell is not None:
            tell(str(error))
        error.is_told = announce_to is not None or tell is not None

    try:
        _run(app, slot, http, announce_to, told, failed)
    except KafkaException as error:
        made = trouble(app, error)
        failed(made)
        raise made from error
    except StreamsError as error:
        failed(error)
        raise
    except SystemExit:
        if announce_to is not None:
            announce(announce_to, is_exit=True)
        raise


def _run(
    app: App,
    slot: int,
    http: str | None,
    announce_to: int | None,
    told: _Told,
    failed: Callable[[StreamsError], None],
) -> None:

    def listens(listening: Listening) -> None:
        if announce_to is None:
            say(f"{app.id}: {listening.url}")
        else:
            announce(announce_to, port=listening.port)

    try:
        with ears(told.heard), serving(app, slot, http, listens) as worker:
            told.begin(worker)
            worker.on_failure = failed
            worker.run()
    finally:
        told.end()


class _Told:
    """To stop: the first time the worker does it, the second time the process ends at once. So does
    one that has not begun, which has nothing to lose."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._worker: Worker | None = None
        self._before: dict[int, signal._HANDLER] = {}
        self._times = 0
        self._is_over = threading.Event()

    def begin(self, worker: Worker) -> None:
        self._worker = worker
        self._before = {number: signal.signal(number, self._stop) for number in SIGNALS}

    def end(self) -> None:
        self._is_over.set()
        if self._worker is not None:
            self._worker.patience.close()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def heard(self, number: int) -> None:
        """In a thread: the main one may be in a call of the client, and not hear it."""
        if number not in SIGNALS:
            return
        self._times += 1
        if self._worker is not None:
            self._tell(self._worker, number)
        if (self._worker is None or self._times > 1) and not self._is_over.wait(GRACE_S):
            os._exit(128 + number)

    def follow(self, parent: int) -> None:
        """In a thread. Who is taken over by another has lost its parent."""
        while not self._is_over.wait(LOOK_S):
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        for one in SIGNALS:
            signal.signal(one, signal.SIG_DFL)
        assert self._worker is not None
        self._tell(self._worker, number)

    def _tell(self, worker: Worker, number: int) -> None:
        worker.stop()
        worker.patience.cut_by(number, self._say)

    def _say(self, why: str) -> None:
        """In a thread, which has more to do than that."""
        with suppress(SystemExit):
            say(f"{self._app.id}: {why}")
