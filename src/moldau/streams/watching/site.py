"""The pages of a worker: what is answered under which path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from moldau.streams.watching.document import Document
from moldau.streams.watching.http import Request, Response, error_of, json
from moldau.streams.watching.prometheus import TYPE, as_text

# A worker that has not come round for so long hangs: in a function of the user's, or in Kafka.
HANGS_S = 60.0
_READ = ("GET", "HEAD")
_INDEX = """\
{app}: a program of Moldau streams

/metrics        for Prometheus
/metrics.json   the same as JSON
/health         does it live? (200 or 503)
/ready          has it all its state, and does it work? (200 or 503)
/tables         what can be read; /tables/NAME?limit=100, /tables/NAME/KEY
"""


class Site:
    """`document`: what is told now, of all processes behind this address. `others`: answers what
    is none of the pages here; None: nor there. `is_own`: is it a page of the program's? They come
    first."""

    def __init__(
        self,
        document: Callable[[], Awaitable[Document]],
        others: Callable[[Request], Awaitable[Response | None]],
        is_own: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._document = document
        self._others = others
        self._is_own = is_own

    async def answer(self, request: Request) -> Response:
        missing = error_of(404, f"there is no {request.path} here; / lists what there is")
        if self._is_own(request.path):
            return await self._others(request) or missing
        if request.method not in _READ:
            return error_of(405, "only GET is answered here", {"allow": ", ".join(_READ)})
        page = _PAGES.get(request.path)
        if page is not None:
            return page(await self._document(), request)
        return await self._others(request) or missing


def _index(document: Document, _request: Request) -> Response:
    text = _INDEX.format(app=document.app)
    return Response(200, text.encode(), "text/plain; charset=utf-8")


def _metrics(document: Document, request: Request) -> Response:
    if "application/json" in request.headers.get("accept", ""):
        return json(document)
    return Response(200, as_text(document).encode(), TYPE)


def _metrics_json(document: Document, _request: Request) -> Response:
    return json(document)


def _health(document: Document, _request: Request) -> Response:
    hung = [one.process for one in document.processes if one.round_s_ago > HANGS_S]
    return _state(document, [f"{one} hangs" for one in hung])


def _ready(document: Document, _request: Request) -> Response:
    others = [one for one in document.processes if one.status != "running"]
    return _state(document, [f"{one.process} is {one.status}" for one in others])


def _state(document: Document, wrong: list[str]) -> Response:
    wrong += document.silent
    told = {
        "status": "; ".join(wrong) or "ok",
        "processes": {one.process: one.status for one in document.processes},
    }
    return json(told, 503 if wrong else 200)


_PAGES: dict[str, Callable[[Document, Request], Response]] = {
    "/": _index,
    "/metrics": _metrics,
    "/metrics.json": _metrics_json,
    "/health": _health,
    "/ready": _ready,
}
