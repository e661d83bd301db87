"""Every message that we define, and values for it, generated from its schema."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st

import moldau.protocol.messages
from moldau.protocol.errors import ErrorCode
from moldau.protocol.schema import Field, Message, Struct

# In CI the same values each time; elsewhere new ones, and hypothesis prints how to repeat them.
JUDGED = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=os.environ.get("CI") == "true",
    print_blob=True,
    phases=(Phase.generate, Phase.shrink),
)
_INT_BITS = {"int8": 7, "int16": 15, "int32": 31, "int64": 63}
# The lengths at which a varint takes another byte, and a few that are hard to read.
_STRINGS = ["", "a", "ü", "𝄞 \x00\n", "n" * 126, "n" * 127, "n" * 128, "ß" * 8192]


def message_classes() -> list[type[Message]]:
    found = {}
    for module in pkgutil.iter_modules(moldau.protocol.messages.__path__):
        names = vars(importlib.import_module(f"moldau.protocol.messages.{module.name}"))
        for value in names.values():
            if isinstance(value, type) and issubclass(value, Message) and value is not Message:
                found[value.__name__] = value
    return [found[name] for name in sorted(found)]


def messages_and_versions() -> Iterator[tuple[type[Message], int]]:
    for cls in message_classes():
        for version in range(cls.versions[0], cls.versions[1] + 1):
            yield cls, version


@cache
def values(
    cls: type[Struct], version: int, also: int | None = None, *, modest: bool = False
) -> st.SearchStrategy[Any]:
    """Instances whose fields are filled as far as `version` (and `also` too) carries them.
    `modest` leaves out what kio does not keep: unknown error codes, and times beyond 2100."""
    versions = (version, version if also is None else also)
    fields = {
        f.name: _field(f, versions, modest) for f in cls.fields if all(map(f.carried_in, versions))
    }
    return st.builds(cls, **fields)


def _field(f: Field, versions: tuple[int, int], modest: bool) -> st.SearchStrategy[Any]:
    strategy = _kind(f, versions, modest)
    if all(map(f.nullable_in, versions)):
        strategy = st.none() | strategy
    if any(map(f.tagged_in, versions)):
        strategy = st.just(default_of(f)) | strategy
    return strategy


def _kind(f: Field, versions: tuple[int, int], modest: bool) -> st.SearchStrategy[Any]:
    if f.kind == "array":
        of = Field(f.of) if isinstance(f.of, str) else Field("struct", of=f.of)
        return st.lists(_kind(of, versions, modest), max_size=3)
    if f.kind == "struct":
        return values(f.of, *versions, modest=modest)
    if modest and f.name == "error_code":
        return st.sampled_from([int(code) for code in ErrorCode])
    if modest and f.kind == "int64":
        return st.integers(0, 4_102_444_800_000)
    return _primitive(f.kind)


@cache
def _primitive(kind: str) -> st.SearchStrategy[Any]:
    if bits := _INT_BITS.get(kind):
        edges = [0, 1, -1, -(1 << bits), (1 << bits) - 1]
        return st.sampled_from(edges) | st.integers(-(1 << bits), (1 << bits) - 1)
    return {
        "bool": st.booleans(),
        "uint16": st.integers(0, 0xFFFF),
        "uint32": st.integers(0, 0xFFFFFFFF),
        "float64": st.floats(allow_nan=False, allow_infinity=False),
        "uuid": st.just(bytes(16)) | st.binary(min_size=16, max_size=16),
        "string": st.sampled_from(_STRINGS) | st.text(st.characters(codec="utf-8"), max_size=9),
        "bytes": st.sampled_from([b"", bytes(127), bytes(20_000)]) | st.binary(max_size=9),
        "records": st.binary(min_size=1, max_size=99).map(_view),
    }[kind]


def _view(data: bytes) -> memoryview:
    return memoryview(data)


def default_of(f: Field) -> Any:
    if f.starts_anew:
        return [] if f.kind == "array" else f.of()
    return f.default


def differences(a: Any, b: Any, path: str = "") -> list[str]:
    """Where two values of messages differ, for a person to read."""
    if isinstance(a, Struct) and type(a) is type(b):
        pairs = [(f".{f.name}", getattr(a, f.name), getattr(b, f.name)) for f in type(a).fields]
    elif isinstance(a, dict) and isinstance(b, dict):
        pairs = [(f".{k}", a.get(k, "(absent)"), b.get(k, "(absent)")) for k in a | b]
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        pairs = [(f"[{i}]", x, y) for i, (x, y) in enumerate(zip(a, b, strict=True))]
    else:
        return [] if a == b else [f"{path}: {a!r} and {b!r}"]
    return [line for step, x, y in pairs for line in differences(x, y, path + step)]
