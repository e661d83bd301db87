"""`from moldau.faust.web import View, Request, Response`."""

from moldau.streams.faust.web import (
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    ParseError,
    PermissionDenied,
    Request,
    Response,
    ServerError,
    ValidationError,
    View,
    WebError,
    gives_model,
    takes_model,
)

__all__ = [
    "MethodNotAllowed",
    "NotAuthenticated",
    "NotFound",
    "ParseError",
    "PermissionDenied",
    "Request",
    "Response",
    "ServerError",
    "ValidationError",
    "View",
    "WebError",
    "gives_model",
    "takes_model",
]
