"""Signals, heard also while the main thread is in a call of the client that does not come back:
Python calls its handlers in that thread, between two of its own instructions."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

GRACE_S = 2.0  # in which the main thread ends the process, if it can


@contextmanager
def ears(heard: Callable[[int], None]) -> Iterator[None]:
    """Calls it in a thread for each signal that has a handler of Python's, with its number. For the
    main thread."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_listen, args=(read, heard), name="ears", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(write)


@contextmanager
def interruptible() -> Iterator[None]:
    """Around what asks brokers and has nothing to lose: Ctrl-C ends the process, if need be in the
    place of the main thread."""
    is_over = threading.Event()

    def heard(number: int) -> None:
        if number == signal.SIGINT and not is_over.wait(GRACE_S):
            os._exit(128 + number)

    with ears(heard):
        try:
            yield
        finally:
            is_over.set()


def _listen(read: int, heard: Callable[[int], None]) -> None:
    """To the end of the pipe."""
    with open(read, "rb", buffering=0) as signals:
        while number := signals.read(1):
            heard(number[0])
