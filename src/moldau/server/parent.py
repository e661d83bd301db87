"""Notices that the parent process is gone, where it can without asking again and again."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Thread
from time import sleep

from moldau.server.reactor import READ, Reactor

LOOK_EVERY_S = 0.5


def stop_with(parent: int, reactor: Reactor, stop: Callable[[], None]) -> None:
    """Calls `stop` when process `parent`, which must be our own parent, ends.

    Linux: a pidfd, which says so however the parent ends, and from whichever of its threads we
    were started (PR_SET_PDEATHSIG would go off when that thread ends). Elsewhere: kqueue. Where
    neither may be used (Linux before 5.3, some sandboxes) a thread looks twice a second.
    """
    watch = _watch_with_pidfd if hasattr(os, "pidfd_open") else _watch_with_kqueue
    try:
        watch(parent, reactor, stop)
    except ProcessLookupError:
        pass  # seen below
    except OSError:
        Thread(target=_look, args=(parent, reactor, stop), daemon=True).start()
    if os.getppid() != parent:  # it died before we looked
        stop()


def _look(parent: int, reactor: Reactor, stop: Callable[[], None]) -> None:
    while os.getppid() == parent:
        sleep(LOOK_EVERY_S)
    reactor.call_from_thread(stop)


def _watch_with_pidfd(parent: int, reactor: Reactor, stop: Callable[[], None]) -> None:
    fd = os.pidfd_open(parent)
    reactor.register(fd, READ, lambda _events: stop())


def _watch_with_kqueue(parent: int, reactor: Reactor, stop: Callable[[], None]) -> None:
    import select

    queue = select.kqueue()  # type: ignore[attr-defined,unused-ignore]
    event = select.kevent(  # type: ignore[attr-defined,unused-ignore]
        parent,
        select.KQ_FILTER_PROC,  # type: ignore[attr-defined,unused-ignore]
        select.KQ_EV_ADD,  # type: ignore[attr-defined,unused-ignore]
        select.KQ_NOTE_EXIT,  # type: ignore[attr-defined,unused-ignore]
    )
    queue.control([event], 0, 0)

    def ended(_events: int, _keep: object = queue) -> None:
        stop()

    reactor.register(queue.fileno(), READ, ended)
