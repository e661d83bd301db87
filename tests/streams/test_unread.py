"""What a program prints goes nowhere: it ends, and no record is given up for it."""

from __future__ import annotations

import io
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pytest

import moldau
from moldau.streams.running import unread


def unread_pipe() -> int:
    read, write = os.pipe()
    os.close(read)
    return write


def full_disk() -> int:
    return os.open("/dev/full", os.O_WRONLY)


@contextmanager
def printing_to(opened: Callable[[], int], buffering: int) -> Iterator[None]:
    before = sys.stdout
    file = os.fdopen(opened(), "wb", buffering)
    sys.stdout = written = io.TextIOWrapper(file, write_through=buffering == 0)
    try:
        yield
    finally:
        sys.stdout = before
        with suppress(OSError):
            written.close()


KINDS = [(unread_pipe, 8192), (unread_pipe, 0), (full_disk, 8192)]


def program(where: str) -> tuple[moldau.App, Any]:
    app = moldau.App("shop")
    orders = app.topic("orders", dict)

    def shown(order: Any = None) -> Any:
        print(order, flush=True)
        return order

    if where == "verb":
        app.stream(orders).map(shown).to("shown")
    elif where == "timer":
        app.stream(orders)
        app.timer("1s")(lambda: shown())
    elif where == "call":
        app.agent(orders)(lambda order: shown(order))
    elif where == "batch":
        app.agent(orders, batch="list")(lambda all_: shown(all_))
    else:

        @app.agent(orders)
        async def show(stream: Any) -> None:
            async for order in stream:
                shown(order)

    return app, orders


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["verb", "call", "batch", "stream", "timer"])
def test_a_program_ends_whose_output_goes_nowhere(kind: Any, where: str) -> None:
    app, orders = program(where)
    with moldau.testing.run(app) as t, printing_to(*kind):
        happens: dict[str, Callable[[], object]] = {"timer": lambda: t.advance("2s")}
        sent: Callable[[], object] = partial(t[orders].send, {"n": 1})
        with pytest.raises(SystemExit, match="what it prints goes nowhere"):
            happens.get(where, sent)()
        assert t["shop-dlq"].records() == []
        print("more", flush=True)  # as the interpreter does at its end


def test_a_pipe_of_its_own_that_breaks_is_a_fault_like_others() -> None:
    app = moldau.App("shop", on_error=moldau.retry(1))
    orders = app.topic("orders", dict)

    @app.agent(orders)
    def ask(order: dict[str, int]) -> None:
        one, other = socket.socketpair()
        other.close()
        with one:
            one.send(b"?")

    with moldau.testing.run(app) as t:
        t[orders].send({"n": 1})
        assert len(t["shop-dlq"].records()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_worker_says_goes_nowhere_too(kind: Any) -> None:
    with printing_to(*kind), pytest.raises(SystemExit):
        unread.say("waiting for a broker")
