"""Standard output that takes no more: nobody reads it, as behind `| head -1`, its terminal is gone,
or its disk is full. What a program prints fails then, for record after record, and none of them is
to blame: the worker ends, as other commands do in a pipe, and what was not done is done again."""

from __future__ import annotations

import errno
import os
import select
import sys
from typing import TextIO

_OF_OUTPUT = (errno.EPIPE, errno.EIO, errno.ENOSPC)


def judge(error: BaseException) -> None:
    """Of the program's own code. Raises SystemExit where it is this, and no pipe of its own."""
    if not isinstance(error, OSError) or error.errno not in _OF_OUTPUT:
        return
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is not None and _takes_no_more(stream):
            _discard(stream)
            raise SystemExit(
                f"moldau: the worker ends, as what it prints goes nowhere ({name}: "
                f"{error.strerror})"
            ) from error


def say(text: str) -> None:
    """What people should know. Raises SystemExit."""
    try:
        print(text, flush=True)
    except OSError as error:
        judge(error)


def _takes_no_more(stream: TextIO) -> bool:
    try:
        stream.flush()  # what it did not take is there yet, unless it is not buffered
        asked = select.poll()
        asked.register(stream.fileno(), 0)
        return any(found & (select.POLLERR | select.POLLHUP) for _, found in asked.poll(0))
    except OSError:
        return True
    except ValueError:  # no file, as where a test looks at what is printed
        return False


def _discard(stream: TextIO) -> None:
    """Else the interpreter would complain about what is left in it, at its end."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)
