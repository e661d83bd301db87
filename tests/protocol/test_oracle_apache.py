"""Apache Kafka's own generated classes judge every message and version that we define.

tests/java/Oracle.java decodes what we encode, says it as JSON, writes it anew, and encodes the
JSON that we make from our fields. So a field that is missing, misplaced, of another type, or with
another default, tag or null, is found. The schemas are compared as well: a tagged field that we
lack would not show in the bytes.
"""

from __future__ import annotations

import base64
import json
import struct
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from moldau.broker.served import SERVED
from moldau.protocol import uuids
from moldau.protocol.codec import decode, decode_from, encode
from moldau.protocol.messages.header import RequestHeader
from moldau.protocol.schema import Field, Message, Struct
from tests.apache_kafka import Java
from tests.protocol.generated import (
    JUDGED,
    default_of,
    differences,
    message_classes,
    messages_and_versions,
    values,
)

pytestmark = pytest.mark.apache
CASES = [
    pytest.param(cls, version, id=f"{cls.__name__}-{version}")
    for cls, version in messages_and_versions()
]
NOT_THE_NEWEST = [
    pytest.param(cls, version, id=f"{cls.__name__}-{version}")
    for cls, version in messages_and_versions()
    if version < cls.versions[1]
]


class Oracle:
    """One JVM for all questions."""

    def __init__(self, process: Java) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.to, self.back = process.stdin, process.stdout

    def schema(self, name: str, version: int) -> Any:
        self._ask(name, version, b"", b"")
        return json.loads(self._blob())

    def judge(
        self, message: Message, version: int, body: bytes, said_in: int | None = None
    ) -> tuple[Any, bytes, bytes]:
        """What `body` says as JSON (of another version, with `said_in`), `body` written anew, and
        what Kafka makes from the fields of `message`."""
        fields = json.dumps(as_json(message, version)).encode()
        self._ask(type(message).__name__, version, body, fields, said_in)
        return json.loads(self._blob()), self._blob(), self._blob()

    def _ask(
        self, name: str, version: int, body: bytes, said: bytes, said_in: int | None = None
    ) -> None:
        head, said_in = name.encode(), version if said_in is None else said_in
        parts = (
            struct.pack(">i", len(head)) + head,
            struct.pack(">iii", version, said_in, len(body)) + body,
            struct.pack(">i", len(said)) + said,
        )
        self.to.write(b"".join(parts))
        self.to.flush()
        if wrong := self._blob():
            raise AssertionError(f"Apache Kafka: {wrong.decode()}")

    def _blob(self) -> bytes:
        head = self.back.read(4)
        assert len(head) == 4, "the oracle has died: see its stderr"
        blob: bytes = self.back.read(struct.unpack(">i", head)[0])
        return blob


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    flags = ("-Xmx256M", "-XX:+UseSerialGC")
    with Java("Oracle", [], flags, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Oracle(process)


@pytest.mark.parametrize(("cls", "version"), CASES)
def test_values(oracle: Oracle, cls: type[Message], version: int) -> None:
    @JUDGED
    @given(values(cls, version))
    def judged(message: Message) -> None:
        ours = encode(message, version)
        said, again, built = oracle.judge(message, version, ours)
        assert again == ours, f"{ours.hex()} is {again.hex()} when Apache Kafka writes it"
        assert built == ours, f"{ours.hex()} is {built.hex()} when Apache Kafka builds it"
        assert not differences(as_json(message, version, as_written=True), said), said
        decoded, end = decode_from(cls, version, built)
        assert end == len(built)
        assert not differences(message, decoded)

    judged()


@pytest.mark.parametrize(("cls", "version"), CASES)
def test_schema(oracle: Oracle, cls: type[Message], version: int) -> None:
    theirs = oracle.schema(cls.__name__, version)
    flexible = cls.flexible[0] <= version <= cls.flexible[1]
    assert theirs["lowest"] <= version <= theirs["highest"]
    # Kafka's own spelling differs between its schema (kraft_version) and its JSON (kRaftVersion).
    fields = json.dumps(theirs["fields"]).replace("kraft_", "k_raft_")
    assert described(cls, version, flexible) == json.loads(fields)


@pytest.mark.parametrize(("cls", "version"), NOT_THE_NEWEST)
def test_defaults(oracle: Oracle, cls: type[Message], version: int) -> None:
    """What a version does not carry has the same value after decoding, as far as the next
    version can say it."""

    @settings(JUDGED, max_examples=6)
    @given(values(cls, version, version + 1))
    def judged(message: Message) -> None:
        ours = encode(message, version)
        said, _, _ = oracle.judge(message, version, ours, said_in=version + 1)
        decoded = decode(cls, version, ours)
        assert not differences(as_json(decoded, version + 1, as_written=True), said), said

    judged()


def test_request_header_of_flexible_requests(oracle: Oracle) -> None:
    """Version 2 is ours with tagged fields behind it (see moldau.protocol.messages.header)."""

    @JUDGED
    @given(values(RequestHeader, 1))
    def judged(header: Message) -> None:
        body = encode(header, 1) + b"\x00"
        assert oracle.judge(header, 2, body) == (as_json(header, 1), body, body)

    judged()


@pytest.mark.parametrize("name", [name for name, _, _ in SERVED.values()])
def test_every_served_version_is_judged(name: str) -> None:
    low, high = next((low, high) for n, low, high in SERVED.values() if n == name)
    judged = {cls.__name__: cls.versions for cls in message_classes()}
    for kind in ("Request", "Response"):
        first, last = judged[name + kind]
        assert (first <= low, high <= last) == (True, True), name + kind


def as_json(value: Struct, version: int, as_written: bool = False) -> dict[str, Any]:
    """The JSON that Kafka's converters read. `as_written`: that they write, which leaves out
    tagged fields at their default, and of records says only the size."""
    said = {}
    for f in type(value).fields:
        item = getattr(value, f.name)
        if not f.carried_in(version):
            continue
        if as_written and f.tagged_in(version) and item == default_of(f):
            continue
        if as_written and f.kind == "records" and item is not None:
            said["recordsSizeInBytes"] = len(item)
        else:
            said[_camel(f.name)] = _json_value(f, item, version, as_written)
    return said


def _json_value(f: Field, value: Any, version: int, as_written: bool) -> Any:
    if value is None:
        return None
    if f.kind == "array":
        of = Field(f.of) if isinstance(f.of, str) else Field("struct", of=f.of)
        return [_json_value(of, item, version, as_written) for item in value]
    if f.kind == "struct":
        return as_json(value, version, as_written)
    if f.kind == "uuid":
        return uuids.to_text(value)
    if f.kind in ("bytes", "records"):
        return base64.b64encode(value).decode()
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def described(cls: type[Struct], version: int, flexible: bool) -> list[list[Any]]:
    """Our schema as Oracle.java describes Kafka's."""
    carried = [f for f in cls.fields if f.carried_in(version)]
    tagged = {f.tag: f for f in carried if f.tagged_in(version) and f.tag is not None}
    plain = [f for f in carried if not f.tagged_in(version)]
    return [_described(f, version, flexible) for f in plain] + [
        [tag, *_described(tagged[tag], version, flexible)] for tag in sorted(tagged)
    ]


def _described(f: Field, version: int, flexible: bool) -> list[Any]:
    null = "nullable " if f.nullable_in(version) else ""
    if f.kind == "array" and isinstance(f.of, str):
        return [f.name, f"{null}array of {_type_name(f.of, False, flexible)}"]
    if f.kind in ("array", "struct"):
        wrap = "array of " if f.kind == "array" else ""
        return [f.name, f"{null}{wrap}struct", described(f.of, version, flexible)]
    return [f.name, _type_name(f.kind, bool(null), flexible)]


def _type_name(kind: str, nullable: bool, flexible: bool) -> str:
    if kind == "bool":
        return "boolean"
    if kind not in ("string", "bytes", "records"):
        return kind
    return ("compact_" if flexible else "") + ("nullable_" if nullable else "") + kind
