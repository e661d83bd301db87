"""What one process asks another: once, and no longer than until one of them ends."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from moldau.streams.watching.addresses import listen
from moldau.streams.watching.asking import Unanswered, ask
from moldau.streams.watching.http import HttpServer, Request, Response
from moldau.streams.watching.several import Peer, Peers


@contextmanager
def served() -> Iterator[tuple[int, list[Request]]]:
    """At that port; and what was asked."""
    seen: list[Request] = []

    async def answer(request: Request) -> Response:
        seen.append(request)
        if request.path == "/gone":
            return Response(204, b"")
        return Response(200, b"x" * 100_000, "text/x", {"etag": "ä", "set-cookie": "a=1"})

    server = HttpServer(listen("127.0.0.1:0"), answer)
    server.start()
    try:
        yield server.listening.port, seen
    finally:
        server.close()
        for one in server.listening.sockets:
            one.close()


@contextmanager
def breaking_off() -> Iterator[int]:
    """Hears what it is asked, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            try:
                while True:
                    with listening.accept()[0] as client:
                        client.recv(100_000)
            except OSError:
                pass  # it is over

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def test_what_is_answered_comes_whole() -> None:
    with served() as (port, seen):
        answer = ask("127.0.0.1", port, "/a%2F?b=c", method="PUT", headers={"x": "ö"}, body=b"is")
        assert (answer.status, answer.type, len(answer.body)) == (200, "text/x", 100_000)
        assert (answer.headers["etag"], answer.headers["set-cookie"]) == ("ä", "a=1")
        (asked,) = seen
        assert (asked.method, asked.target, asked.body) == ("PUT", "/a%2F?b=c", b"is")
        assert asked.headers["x"] == "ö"
        answer = ask("127.0.0.1", port, "/", method="HEAD")
        assert (answer.body, answer.headers["content-length"]) == (b"", "100000")
        assert ask("127.0.0.1", port, "/gone").body == b""


def test_who_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Unanswered, match=r"gives no answer in 0\.1 s") as raised:
            ask("127.0.0.1", port, "/", timeout_s=0.1)
        assert raised.value.was_asked
    with pytest.raises(Unanswered, match="does not answer: Connection refused") as raised:
        ask("127.0.0.1", port, "/")
    assert not raised.value.was_asked


def test_what_may_have_been_done_is_not_asked_of_another() -> None:
    """And what goes through is as it was."""

    def answered(method: str, *ports: int | None) -> Response:
        peers = [Peer(f"process {slot}", "127.0.0.1", port) for slot, port in enumerate(ports)]
        request = Request(method, "/", {}, {"x-own": "ö", "te": "trailers"}, "/", b"")
        return asyncio.run(Peers("shop").one(peers, request))

    with breaking_off() as broken, served() as (port, seen), socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = unused.getsockname()[1]
        answer = answered("POST", broken, port)
        assert (answer.status, seen) == (502, [])
        assert b"it may have done what was asked" in answer.body
        answer = answered("GET", None, broken, port)
        assert (answer.status, answer.headers["etag"]) == (200, "ä")
        assert answered("POST", nobody, port).status == 200
        assert [(one.method, one.headers["x-own"]) for one in seen] == [("GET", "ö"), ("POST", "ö")]
        assert "te" not in seen[0].headers
        assert answered("GET", None, nobody).status == 503


# A process that is asked for what another never answers.
PROGRAM = """
import socket, threading
from moldau.streams.watching import several
from moldau.streams.watching.addresses import listen
from moldau.streams.watching.http import HttpServer

several.TO_ANSWER_S = 1000
silent = socket.create_server(("127.0.0.1", 0))
peers = [several.Peer("process 0", "127.0.0.1", silent.getsockname()[1])]
shop = several.Peers("shop")
server = HttpServer(listen("127.0.0.1:0"), lambda request: shop.one(peers, request))
server.start()
client = socket.create_connection(("127.0.0.1", server.listening.port))
client.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
silent.accept()[0].recv(100)
server.close()
print("closed")
"""


@pytest.mark.slow
def test_a_question_that_is_not_answered_does_not_hold_up_the_end() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "closed\n", "")
