"""The pages of a program: which is meant by a path, who answers, and on which event loop.

A view runs on the program's own loop, as in Faust: it reads what its process has of a table, and
what it sends goes out at once. One that is routed by a key is answered by the process that has the
key's partition.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from moldau.streams.engine.placing import PLACES
from moldau.streams.errors import DefinitionError
from moldau.streams.faust.tables import Table
from moldau.streams.faust.web import Request, Response, View
from moldau.streams.formats.basic import Key
from moldau.streams.topology import Stage, topology

if TYPE_CHECKING:
    from moldau.streams.faust.app import App
    from moldau.streams.watching import http
    from moldau.streams.watching.routing import Routing

TO_ANSWER_S = 30.0
ROUTED = "x-moldau-routed"
_NAMED = re.compile(r"\{(\w+)(?::((?:[^{}]|\{[^{}]*\})+))?\}")
_SLASH = "\udc2f"  # one within a part of a path; nothing else becomes that
_KEY = Key()
_LOG = logging.getLogger("moldau.faust")


class Route(NamedTuple):
    """Where a view's key is: in the path (`match_info`) or behind the "?" (`query_param`). `of`: a
    table or a topic."""

    of: Any
    match_info: str | None
    query_param: str | None

    def key(self, request: Request) -> str | None:
        if self.match_info is not None:
            return request.match_info.get(self.match_info)
        return request.query.get(self.query_param or "")


class Page(NamedTuple):
    path: str
    pattern: re.Pattern[str]
    view: View
    route: Route | None


class _MovedError(Exception):
    """The key's partition is not of this process any more."""


class Pages:
    def __init__(self, app: App) -> None:
        self._app = app
        self._pages: list[Page] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way: set[asyncio.Task[Any]] = set()

    def __bool__(self) -> bool:
        return bool(self._pages)

    @property
    def paths(self) -> list[str]:
        return [one.path for one in self._pages]

    def add(self, path: str, view: Any) -> None:
        """`view`: a class of View, or an async function (view, request, …). Raises
        DefinitionError."""
        if not path.startswith("/"):
            raise DefinitionError(f"@app.page({path!r}): a path begins with /")
        if isinstance(view, type) and issubclass(view, View):
            made, route = view(self._app), getattr(view, "__route__", None)
        elif asyncio.iscoroutinefunction(view):
            route = getattr(view, "__route__", None)
            made = type(view.__name__, (View,), {"get": view})(self._app)
        else:
            raise DefinitionError(
                f"@app.page({path!r}) decorates an async function of (web, request), or a class of "
                f"faust.web.View"
            )
        if not self._pages:
            self._app.core.task(self._serve)
            self._app.core.on_stop(self._stop)
            self._app.core.pages = self
        self._pages.append(Page(path, _pattern(path), made, route))

    def has(self, path: str) -> bool:
        return self._found(path) is not None

    def _found(self, path: str) -> tuple[Page, dict[str, str]] | None:
        path = unquote(path.replace("%2F", _SLASH).replace("%2f", _SLASH))
        for page in self._pages:
            found = page.pattern.fullmatch(path)
            if found is not None:
                named = found.groupdict("").items()
                return page, {name: text.replace(_SLASH, "/") for name, text in named}
        return None

    # --- answering --------------------------------------------------------------------------

    async def _serve(self) -> None:
        """Beside the records, as long as the worker runs: so that its loop has turns."""
        self._loop = asyncio.get_running_loop()
        try:
            await asyncio.Event().wait()
        finally:
            self._stop()
            if self._under_way:
                await asyncio.wait(set(self._under_way))

    def _stop(self) -> None:
        self._loop = None
        for one in self._under_way:
            one.cancel()

    async def answer(self, asked: http.Request, routing: Routing) -> http.Response | None:
        """On the server's loop. None: there is no such page."""
        from moldau.streams.watching.http import error_of

        found = self._found(asked.path)
        if found is None:
            return None
        page, match_info = found
        request = Request(asked, match_info)
        place = None if page.route is None else self._place(page.route, request, routing)
        if place is not None and ROUTED not in asked.headers:
            elsewhere = await routing.elsewhere(*place, asked, {ROUTED: "1"})
            if elsewhere is not None:
                return elsewhere
        if self._loop is None:
            return _not_running()
        is_here = (lambda: True) if place is None else partial(routing.is_here, *place)
        answering = self._dispatched(page, request, is_here)
        answered = asyncio.run_coroutine_threadsafe(answering, self._loop)
        limit = asyncio.timeout(TO_ANSWER_S)
        try:
            async with limit:
                return _given(await asyncio.wrap_future(answered))
        except _MovedError:
            assert place is not None
            return routing.moving(*place)
        except TimeoutError:
            if not limit.expired():
                raise
            return error_of(503, f"{page.path} gave no answer in {TO_ANSWER_S:g} s")
        except asyncio.CancelledError:
            if self._loop is not None:
                raise
            return _not_running()

    async def _dispatched(
        self, page: Page, request: Request, is_here: Callable[[], bool]
    ) -> Response:
        """On the program's loop. What a page raises ends that page only: not even sys.exit() in it
        ends the worker. A key that is not here any more would have been taken for one that there is
        none of."""
        task = asyncio.current_task()
        assert task is not None
        if self._loop is None:  # it has stopped meanwhile
            raise asyncio.CancelledError
        self._under_way.add(task)
        from moldau.streams.watching.http import SAFE

        try:
            if not is_here():
                raise _MovedError
            answer = await page.view.dispatch(request)
            if request.method in SAFE and not is_here():
                raise _MovedError
            return answer
        except Exception:
            raise
        except BaseException as error:
            if task.cancelling():  # nobody waits for it any more
                raise
            raise RuntimeError(f"the page {page.path} raised {error!r}") from error
        finally:
            self._under_way.discard(task)

    def _place(self, route: Route, request: Request, routing: Routing) -> tuple[str, int] | None:
        """The stage and the partition of the key; None: there is no key."""
        key = route.key(request)
        stage = self._stage(route.of)
        if key is None or stage is None:
            return None
        return stage.name, PLACES[stage.partitioner](_KEY.encode(key), routing.count(stage))

    def _stage(self, of: Any) -> Stage | None:
        """Which has the table, or reads the topic: both may have one name."""
        for stage in topology(self._app.core.id, self._app.core.nodes).stages:
            if isinstance(of, Table):
                is_of = any(one.name == f"table-{of.name}" for one in stage.nodes)
            else:
                is_of = of.name in stage.topics
            if is_of:
                return stage
        return None


def _pattern(path: str) -> re.Pattern[str]:
    """{NAME} is a part of a path, {NAME:REGEX} what that says, of a path that is decoded. A slash
    at the end may be left out. Raises DefinitionError."""
    parts = _NAMED.split(path.rstrip("/"))
    made = re.escape(parts[0])
    for name, pattern, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        made += f"(?P<{name}>{pattern or '[^/]+'}){re.escape(text)}"
    try:
        return re.compile(f"{made}/?")
    except re.error as error:
        raise DefinitionError(
            f"@app.page({path!r}): {error.msg}; write {{NAME}} or {{NAME:REGEX}}"
        ) from None


def _not_running() -> http.Response:
    from moldau.streams.watching.http import error_of

    return error_of(503, "the program does not run yet, or no more", {"retry-after": "1"})


def _given(answer: Response) -> http.Response:
    from moldau.streams.watching.http import Response as Given

    type_ = answer.content_type
    if type_.startswith("text/") and "charset" not in type_:
        type_ += "; charset=utf-8"
    return Given(answer.status, answer.body, type_, answer.headers)


def routed(
    of: Any, shard_param: str | None, query_param: str | None, match_info: str | None
) -> Callable[[Any], Any]:
    """Decorates a view: it is answered where the key is. Raises DefinitionError."""
    query = query_param or shard_param
    if (query is None) == (match_info is None):
        raise DefinitionError(
            "say where the key is: match_info='word' (in the path) or query_param='word'"
        )

    def decorate(view: Any) -> Any:
        view.__route__ = Route(of, match_info, query)
        return view

    return decorate
