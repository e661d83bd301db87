"""Pages: what they are asked and answer, and that the worker answers that has the key."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

import moldau
import moldau.faust as faust
from moldau.faust import web
from moldau.streams.errors import DefinitionError
from moldau.streams.faust import pages as module
from moldau.streams.topology import Stage
from moldau.streams.watching.asking import Unanswered, ask
from moldau.streams.watching.http import Request, Response
from tests.tools.test_worker import wait_for

ROOT = Path(__file__).parents[2]


class Account(faust.Record):
    name: str
    balance: int = 0


class Here:
    """All keys are in this process, so many times that this is asked, or in no other."""

    def __init__(self, other: Response | None = None, times: int = 1000) -> None:
        self.other = other
        self.times = times
        self.asked: list[tuple[str, int, Mapping[str, str]]] = []

    def count(self, stage: Stage) -> int:
        return 8

    def is_here(self, stage: str, partition: int) -> bool:
        self.times -= 1
        return self.times >= 0

    def moving(self, stage: str, partition: int) -> Response:
        return Response(503, b"it moves")

    async def elsewhere(
        self, stage: str, partition: int, request: Request, headers: Mapping[str, str]
    ) -> Response | None:
        self.asked.append((stage, partition, headers))
        return self.other


def made() -> faust.App:
    app = faust.App("pages")

    @app.page("/hello/{name}/")
    async def hello(self: web.View, request: web.Request, name: str) -> web.Response:
        return self.text(f"{name} {request.query.get('x')} {request.headers['X-Told']}")

    @app.page("/html")
    async def html(self: web.View, request: web.Request) -> web.Response:
        return self.html("<p>ä</p>", status=201, headers={"x-more": "yes"})

    @app.page("/fails/{how}")
    async def fails(self: web.View, request: web.Request, how: str) -> Any:
        if how == "nothing":
            return None
        raise self.NotFound("no such account", account=7)

    @app.page("/accounts/{number:[0-9]+}")
    class Accounts(web.View):
        async def get(self, request: web.Request, number: str) -> web.Response:
            return self.json({"account": Account(name="ann", balance=int(number))})

        async def post(self, request: web.Request, number: str) -> web.Response:
            return self.json([await request.json(), number])

    @app.page("/größe/{name}")
    async def size(self: web.View, request: web.Request, name: str) -> web.Response:
        return self.text(f"{name} {request.path} {request.query.get('x')}")

    @app.page("/years/{year:[0-9]{4}}/{month:1[0-2]|[1-9]}")
    async def year(self: web.View, request: web.Request, year: str, month: str) -> web.Response:
        return self.text(f"{year} {month}")

    @app.page("/text")
    class Text(web.View):
        async def post(self, request: web.Request) -> web.Response:
            return self.text(await request.text())

    @app.page("/models")
    class Models(web.View):
        @web.takes_model(Account)
        @web.gives_model(Account)
        async def post(self, request: web.Request, account: Account) -> Account:
            return Account(name=account.name, balance=account.balance + 1)

    return app


def failing() -> faust.App:
    app = faust.App("pages")

    @app.page("/raises/{what}")
    async def raises(self: web.View, request: web.Request, what: str) -> web.Response:
        raise RAISED[what]

    @app.page("/waits")
    async def waits(self: web.View, request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return self.text("never")

    return app


def answer(
    app: faust.App,
    method: str,
    target: str,
    body: bytes = b"",
    routing: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Response | None:
    path, _, query = target.partition("?")
    pairs = dict(parse_qsl(query, errors="surrogateescape"))
    request = Request(method, path, pairs, {"x-told": "so", **(headers or {})}, target, body)

    async def ask_it() -> Response | None:
        served = asyncio.create_task(app.pages._serve())
        await asyncio.sleep(0)
        try:
            given: Any = routing or Here()
            return await app.pages.answer(request, given)
        finally:
            served.cancel()

    return asyncio.run(ask_it())


def shown(response: Response | None) -> tuple[int, str, str]:
    assert response is not None
    return response.status, response.type, response.body.decode()


JSON, TEXT = "application/json", "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "target", "body", "expected"),
    [
        ("GET", "/hello/a%20b/?x=1", b"", (200, TEXT, "a b 1 so")),
        ("HEAD", "/hello/ann", b"", (200, TEXT, "ann None so")),
        ("GET", "/html", b"", (201, "text/html; charset=utf-8", "<p>ä</p>")),
        ("GET", "/accounts/7", b"", (200, JSON, '{"account":{"name":"ann","balance":7}}')),
        ("POST", "/accounts/7", b'{"a":1}', (200, JSON, '[{"a":1},"7"]')),
        ("POST", "/models", b'{"name":"eve"}', (200, JSON, '{"name":"eve","balance":1}')),
        ("DELETE", "/accounts/7", b"", (405, JSON, '{"error":"Method DELETE not allowed."}')),
        (
            "GET",
            "/gr%C3%B6%C3%9Fe/%c3%a4%2Fb%252F?x=%FF",
            b"",
            (200, TEXT, "ä/b%2F /größe/ä/b%2F \ufffd"),
        ),
        ("GET", "/years/2024/12", b"", (200, TEXT, "2024 12")),
        ("GET", "/fails/x", b"", (404, JSON, '{"error":"no such account","account":7}')),
    ],
)
def test_what_a_view_answers(
    method: str, target: str, body: bytes, expected: tuple[int, str, str]
) -> None:
    status, type_, text = shown(answer(made(), method, target, body))
    if type_ == JSON:  # of a Record also what kind it is
        said = json.loads(text)
        for one in (said, said.get("account") if isinstance(said, dict) else None):
            if isinstance(one, dict):
                one.pop("__faust", None)
        text = json.dumps(said, separators=(",", ":"))
    assert (status, type_, text) == expected


RAISED: dict[str, BaseException] = {
    "exit": SystemExit(3),
    "interrupt": KeyboardInterrupt(),
    "cancelled": asyncio.CancelledError(),
    "closed": GeneratorExit(),
}


@pytest.mark.parametrize("what", RAISED)
def test_what_a_page_raises_ends_nothing_but_that_page(what: str) -> None:
    """The worker's loop least of all."""
    with pytest.raises(RuntimeError, match=r"the page /raises/\{what\} raised"):
        answer(failing(), "GET", f"/raises/{what}")


def test_a_time_that_is_up_in_a_page_is_not_the_time_for_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(RAISED, "time", TimeoutError("of its own"))
    with pytest.raises(TimeoutError, match="of its own"):
        answer(failing(), "GET", "/raises/time")
    monkeypatch.setattr(module, "TO_ANSWER_S", 0.05)
    status, _, said = shown(answer(failing(), "GET", "/waits"))
    assert (status, "/waits gave no answer in 0.05 s" in said) == (503, True)


def test_a_page_that_is_under_way_when_its_worker_stops() -> None:
    app = failing()

    async def stopped() -> Response | None:
        served = asyncio.create_task(app.pages._serve())
        await asyncio.sleep(0)
        here: Any = Here()
        asked = asyncio.create_task(app.pages.answer(Request("GET", "/waits", {}, {}, ""), here))
        while not app.pages._under_way:
            await asyncio.sleep(0)
        served.cancel()
        await asyncio.wait([served])
        assert not app.pages._under_way
        return await asked

    assert shown(asyncio.run(stopped()))[0] == 503


def test_what_a_view_is_asked_wrongly() -> None:
    assert answer(made(), "GET", "/accounts/seven") is None
    assert answer(made(), "GET", "/none") is None
    for path, body, why in [
        ("/accounts/7", b"{ no json", "The body is no JSON"),
        ("/accounts/7", b"[" * 60_000, "The body is no JSON"),
        ("/text", b"\xff", "The body is no UTF-8"),
        ("/models", b"{ no json", "The body is no Account"),
        ("/models", b"[]", "The body is no Account: Account is made of a mapping"),
    ]:
        status, _, said = shown(answer(made(), "POST", path, body))
        assert (status, why in said) == (400, True), said
    with pytest.raises(TypeError, match=r"it returned None: return self\.json"):
        answer(made(), "GET", "/fails/nothing")


def test_a_page_is_refused_where_it_is_written() -> None:
    app = faust.App("pages")
    with pytest.raises(DefinitionError, match="a path begins with /"):
        app.page("hello")(lambda *_: None)
    with pytest.raises(DefinitionError, match="decorates an async function"):
        app.page("/hello")(lambda *_: None)
    for path in ("/x/{7}", "/x/{name}/{name}", "/x/{name:[a-z}"):
        with pytest.raises(DefinitionError, match=r"write \{NAME\} or \{NAME:REGEX\}"):
            app.page(path)(web.View)
    with pytest.raises(DefinitionError, match="say where the key is"):
        app.table_route(table=app.Table("counts"))


def test_a_routed_page_is_asked_of_who_has_the_key() -> None:
    app = faust.App("pages")
    counts = app.Table("counts", default=int)
    words = app.topic("words", value_type=str)

    @app.agent(words)
    async def count(stream: Any) -> None:
        async for word in stream:
            counts[word] += 1

    @app.page("/count/{word}")
    @app.table_route(table=counts, match_info="word")
    async def one(self: web.View, request: web.Request, word: str) -> web.Response:
        return self.json(counts[word])

    with moldau.testing.run(app, partitions=8) as t:
        t[words].send("tea", "tea")
        here = Here()
        assert shown(answer(app, "GET", "/count/tea", routing=here))[2] == "2"
        ((stage, partition, headers),) = here.asked
        assert stage.startswith("count")
        assert partition in range(8)
        assert headers == {"x-moldau-routed": "1"}
        there = Here(Response(200, b"7"))
        assert shown(answer(app, "GET", "/count/tea", routing=there))[2] == "7"


def test_a_table_and_a_topic_of_one_name_are_not_taken_for_each_other() -> None:
    """As in the tutorial of page views, whose table is in another stage than its topic."""
    app = faust.App("pages")
    views = app.topic("page_views", value_type=dict)
    counts = app.Table("page_views", default=int)

    @app.agent(views)
    async def count(stream: Any) -> None:
        async for view in stream.group_by(lambda view: view["id"], name="id"):
            counts[view["id"]] += 1

    @app.page("/count/{page}")
    @app.table_route(table=counts, match_info="page")
    async def one(self: web.View, request: web.Request, page: str) -> web.Response:
        return self.json(counts[page])

    @app.page("/read/{page}")
    @app.topic_route(topic=views, match_info="page")
    async def read(self: web.View, request: web.Request, page: str) -> web.Response:
        return self.text("here")

    with moldau.testing.run(app, partitions=8):
        asked = Here()
        answer(app, "GET", "/count/foo", routing=asked)
        answer(app, "GET", "/read/foo", routing=asked)
        stages = [stage for stage, _, _ in asked.asked]
        assert stages == ["count", "source-1"]


@pytest.mark.parametrize(("times", "asked"), [(0, 0), (1, 1)], ids=["before", "meanwhile"])
@pytest.mark.parametrize("headers", [{}, {"x-moldau-routed": "1"}], ids=["asked", "handed on"])
def test_a_key_that_has_moved_is_not_taken_for_one_that_there_is_none_of(
    times: int, asked: int, headers: dict[str, str]
) -> None:
    """Which partitions a process has may change between the question and the page."""
    app = faust.App("pages")
    counts = app.Table("counts", default=int)

    @app.agent(app.topic("words", value_type=str))
    async def count(stream: Any) -> None:
        async for word in stream:
            counts[word] += 1

    ran = []

    @app.page("/count/{word}")
    @app.table_route(table=counts, match_info="word")
    class Count(web.View):
        async def get(self, request: web.Request, word: str) -> web.Response:
            ran.append(word)
            return self.json(counts[word])

        async def post(self, request: web.Request, word: str) -> web.Response:
            return self.text("done")

    target = "/count/tea"
    with moldau.testing.run(app, partitions=8):
        moved = answer(app, "GET", target, routing=Here(times=times), headers=headers)
        assert shown(moved)[::2] == (503, "it moves")
        assert len(ran) == asked
        done = answer(app, "POST", target, routing=Here(times=1), headers=headers)
        assert shown(done)[::2] == (200, "done")  # what was done is said


PROGRAM = """
import moldau.faust as faust

app = faust.App("words", broker="kafka://{servers}", topic_partitions=6,
                config={{"session.timeout.ms": 6000}})
posts = app.topic("posts", value_type=str)
word_counts = app.Table("word_counts", default=int)


@app.agent(posts)
async def shuffle_words(posts):
    async for post in posts:
        for word in post.split():
            await count_words.send(key=word, value=word)


@app.agent(value_type=str)
async def count_words(words):
    async for word in words:
        word_counts[word] += 1


@app.page("/count/{{word}}/")
@app.table_route(table=word_counts, match_info="word")
async def get_count(web, request, word):
    return web.json({{word: word_counts[word]}})


@app.page("/posts/")
class Posts(faust.web.View):
    async def post(self, request):
        await posts.send(value=await request.text())
        return self.text("posted")
"""


@contextmanager
def workers(folder: Path, *words: str) -> Iterator[str]:
    """Where they answer."""
    command = [sys.executable, "-m", "moldau", "faust", "-A", "words", "worker", "-p", "0", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_DATA_HOME": str(folder)}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().rpartition("http://")[2].strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.mark.slow
def test_two_workers_answer_for_every_key_at_one_address(tmp_path: Path) -> None:
    words = [f"w{number}" for number in range(12)]
    with moldau.Broker() as broker:
        (tmp_path / "words.py").write_text(PROGRAM.format(servers=broker.bootstrap_servers))
        with workers(tmp_path, "-w", "2") as address:
            host, _, port = address.rpartition(":")

            def counted(word: str) -> Any:
                try:
                    answer = ask(host, int(port), f"/count/{word}/")
                except Unanswered:
                    return None
                return json.loads(answer.body).get(word)

            def posted() -> bool:
                try:
                    body = " ".join([*words, *words]).encode()
                    return ask(host, int(port), "/posts/", method="POST", body=body).status == 200
                except Unanswered:
                    return False

            wait_for(posted)
            wait_for(lambda: [counted(word) for word in words] == [2] * len(words))
            assert ask(host, int(port), "/tables").status == 200
