"""A schema registry as Confluent's answers, and one that answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class SchemaRegistry(ThreadingHTTPServer):
    """`schemas`: what was registered, (path, body); their ids are their numbers. `answers`: by
    path, instead: status and what is said, one after the other, the last of them for good."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.schemas: list[tuple[str, Any]] = []
        self.answers: dict[str, list[tuple[int, Any]]] = {}
        self.asked: list[str] = []
        self.authorizations: set[str | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: SchemaRegistry

    def _answer(self, status: int, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _is_answered(self) -> bool:
        self.server.asked.append(self.path)
        self.server.authorizations.add(self.headers["Authorization"])
        told = self.server.answers.get(self.path)
        if told is None:
            return False
        self._answer(*(told.pop(0) if len(told) > 1 else told[0]))
        return True

    def do_GET(self) -> None:
        if self._is_answered():
            return
        schemas, id = self.server.schemas, self.path.rpartition("/")[2]
        if id.isdigit() and int(id) <= len(schemas):
            self._answer(200, {"schema": schemas[int(id) - 1][1]["schema"]})
        else:
            self._answer(404, {"error_code": 40403, "message": "Schema not found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._is_answered():
            return
        if "refuse" in self.path:
            self._answer(409, {"error_code": 409, "message": "Schema being registered is ..."})
            return
        self.server.schemas.append((self.path, body))
        self._answer(200, {"id": len(self.server.schemas)})

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def schema_registry() -> Iterator[SchemaRegistry]:
    server = SchemaRegistry()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
