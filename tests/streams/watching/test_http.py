"""The server of a worker's pages, under clients as they come."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from moldau.streams.errors import StreamsError
from moldau.streams.watching import http as pages
from moldau.streams.watching.addresses import listen, parse
from moldau.streams.watching.http import HttpServer, Request, Response

WRONG = {
    "/split": Response(200, b"", headers={"x-a": "b\r\nset-cookie: c"}),
    "/status": Response(100, b""),
    "/text": Response(200, "text"),  # type: ignore[arg-type]
    "/number": Response(200, b"", headers={"x-n": 3}),  # type: ignore[dict-item]
}


async def echo(request: Request) -> Response:
    if request.path == "/fails":
        raise ValueError("a bug")
    if request.path == "/slow":
        await asyncio.sleep(60)
    if request.path in WRONG:
        return WRONG[request.path]
    if request.path == "/gone":
        return Response(204, b"nobody may see it", "text/plain")
    if request.path == "/own":
        headers = {"Content-Type": "text/csv", "X-Name": "größe ☃", "content-length": "1"}
        return Response(200, b"abc" + request.body, headers={**headers, "connection": "close"})
    size = int(request.query.get("size", 0))
    return Response(200, request.target.encode() + b"." * size, "text/plain")


@pytest.fixture
def server() -> Iterator[HttpServer]:
    made = HttpServer(listen("127.0.0.1:0"), echo)
    made.start()
    try:
        yield made
    finally:
        made.close()
        assert not made._thread.is_alive()
        for one in made.listening.sockets:
            one.close()


def get(server: HttpServer, target: str, **headers: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.listening.port, 10)) as client:
        client.request("GET", target, headers=headers)
        answer = client.getresponse()
        return answer.status, answer.read()


def said(server: HttpServer, data: bytes) -> bytes:
    """All that is answered to these bytes, to the end of the connection."""
    with socket.create_connection(("127.0.0.1", server.listening.port), 10) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_it_answers_one_question_after_another_on_a_connection(server: HttpServer) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.listening.port, 10)) as client:
        for target in ("/a", "/b?x=%20", "/c%2Fd"):
            client.request("GET", target)
            assert client.getresponse().read() == target.encode()
        client.request("HEAD", "/a?size=9")
        answer = client.getresponse()
        assert (answer.headers["content-length"], answer.read()) == ("18", b"")
        client.request("POST", "/a", b"body")
        assert client.getresponse().read() == b"/a"


def test_several_questions_may_be_sent_ahead(server: HttpServer) -> None:
    question = b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = said(server, b"".join(question % n for n in range(50)))
    assert answer.count(b"HTTP/1.1 200") == 50
    assert answer.index(b"/48") < answer.index(b"/49")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"431"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),  # TLS
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),  # no Host
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900_000,
         b"413"),
        (b"GET /?" + b"a=1&" * 200 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"403"),
        (b"GET /fails HTTP/1.1\r\nHost: localhost:1\r\n\r\n", b"500"),
    ],
    ids=["header", "path", "tls", "hosts", "bytes", "no-host", "body", "fields", "rebinding",
         "bug"],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused(server: HttpServer, data: bytes, status: bytes) -> None:
    try:
        answer = said(server, data)
    except OSError:  # it is not read to its end
        assert status == b"413"
    else:
        assert answer.startswith(b"HTTP/1.1 " + status), answer[:200]
        assert b'{"error":"' in answer
    assert get(server, "/after") == (200, b"/after")


@pytest.mark.parametrize("path", WRONG)
def test_an_answer_that_cannot_be_sent_is_a_failure(server: HttpServer, path: str) -> None:
    assert get(server, path)[0] == 500
    assert get(server, "/after") == (200, b"/after")


def test_how_long_a_body_is_and_how_it_is_sent_is_ours_to_say(server: HttpServer) -> None:
    question = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = said(server, b"".join(question % path for path in (b"/gone", b"/own", b"/last")))
    gone, own, last = answer.split(b"HTTP/1.1 ")[1:]
    assert gone.startswith(b"204")
    assert b"content-length" not in gone
    assert gone.endswith(b"\r\n\r\n")
    assert b"content-type: text/csv" in own
    assert "x-name: größe ☃".encode() in own
    assert b"content-length: 3\r\n\r\nabc" in own
    assert last.endswith(b"/last")


def test_who_asks_first_whether_a_body_is_wanted_is_told_to_go_on(server: HttpServer) -> None:
    with socket.create_connection(("127.0.0.1", server.listening.port), 10) as client:
        client.sendall(
            b"POST /own HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        client.sendall(b"body")
        client.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: client.recv(1000), b"")).endswith(b"abcbody")


@pytest.mark.slow
def test_whom_nobody_has_heard_of_for_longest_makes_room(server: HttpServer) -> None:
    """More connections of nothing than there may be: who asks is answered all the same."""
    with ExitStack() as left:
        address = ("127.0.0.1", server.listening.port)
        for _ in range(pages.MOST_CONNECTIONS * 3):
            silent = left.enter_context(socket.create_connection(address, 10))
            silent.sendall(b"GET / HT")
        for _ in range(20):
            assert get(server, "/still") == (200, b"/still")


@pytest.mark.slow
def test_slow_clients_hold_nobody_up(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One takes nothing of a large answer, one never ends its question, one is gone before its
    answer is made."""
    monkeypatch.setattr(pages, "TO_TAKE_S", 0.5)
    monkeypatch.setattr(pages, "TO_ASK_S", 0.5)
    address = ("127.0.0.1", server.listening.port)
    with ExitStack() as left:
        takes_nothing, asks_slowly, leaves = (
            left.enter_context(socket.create_connection(address, 10)) for _ in range(3)
        )
        takes_nothing.sendall(b"GET /?size=50000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        asks_slowly.sendall(b"GET /")
        leaves.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        leaves.close()
        assert get(server, "/others") == (200, b"/others")
        assert asks_slowly.recv(100) == b""  # cut off
        taken = 0
        try:
            while part := takes_nothing.recv(1 << 20):
                taken += len(part)
                threading.Event().wait(0.1)
        except ConnectionError:
            pass
        assert taken < 50_000_000


def test_where_it_listens() -> None:
    assert parse("8080") == ("localhost", 8080)
    assert parse("0.0.0.0:80") == ("0.0.0.0", 80)
    assert parse("[::1]:80") == ("::1", 80)
    for wrong in ("", "here", "here:", "1:2x", "localhost:70000", "localhost:-1"):
        with pytest.raises(StreamsError, match="write HOST:PORT"):
            parse(wrong)
    first = listen("localhost:0")
    with pytest.raises(StreamsError, match="cannot be listened to: Address already in use"):
        listen(f"127.0.0.1:{first.port}")
    for one in first.sockets:
        one.close()
