"""Turns a message class and a version into straight-line encoders and decoders.

For each (class, version) two functions are written as source and compiled when first needed:
loops are unrolled to the schema, neighbouring fields of fixed size become one `struct` call, and
nested structs are inlined. So a decoder costs what hand-written code would.

Decoders accept any buffer, never copy record batches, ignore unknown tagged fields (KIP-482), and
raise `Malformed` for everything else that does not fit.
"""

from __future__ import annotations

import struct as _struct
from collections.abc import Callable
from typing import Any, TypeVar

from moldau.protocol.primitives import Malformed, more_uvarint, read_uvarint, uvarint
from moldau.protocol.schema import Field, Message, Struct

M = TypeVar("M", bound=Struct)
Buffer = bytes | bytearray | memoryview
Hole = tuple[int, Any]  # position in the output, and what belongs there

MAX_STRING = 0x7FFF  # bytes, in every version (KIP-482)
_FIXED = {
    "bool": "?",
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint16": "H",
    "uint32": "I",
    "float64": "d",
    "uuid": "16s",
}
_encoders: dict[tuple[type[Struct], int], Callable[[Any, bytearray, list[Hole]], None]] = {}
_decoders: dict[tuple[type[Struct], int], Callable[[Buffer, int], tuple[Any, int]]] = {}


def encode(message: Message, version: int) -> bytes:
    out = bytearray()
    holes: list[Hole] = []
    encode_into(out, message, version, holes)
    assert not holes, "a region of a file can only be sent, see encode_into"
    return bytes(out)


def encode_into(out: bytearray, message: Message, version: int, holes: list[Hole]) -> None:
    """Appends the message. A `records` value that is no buffer but has a `size` is left out: its
    length is written and (position, value) noted in `holes`, for the sender to fill in."""
    encoder = _encoders.get((type(message), version)) or _compile_encoder(type(message), version)
    encoder(message, out, holes)


def size_of(message: Message, version: int) -> int:
    """Bytes of the message, with what its holes stand for."""
    out, holes = bytearray(), list[Hole]()
    encode_into(out, message, version, holes)
    return len(out) + sum(int(value.size) for _, value in holes)


def decode(cls: type[M], version: int, buffer: Buffer, offset: int = 0) -> M:
    return decode_from(cls, version, buffer, offset)[0]


def decode_from(cls: type[M], version: int, buffer: Buffer, offset: int = 0) -> tuple[M, int]:
    """The message at `offset` and the position behind it."""
    decoder = _decoders.get((cls, version)) or _compile_decoder(cls, version)
    try:
        return decoder(buffer, offset)
    except (IndexError, _struct.error):
        reason = f"ends after {len(buffer) - offset} bytes"
    except UnicodeDecodeError as error:
        reason = f"holds a string that is not UTF-8 ({error.reason})"
    except Malformed as error:
        reason = str(error)
    raise Malformed(f"{cls.__name__} version {version} {reason}")


class _Source:
    """Lines of a function under construction, and the names it will see."""

    def __init__(self, version: int, flexible: bool) -> None:
        self.version = version
        self.flexible = flexible
        self.lines: list[str] = []
        self.depth = 1
        self.names: dict[str, Any] = {
            "Malformed": Malformed,
            "more": more_uvarint,
            "read": read_uvarint,
            "uvarint": uvarint,
        }
        self.count = 0

    def add(self, line: str) -> None:
        self.lines.append(" " * self.depth + line)

    def fresh(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def bind(self, prefix: str, value: Any) -> str:
        name = self.fresh(prefix)
        self.names[name] = value
        return name

    def compile(self, head: str, tail: str) -> Any:
        text = "\n".join([head, *self.lines, tail])
        exec(compile(text, f"<{head}>", "exec"), self.names)
        return self.names[head[4 : head.index("(")]]


def _flexible(cls: type[Struct], version: int) -> bool:
    low, high = getattr(cls, "flexible", (1, 0))
    return bool(low <= version <= high)


# --- encoding -----------------------------------------------------------------------------------


def _compile_encoder(cls: type[Struct], version: int) -> Any:
    source = _Source(version, _flexible(cls, version))
    _encode_struct(source, cls, "o")
    source.add("return None")
    encoder = source.compile("def encode(o, out, holes):", "")
    _encoders[cls, version] = encoder
    return encoder


def _encode_struct(source: _Source, cls: type[Struct], obj: str) -> None:
    version = source.version
    run: list[tuple[str, str]] = []  # neighbouring fields of fixed size: (format, expression)

    def flush() -> None:
        if run:
            pack = source.bind("pack", _struct.Struct(">" + "".join(c for c, _ in run)).pack)
            source.add(f"out += {pack}({', '.join(e for _, e in run)})")
            run.clear()

    for f in cls.fields:
        if not f.carried_in(version) or f.tagged_in(version):
            continue
        if f.kind in _FIXED:
            run.append((_FIXED[f.kind], f"{obj}.{f.name}"))
        else:
            flush()
            _encode_value(source, f, f"{obj}.{f.name}")
    flush()
    if source.flexible:
        _encode_tagged(source, cls, obj)


def _encode_length(source: _Source, length: str, fmt: str) -> None:
    if source.flexible:
        source.add(f"out += uvarint({length} + 1) if {length} > 126 else bytes(({length} + 1,))")
    else:
        pack = source.bind("pack", _struct.Struct(fmt).pack)
        source.add(f"out += {pack}({length})")


def _encode_null(source: _Source, fmt: str) -> None:
    null = b"\x00" if source.flexible else _struct.pack(fmt, -1)
    source.add(f"out += {null!r}")


def _encode_value(source: _Source, f: Field, expression: str) -> None:
    if f.kind in _FIXED:
        pack = source.bind("pack", _struct.Struct(">" + _FIXED[f.kind]).pack)
        source.add(f"out += {pack}({expression})")
        return
    value = source.fresh("v")
    source.add(f"{value} = {expression}")
    if f.kind == "struct":
        _encode_nested(source, f, value)
        return
    fmt = ">h" if f.kind == "string" else ">i"
    if f.nullable_in(source.version):
        source.add(f"if {value} is None:")
        source.depth += 1
        _encode_null(source, fmt)
        source.depth -= 1
        source.add("else:")
        source.depth += 1
        _encode_present(source, f, value, fmt)
        source.depth -= 1
    else:
        _encode_present(source, f, value, fmt)


def _encode_nested(source: _Source, f: Field, value: str) -> None:
    if not f.nullable_in(source.version):
        _encode_struct(source, f.of, value)
        return
    # In its place a null struct is an int8 of -1, among the tagged fields a varint of 0.
    null = b"\x00" if f.tagged_in(source.version) else b"\xff"
    source.add(f"if {value} is None: out += {null!r}")
    source.add("else:")
    source.depth += 1
    source.add("out += b'\\x01'")
    _encode_struct(source, f.of, value)
    source.depth -= 1


def _encode_present(source: _Source, f: Field, value: str, fmt: str) -> None:
    length = source.fresh("n")
    if f.kind == "string":
        source.add(f"{value} = {value}.encode()")
    if f.kind == "records":
        source.add(f"{length} = getattr({value}, 'size', None)")
        source.add(f"if {length} is None or isinstance({value}, memoryview): ")
        source.add(f" {length} = len({value})")
        _encode_length(source, length, fmt)
        source.add(f"if isinstance({value}, (bytes, bytearray, memoryview)): out += {value}")
        source.add(f"else: holes.append((len(out), {value}))")
        return
    source.add(f"{length} = len({value})")
    _encode_length(source, length, fmt)
    if f.kind != "array":
        source.add(f"out += {value}")
        return
    item = source.fresh("e")
    source.add(f"for {item} in {value}:")
    source.depth += 1
    if isinstance(f.of, str):
        _encode_value(source, Field(f.of), item)
    else:
        before = len(source.lines)
        _encode_struct(source, f.of, item)
        if len(source.lines) == before:
            source.add("pass")
    source.depth -= 1


def _encode_tagged(source: _Source, cls: type[Struct], obj: str) -> None:
    """Tagged fields stand at the end, in the order of their tags, and only if not at default."""
    tagged = sorted(
        (f for f in cls.fields if f.tagged_in(source.version)), key=lambda f: f.tag or 0
    )
    if not tagged:
        source.add("out += b'\\x00'")
        return
    parts, outer = source.fresh("tags"), source.fresh("outer")
    source.add(f"{parts} = []; {outer} = out")
    for f in tagged:
        source.add(f"if {_differs_from_default(source, f, f'{obj}.{f.name}')}:")
        source.depth += 1
        source.add("out = bytearray()")
        _encode_value(source, f, f"{obj}.{f.name}")
        source.add(f"{parts}.append(({uvarint(f.tag or 0)!r}, out))")
        source.depth -= 1
    source.add(f"out = {outer}")
    source.add(f"out += uvarint(len({parts}))")
    source.add(f"for t, b in {parts}: out += t; out += uvarint(len(b)); out += b")


def _differs_from_default(source: _Source, f: Field, expression: str) -> str:
    if f.kind == "array":
        return f"{expression} != {[] if f.starts_anew else None}"
    if f.starts_anew:
        differs = " or ".join(
            _differs_from_default(source, g, f"{expression}.{g.name}") for g in f.of.fields
        )
        return differs if f.nullable == (1, 0) else f"{expression} is None or {differs}"
    return f"{expression} != {source.bind('default', f.default)}"


# --- decoding -----------------------------------------------------------------------------------


def _compile_decoder(cls: type[Struct], version: int) -> Any:
    source = _Source(version, _flexible(cls, version))
    source.add("end = len(buf)")
    obj = _decode_struct(source, cls)
    decoder = source.compile("def decode(buf, p):", f" return {obj}, p")
    _decoders[cls, version] = decoder
    return decoder


def _decode_struct(source: _Source, cls: type[Struct]) -> str:
    version = source.version
    obj = source.fresh("o")
    new = source.bind("new", cls.__new__)
    source.add(f"{obj} = {new}({source.bind('cls', cls)})")
    run: list[tuple[str, str]] = []  # neighbouring fields of fixed size: (format, target)

    def flush() -> None:
        if run:
            layout = _struct.Struct(">" + "".join(c for c, _ in run))
            unpack = source.bind("unpack", layout.unpack_from)
            targets = ", ".join(t for _, t in run) + ("," if len(run) == 1 else "")
            source.add(f"{targets} = {unpack}(buf, p); p += {layout.size}")
            run.clear()

    for f in cls.fields:
        target = f"{obj}.{f.name}"
        if not f.carried_in(version) or f.tagged_in(version):
            source.add(f"{target} = {_default(source, f)}")
        elif f.kind in _FIXED:
            run.append((_FIXED[f.kind], target))
        elif f.kind != "struct" and not source.flexible:
            length = source.fresh("n")
            run.append(("h" if f.kind == "string" else "i", length))
            flush()
            _decode_sized(source, f, target, length)
        else:
            flush()
            _decode_value(source, f, target)
    flush()
    if source.flexible:
        _decode_tagged(source, cls, obj)
    return obj


def _default(source: _Source, f: Field) -> str:
    if f.starts_anew:
        return "[]" if f.kind == "array" else source.bind("make", f.of) + "()"
    return source.bind("default", f.default)


def _decode_value(source: _Source, f: Field, target: str) -> None:
    if f.kind in _FIXED:
        layout = _struct.Struct(">" + _FIXED[f.kind])
        source.add(
            f"{target}, = {source.bind('unpack', layout.unpack_from)}(buf, p); p += {layout.size}"
        )
        return
    if f.kind == "struct":
        _decode_nested(source, f, target)
        return
    length = source.fresh("n")
    if source.flexible:
        source.add(f"{length} = buf[p]; p += 1")
        source.add(f"if {length} > 127: {length}, p = more(buf, p, {length})")
        source.add(f"{length} -= 1")
    else:
        layout = _struct.Struct(">h" if f.kind == "string" else ">i")
        source.add(
            f"{length}, = {source.bind('unpack', layout.unpack_from)}(buf, p); p += {layout.size}"
        )
    _decode_sized(source, f, target, length)


def _decode_nested(source: _Source, f: Field, target: str) -> None:
    if not f.nullable_in(source.version):
        obj = _decode_struct(source, f.of)
        source.add(f"{target} = {obj}")
        return
    source.add("p += 1")
    is_null = "== 0" if f.tagged_in(source.version) else "> 127"
    source.add(f"if buf[p - 1] {is_null}: {target} = None")
    source.add("else:")
    source.depth += 1
    obj = _decode_struct(source, f.of)
    source.add(f"{target} = {obj}")
    source.depth -= 1


def _decode_sized(source: _Source, f: Field, target: str, length: str) -> None:
    """A string, bytes, records or array whose length has been read."""
    source.add(f"if {length} < 0:")
    if f.nullable_in(source.version):
        source.add(f" {target} = None")
    else:
        source.add(f" raise Malformed('has null in {f.name}, which cannot be null')")
    source.add("else:")
    source.depth += 1
    # Every element takes at least a byte: a count beyond the rest of the buffer is a lie, and
    # is refused before anything is allocated for it.
    source.add(f"if {length} > end - p: raise Malformed('is cut short or lies in {f.name}')")
    if f.kind == "array":
        _decode_array(source, f, target, length)
    else:
        if f.kind == "string" and source.flexible:  # Kafka's own readers refuse it too
            source.add(f"if {length} > {MAX_STRING}: raise Malformed('has a {f.name} too long')")
        end = source.fresh("q")
        source.add(f"{end} = p + {length}")
        piece = {
            "string": f"str(buf[p:{end}], 'utf-8')",
            "bytes": f"bytes(buf[p:{end}])",
            "records": f"memoryview(buf)[p:{end}]",
        }[f.kind]
        source.add(f"{target} = {piece}; p = {end}")
    source.depth -= 1


def _decode_array(source: _Source, f: Field, target: str, length: str) -> None:
    if isinstance(f.of, str) and f.of in _FIXED and f.of != "uuid":
        unpack = source.bind("unpack", _struct.unpack_from)
        size = _struct.calcsize(">" + _FIXED[f.of])
        source.add(f"{target} = list({unpack}('>%d{_FIXED[f.of]}' % {length}, buf, p))")
        source.add(f"p += {size} * {length}")
        return
    items = source.fresh("a")
    source.add(f"{items} = {target} = []")
    source.add(f"for _ in range({length}):")
    source.depth += 1
    if isinstance(f.of, str):
        item = source.fresh("e")
        element = Field(f.of)
        element.name = f.name
        _decode_value(source, element, item)
    else:
        item = _decode_struct(source, f.of)
    source.add(f"{items}.append({item})")
    source.depth -= 1


def _decode_tagged(source: _Source, cls: type[Struct], obj: str) -> None:
    tagged = [f for f in cls.fields if f.tagged_in(source.version)]
    source.add("n = buf[p]; p += 1")
    source.add("if n:")
    source.depth += 1
    source.add("if n > 127: n, p = more(buf, p, n)")
    count, behind = source.fresh("n"), source.fresh("q")
    source.add(f"{count} = n")
    source.add(f"for _ in range({count}):")
    source.depth += 1
    source.add("t, p = read(buf, p); n, p = read(buf, p)")
    source.add("if n > end - p: raise Malformed('has a tagged field that is cut short')")
    source.add(f"{behind} = p + n")
    for i, f in enumerate(tagged):
        source.add(f"{'el' if i else ''}if t == {f.tag}:")
        source.depth += 1
        _decode_value(source, f, f"{obj}.{f.name}")
        source.depth -= 1
    source.add(f"p = {behind}")
    source.depth -= 2
