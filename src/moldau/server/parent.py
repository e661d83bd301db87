"""Notices that the parent process is gone, without asking again and again."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from moldau.server.reactor import READ, Reactor


def stop_with(parent: int, reactor: Reactor, stop: Callable[[], None]) -> None:
    """Calls `stop` when process `parent`, which must be our own parent, ends.

    Linux: a pidfd, which says so however the parent ends, and from whichever of its threads we
    were started (PR_SET_PDEATHSIG would go off when that thread ends). Elsewhere: kqueue.
    """
    if hasattr(os, "pidfd_open"):
        with suppress(ProcessLookupError):
            fd = os.pidfd_open(parent)
            reactor.register(fd, READ, lambda _events: stop())
    else:
        _watch_with_kqueue(parent, reactor, stop)
    if os.getppid() != parent:  # it died before we looked
        stop()


def _watch_with_kqueue(parent: int, reactor: Reactor, stop: Callable[[], None]) -> None:
    import select

    queue = select.kqueue()  # type: ignore[attr-defined,unused-ignore]
    event = select.kevent(  # type: ignore[attr-defined,unused-ignore]
        parent,
        select.KQ_FILTER_PROC,  # type: ignore[attr-defined,unused-ignore]
        select.KQ_EV_ADD,  # type: ignore[attr-defined,unused-ignore]
        select.KQ_NOTE_EXIT,  # type: ignore[attr-defined,unused-ignore]
    )
    with suppress(ProcessLookupError):
        queue.control([event], 0, 0)

        def ended(_events: int, _keep: object = queue) -> None:
            stop()

        reactor.register(queue.fileno(), READ, ended)
