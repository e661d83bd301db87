"""How a message is described: one class for all its versions.

A message is a class whose fields say their type on the wire and the versions that carry them:

    class TopicData(Struct):
        name: str = string("0-12")
        topic_id: bytes = uuid("13+")
        partitions: list[PartitionData] = array(PartitionData)

The metaclass turns the fields into slots with defaults and a keyword constructor. Nothing is
compiled here: `codec` does that for a class and a version when they are first used, so a broker
that starts pays for the few messages it meets.

Terms (null and tagged versions, flexible versions) are those of KIP-482.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias, dataclass_transform

ALWAYS = "0+"
FOREVER = 0x7FFF
ZERO_UUID = bytes(16)
# Record batches: a buffer, or an object with a `size` that the sender fills in later, such as a
# region of a file (see codec.encode_into).
Records: TypeAlias = Any


def parse_versions(text: str | None) -> tuple[int, int]:
    """`"3+"`, `"0-12"`, `"4"` or None (no version) as an inclusive range."""
    if text is None or text == "none":
        return (1, 0)
    if text.endswith("+"):
        return int(text[:-1]), FOREVER
    low, _, high = text.partition("-")
    return int(low), int(high or low)


class Field:
    """One field: `kind` names the type on the wire, `of` the element of an array or a struct."""

    __slots__ = ("default", "kind", "name", "nullable", "of", "tag", "tagged", "versions")

    def __init__(
        self,
        kind: str,
        versions: str | None = ALWAYS,
        *,
        of: Any = None,
        nullable: str | None = None,
        tag: int | None = None,
        tagged: str | None = None,
        default: Any = None,
    ) -> None:
        self.name = ""
        self.kind = kind
        self.of = of
        self.versions = parse_versions(versions)
        self.nullable = parse_versions(nullable)
        self.tag = tag
        self.tagged = parse_versions((tagged or versions) if tag is not None else None)
        self.default = default

    def carried_in(self, version: int) -> bool:
        """Is the field in this version, in its place or among the tagged ones?"""
        return self.versions[0] <= version <= self.versions[1] or self.tagged_in(version)

    def tagged_in(self, version: int) -> bool:
        return self.tagged[0] <= version <= self.tagged[1]

    def nullable_in(self, version: int) -> bool:
        return self.nullable[0] <= version <= self.nullable[1]

    @property
    def starts_anew(self) -> bool:
        """Is its default an empty list, or a struct of defaults, and not None? So it is where null
        is no value, and where the default says so: `[]`, or the struct's class."""
        if self.kind not in ("array", "struct"):
            return False
        return self.nullable == (1, 0) or self.default is not None


def _kind(kind: str, default: Any) -> Any:
    def make(versions: str | None = ALWAYS, *, default: Any = default, **options: Any) -> Any:
        return Field(kind, versions, default=default, **options)

    make.__name__ = kind
    return make


boolean = _kind("bool", False)
int8 = _kind("int8", 0)
int16 = _kind("int16", 0)
int32 = _kind("int32", 0)
int64 = _kind("int64", 0)
uint16 = _kind("uint16", 0)
uint32 = _kind("uint32", 0)
float64 = _kind("float64", 0.0)
uuid = _kind("uuid", ZERO_UUID)
string = _kind("string", "")
raw = _kind("bytes", b"")
records = _kind("records", None)


def array(of: Any, versions: str | None = ALWAYS, **options: Any) -> Any:
    """A list of structs (`of` is a class) or of primitives (`of` is a kind such as "int32")."""
    return Field("array", versions, of=of, **options)


def struct(of: type[Struct], versions: str | None = ALWAYS, **options: Any) -> Any:
    return Field("struct", versions, of=of, **options)


_CONSTRUCTORS: dict[str, Any] = {"array": list}


def _first_init(cls: Any) -> Any:
    """Compiles the constructor when it is first called: a start-up needs few of the classes."""

    def __init__(self: Any, **values: Any) -> None:  # noqa: N807
        cls.__init__ = _make_init(cls.fields)
        cls.__init__(self, **values)

    return __init__


def _make_init(fields: tuple[Field, ...]) -> Any:
    """A constructor with keywords. A list or struct that is left out is made anew each time."""
    scope: dict[str, Any] = {"_absent": _ABSENT}
    args, body = [], []
    for f in fields:
        n = f.name
        if f.starts_anew:
            scope[f"_new_{n}"] = _CONSTRUCTORS.get(f.kind, f.of)
            args.append(f"{n}=_absent")
            body.append(f"self.{n} = _new_{n}() if {n} is _absent else {n}")
        else:
            scope[f"_default_{n}"] = f.default
            args.append(f"{n}=_default_{n}")
            body.append(f"self.{n} = {n}")
    source = f"def __init__(self, {', '.join(args)}):\n " + "\n ".join(body or ["pass"])
    exec(source, scope)
    return scope["__init__"]


_ABSENT = object()


@dataclass_transform()
class _StructMeta(type):
    fields: tuple[Field, ...]

    def __new__(mcls, name: str, bases: tuple[type, ...], space: dict[str, Any], **kw: Any) -> Any:
        fields = tuple(v for v in space.values() if isinstance(v, Field))
        for attribute in [k for k, v in space.items() if isinstance(v, Field)]:
            space.pop(attribute).name = attribute
        space["__slots__"] = tuple(f.name for f in fields)
        cls = super().__new__(mcls, name, bases, space, **kw)
        cls.fields = fields
        if fields:
            cls.__init__ = _first_init(cls)  # type: ignore[misc]
        return cls


class Struct(metaclass=_StructMeta):
    """A group of fields. Compares by value; `repr` shows what differs from the defaults."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, f.name) == getattr(other, f.name) for f in type(self).fields)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in type(self).fields)
        return f"{type(self).__name__}({', '.join(shown)})"


class Message(Struct):
    """A struct that travels by itself: a request, a response, a record, a header.

    `api_key` is the API's key for requests and responses, the record type for records of a log,
    and -1 for what has neither.
    """

    api_key: ClassVar[int] = -1
    versions: ClassVar[tuple[int, int]] = (0, 0)
    flexible: ClassVar[tuple[int, int]] = (1, 0)

    def __init_subclass__(
        cls, *, versions: str = "0", flexible: str | None = None, key: int = -1
    ) -> None:
        cls.api_key = key
        cls.versions = parse_versions(versions)
        cls.flexible = parse_versions(flexible)
