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
from http.client import HTTPException
from ssl import SSLContext
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from moldau.streams.errors import BadRecord, DefinitionError, Trouble

MAGIC = b"\0"
HEADER = 5
TIMEOUT_S = 10.0
PAUSES_S = (0.2, 1.0, 3.0)
MISSED_S = 5.0  # for so long it is not asked again for an id that it does not know
_TYPE = "application/vnd.schemaregistry.v1+json"
_TOO_MANY, _CONFLICT, _INVALID, _SERVER = 429, 409, 422, 500
_NO_SUBJECT, _NO_SCHEMA = 40401, 40403


class Schema(NamedTuple):
    """`references`: what it names that is not in it, each before what names it."""

    text: str
    references: list[str]


class Registry:
    """`url`: with user:password@ where it asks for them. `headers`: sent with each request, as
    `{"Authorization": "Bearer …"}`. `tls`: for https with certificates of one's own."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        tls: SSLContext | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DefinitionError(
                f"schema registry {url!r}: its address is http://HOST:PORT, or https://"
            )
        host = parts.netloc.rpartition("@")[2]
        self._url = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self._headers = {"Accept": _TYPE, "Content-Type": _TYPE, **(headers or {})}
        self._tls = tls
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        self._schemas: dict[tuple[int, str], Schema] = {}
        self._missed: dict[int, float] = {}

    def schema(self, id: int, form: str = "") -> Schema:
        """`form`: as the registry knows it ("serialized" of Protobuf). Raises BadRecord where there
        is none, Trouble where the registry does not answer."""
        found = self._schemas.get((id, form))
        if found is None:
            if time.monotonic() < self._missed.get(id, 0):
                raise BadRecord(f"{self._url} has no schema {id}")
            found = self._schemas[id, form] = self._schema(id, form)
        return found

    def _schema(self, id: int, form: str) -> Schema:
        try:
            made = self._asked(f"/schemas/ids/{id}" + (f"?format={form}" if form else ""))
        except HTTPError as error:
            code, said = _said(error)
            if code != _NO_SCHEMA:  # another 404 is of an address that is no registry
                raise self._trouble(said) from None
            self._missed[id] = time.monotonic() + MISSED_S
            raise BadRecord(f"{self._url} has no schema {id}") from None
        named: dict[tuple[str, int], str] = {}
        for one in made.get("references") or ():
            self._gather(one, named)
        return Schema(self._field(made, "schema"), list(named.values()))

    def _gather(self, reference: Mapping[str, Any], named: dict[tuple[str, int], str]) -> None:
        """What it names comes first."""
        place = (reference["subject"], reference["version"])
        if place in named:
            return
        try:
            made = self._asked(f"/subjects/{quote(place[0], safe='')}/versions/{place[1]}")
        except HTTPError as error:
            raise self._trouble(_said(error)[1]) from None
        for one in made.get("references") or ():
            self._gather(one, named)
        named[place] = self._field(made, "schema")

    def id(self, subject: str, schema: str, kind: str, *, register: bool = True) -> int:
        """Of that schema under that subject, where it is registered if it is not there. `kind`:
        AVRO, PROTOBUF or JSON. Raises Trouble where it is refused, or missing and not to be
        registered, or the registry does not answer: no record is to blame."""
        body = {"schema": schema} if kind == "AVRO" else {"schema": schema, "schemaType": kind}
        try:
            versions = "/versions" if register else ""
            made = self._asked(f"/subjects/{quote(subject, safe='')}{versions}", body)
        except HTTPError as error:
            code, said = _said(error)
            if code in (_NO_SUBJECT, _NO_SCHEMA):
                raise Trouble(
                    f"{self._url} has no such schema of {subject}: register it, or let it be "
                    f"registered (register=True)"
                ) from None
            if error.code in (_CONFLICT, _INVALID):
                raise Trouble(f"{self._url} refuses the schema of {subject}: {said}") from None
            raise self._trouble(said) from None
        return int(self._field(made, "id"))

    def _asked(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, data, self._headers)
        for pause in (*PAUSES_S, None):
            try:
                with urlopen(request, timeout=TIMEOUT_S, context=self._tls) as answer:
                    return json.load(answer)
            except HTTPError as error:
                if pause is None or (error.code < _SERVER and error.code != _TOO_MANY):
                    raise
                error.close()
            except ValueError:  # what answers is no registry
                raise self._trouble("what it says is not JSON") from None
            except (URLError, TimeoutError, ConnectionError, HTTPException) as error:
                if pause is None:
                    raise self._trouble(error) from None
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _field(self, made: Any, name: str) -> Any:
        try:
            return made[name]
        except (KeyError, TypeError):
            raise self._trouble(f"it says no {name}") from None

    def _trouble(self, said: object) -> Trouble:
        return Trouble(f"the schema registry {self._url} does not answer: {said}")


def _said(error: HTTPError) -> tuple[int, str]:
    """Its own code, and its words."""
    with error:
        try:
            told = json.load(error)
            return int(told["error_code"]), str(told["message"])
        except (ValueError, KeyError, TypeError):
            return error.code, str(error)


def id_of(data: bytes) -> int:
    """Raises BadRecord."""
    if len(data) < HEADER or data[:1] != MAGIC:
        raise BadRecord("it is not in the registry's wire format: a zero byte and a schema's id")
    return int.from_bytes(data[1:HEADER], "big")


def header(id: int) -> bytes:
    return MAGIC + id.to_bytes(4, "big")
