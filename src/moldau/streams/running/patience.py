"""How long a worker waits for the brokers: less, when it was told to stop.

Most waits are bounded by what they are told (`left_s`), or are left to themselves (`within`): a
call of librdkafka may never come back, and no signal is heard meanwhile. What is bounded by nobody,
as closing a consumer, is cut off: the process ends as by a second signal, which loses nothing,
because what was not checkpointed is done again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from moldau.streams.errors import StreamsError

LEAVE_S = 8.0
CUT_S = 15.0
LEAST_S = 0.5  # what is asked gets time for an answer
LOOK_S = 0.25
HOOK_S = 5.0  # for a hook at start or stop
TO_CUT_S = 2.0  # more, where it could not be cancelled
MORE_S = 5.0  # than it was told, before a call is taken for stuck


class StuckError(StreamsError):
    """A call has not come back in its time. A producer must not be used any more then; a consumer
    may be."""


class Patience:
    """Of one worker. The program's own code may take as long as it likes, but for hooks: only waits
    count."""

    def __init__(self) -> None:
        self._told: float | None = None
        self._since: float | None = None  # it waits for the brokers
        self._waited = 0.0  # before that, since it was told
        self._called: tuple[str, float] | None = None  # a hook, and since when
        self._cutting = threading.Lock()
        self._is_over = threading.Event()

    def end(self) -> None:
        """It was told to stop. May be called by a signal handler."""
        if self._told is None:
            self._told = time.monotonic()

    @property
    def is_ending(self) -> bool:
        return self._told is not None

    def left_s(self, otherwise: float) -> float:
        """For how long it waits for one answer; never 0."""
        if self._told is None:
            return otherwise
        return min(otherwise, max(LEAST_S, self._told + LEAVE_S - time.monotonic()))

    def within(self, seconds: float, call: Callable[[], object]) -> None:
        """Raises what the call raises; StuckError."""
        is_back = threading.Event()
        raised: list[BaseException] = []

        def work() -> None:
            try:
                call()
            except BaseException as error:  # it is another thread's to deal with
                raised.append(error)
            finally:
                is_back.set()

        threading.Thread(target=work, name="patient", daemon=True).start()
        began = time.monotonic()
        while not is_back.wait(LOOK_S):
            if time.monotonic() - began > self.left_s(seconds) + (0 if self._told else MORE_S):
                raise StuckError("a call of the client has not come back")
        if raised:
            raise raised[0]

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around what asks brokers, and calls none of the program's code."""
        is_outer = self._since is None
        if is_outer:
            self._since = time.monotonic()
        try:
            yield
        finally:
            if is_outer:
                waited = self._waited_s()
                self._since = None  # first: another thread adds both
                self._waited = waited

    @contextmanager
    def calling(self, hook: str) -> Iterator[None]:
        """Around a hook of the program."""
        self._called = (hook, time.monotonic())
        try:
            yield
        finally:
            self._called = None

    @property
    def called_s(self) -> float:
        """For how long a hook has run since it was told to stop."""
        called, told = self._called, self._told
        return 0.0 if called is None or told is None else time.monotonic() - max(called[1], told)

    def cut_by(self, number: int, say: Callable[[str], None]) -> None:
        """From now on it is ended as by that signal when it has waited for CUT_S in all: one wait
        that was given up may be followed by another."""
        if self._cutting.acquire(blocking=False):
            threading.Thread(
                target=self._cut, args=(number, say), name="patience", daemon=True
            ).start()

    def close(self) -> None:
        """The worker has ended."""
        self._is_over.set()

    def _waited_s(self) -> float:
        """Since it was told."""
        waited, since, told = self._waited, self._since, self._told
        if since is None or told is None:
            return waited
        return waited + time.monotonic() - max(since, told)

    def _stuck(self) -> str | None:
        """In what, for too long."""
        called = self._called
        if called is not None and self.called_s > HOOK_S + TO_CUT_S:
            return f"{called[0]} has not ended in {HOOK_S + TO_CUT_S:.0f} s, told to stop"
        if self._since is not None and self._waited_s() > CUT_S:
            return f"the brokers have not answered for {CUT_S:.0f} s"
        return None

    def _cut(self, number: int, say: Callable[[str], None]) -> None:
        while not self._is_over.wait(LOOK_S):
            why = self._stuck()
            if why is not None:
                say(
                    f"{why}: it stops without a checkpoint, and what was not checkpointed is done "
                    f"again"
                )
                os.kill(os.getpid(), number)
                if not self._is_over.wait(LOOK_S):  # the main thread has not heard of it
                    os._exit(128 + number)
                return
