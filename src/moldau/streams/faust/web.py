"""Pages as Faust's programs write them: `View`, what it is asked, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote

from moldau.streams.faust.conversions import plain
from moldau.streams.formats.basic import Json

if TYPE_CHECKING:
    from moldau.streams.faust.app import App
    from moldau.streams.watching import http

_JSON = Json()
_bytes = bytes  # a method of View has that name
METHODS = ("get", "post", "put", "patch", "delete", "options", "search")


class WebError(Exception):
    """Raised in a view: answered as JSON, with `code` as status."""

    code = 500
    detail = "Server Error"

    def __init__(self, detail: str | None = None, *, code: int | None = None, **extra: Any) -> None:
        self.detail = detail or self.detail
        self.code = code or self.code
        self.extra_context = extra
        super().__init__(self.detail)


class ServerError(WebError):
    pass


class ValidationError(WebError):
    code, detail = 400, "Invalid input."


class ParseError(WebError):
    code, detail = 400, "Malformed request."


class NotAuthenticated(WebError):
    code, detail = 401, "Authentication credentials were not provided."


class PermissionDenied(WebError):
    code, detail = 403, "You do not have permission to perform this action."


class NotFound(WebError):
    code, detail = 404, "Not found."


class MethodNotAllowed(WebError):
    code, detail = 405, "Method not allowed."


class Response:
    """`content_type` without its charset, which is UTF-8."""

    def __init__(
        self,
        body: _bytes,
        *,
        content_type: str,
        status: int = 200,
        reason: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.body = body
        self.content_type = content_type
        self.status = status
        self.headers = dict(headers or {})


class Request:
    """`match_info`: what stands in the path where the page has {NAME}; `query`: behind the "?"."""

    def __init__(self, asked: http.Request, match_info: Mapping[str, str]) -> None:
        self.method = asked.method
        self.path = unquote(asked.path)
        self.query = {_readable(name): _readable(text) for name, text in asked.query.items()}
        self.headers = _Headers(asked.headers)
        self.match_info = dict(match_info)
        self._body = asked.body

    async def read(self) -> bytes:
        return self._body

    async def text(self) -> str:
        """Raises ParseError."""
        try:
            return self._body.decode()
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is no UTF-8: {error}") from None

    async def json(self) -> Any:
        """Raises ParseError."""
        try:
            return json.loads(self._body)
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is no JSON: {error}") from None


def _readable(text: str) -> str:
    """What is no UTF-8 in it is shown as such, as in a path."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


class _Headers(dict[str, str]):
    """By their names in any case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, otherwise: Any = None) -> Any:
        return super().get(name.lower(), otherwise)


class View:
    """A page: one method each for GET, POST and so on. They take what the path has for {NAME}."""

    ServerError: ClassVar[type[WebError]] = ServerError
    ValidationError: ClassVar[type[WebError]] = ValidationError
    ParseError: ClassVar[type[WebError]] = ParseError
    NotAuthenticated: ClassVar[type[WebError]] = NotAuthenticated
    PermissionDenied: ClassVar[type[WebError]] = PermissionDenied
    NotFound: ClassVar[type[WebError]] = NotFound

    def __init__(self, app: App, web: Any = None) -> None:
        self.app = app
        self.web = web or self
        self.__post_init__()

    def __post_init__(self) -> None:
        """For those that have something to prepare."""

    async def dispatch(self, request: Request) -> Response:
        name = "get" if request.method == "HEAD" else request.method.lower()
        method = getattr(self, name, None) if name in METHODS else None
        try:
            if method is None:
                raise MethodNotAllowed(f"Method {request.method} not allowed.")
            answer: Response = await method(request, **request.match_info)
        except WebError as error:
            return self.error(error.code, error.detail, **error.extra_context)
        if not isinstance(answer, Response):
            raise TypeError(f"it returned {answer!r}: return self.json(…), self.text(…) or html")
        return answer

    def text(self, value: str, *, content_type: str | None = None, **more: Any) -> Response:
        return Response(value.encode(), content_type=content_type or "text/plain", **more)

    def html(self, value: str, *, content_type: str | None = None, **more: Any) -> Response:
        return Response(value.encode(), content_type=content_type or "text/html", **more)

    def json(self, value: Any, *, content_type: str | None = None, **more: Any) -> Response:
        """Of plain values and Records."""
        data = _JSON.encode(plain(value))
        return Response(data, content_type=content_type or "application/json", **more)

    def bytes(self, value: _bytes, *, content_type: str | None = None, **more: Any) -> Response:
        return Response(value, content_type=content_type or "application/octet-stream", **more)

    def error(
        self, status: int, reason: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Response:
        return self.json({"error": reason, **more}, status=status, headers=headers)

    def notfound(self, reason: str = "Not Found", **more: Any) -> Response:
        return self.error(404, reason, **more)

    async def read_request_content(self, request: Request) -> _bytes:
        return await request.read()


Handler = Callable[..., Awaitable[Any]]


def takes_model(model: Any) -> Callable[[Handler], Handler]:
    """Gives a view the body as a Record, behind the request. What is none is answered with 400."""

    def decorate(function: Handler) -> Handler:
        @wraps(function)
        async def view(view: View, request: Request, *given: Any, **named: Any) -> Any:
            try:
                body = model.loads(await request.read(), serializer="json")
            except Exception as error:  # whatever its fields say
                raise ValidationError(f"The body is no {model.__name__}: {error}") from None
            return await function(view, request, body, *given, **named)

        return view

    return decorate


def gives_model(model: Any) -> Callable[[Handler], Handler]:
    """Of a view that returns a Record."""

    def decorate(function: Handler) -> Handler:
        @wraps(function)
        async def view(view: View, request: Request, *given: Any, **named: Any) -> Any:
            return view.json(await function(view, request, *given, **named))

        return view

    return decorate
