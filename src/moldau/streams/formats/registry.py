"""A client of a schema registry, and the wire format of Confluent's serializers: a zero byte, the
schema's id in four, then the data.

Only what a program needs: a schema by its id, and the id of a schema. Both are kept; HTTP is asked
once for each. (The client of confluent-kafka would bring some twenty packages.)
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from moldau.streams.errors import BadRecord, StreamsError, Trouble

MAGIC = b"\0"
HEADER = 5
TIMEOUT_S = 10.0
PAUSES_S = (0.2, 1.0, 3.0)
_TYPE = "application/vnd.schemaregistry.v1+json"
_NO_SCHEMA = 404


class Registry:
    """`url`: with user:password@ where it asks for them."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        self._url = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self._headers = {"Accept": _TYPE, "Content-Type": _TYPE, **(headers or {})}
        if parts.username is not None:
            pair = f"{parts.username}:{parts.password or ''}"
            self._headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        self._schemas: dict[int, str] = {}

    def schema(self, id: int) -> str:
        """Raises BadRecord where there is none, Trouble where the registry does not answer."""
        if id not in self._schemas:
            try:
                found = self._asked(f"/schemas/ids/{id}")
            except HTTPError as error:
                if error.code != _NO_SCHEMA:
                    raise self._trouble(error) from None
                error.close()
                raise BadRecord(f"{self._url} has no schema {id}") from None
            self._schemas[id] = found["schema"]
        return self._schemas[id]

    def register(self, subject: str, schema: str, kind: str) -> int:
        """The id of that schema under that subject. `kind`: AVRO, PROTOBUF or JSON. Raises
        StreamsError where it is refused, Trouble where the registry does not answer."""
        body = {"schema": schema} if kind == "AVRO" else {"schema": schema, "schemaType": kind}
        try:
            made = self._asked(f"/subjects/{quote(subject, safe='')}/versions", body)
        except HTTPError as error:
            if error.code in (409, 422):
                raise StreamsError(
                    f"{self._url} refuses the schema of {subject}: {_said(error)}"
                ) from None
            raise self._trouble(error) from None
        return int(made["id"])

    def _asked(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, data, self._headers)
        for pause in (*PAUSES_S, None):
            try:
                with urlopen(request, timeout=TIMEOUT_S) as answer:
                    return json.load(answer)
            except HTTPError as error:
                if error.code < 500 or pause is None:
                    raise
                error.close()
            except (URLError, TimeoutError, ConnectionError) as error:
                if pause is None:
                    raise self._trouble(error) from None
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _trouble(self, error: Exception) -> Trouble:
        said = _said(error) if isinstance(error, HTTPError) else error
        return Trouble(f"the schema registry {self._url} does not answer: {said}")


def _said(error: HTTPError) -> str:
    with error:
        try:
            return str(json.load(error)["message"])
        except (ValueError, KeyError, TypeError):
            return str(error)


def id_of(data: bytes) -> int:
    """Raises BadRecord."""
    if len(data) < HEADER or data[:1] != MAGIC:
        raise BadRecord("it is not in the registry's wire format: a zero byte and a schema's id")
    return int.from_bytes(data[1:HEADER], "big")


def header(id: int) -> bytes:
    return MAGIC + id.to_bytes(4, "big")
