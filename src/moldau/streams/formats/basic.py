"""From bytes to values and back, chosen by the type that a topic declares.

JSON in the one documented form: times are ISO 8601 in UTC, a Decimal is a string of its digits
(a JSON number would lose them in most readers), bytes are base64.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from moldau.streams.errors import DefinitionError
from moldau.streams.formats.models import decode_hook, encode_hook, json_hook


class Format(Protocol):
    """Both may raise any exception: the record is then a bad one."""

    def decode(self, data: bytes) -> Any: ...

    def encode(self, value: Any) -> bytes: ...


class Schema(Protocol):
    """What a topic may be given as its format: it becomes one when type and topic are known."""

    def of(self, type_: Any, topic: str) -> Format: ...


@contextmanager
def _readable(type_: Any, form: str) -> Iterator[None]:
    """Raises DefinitionError for a type that has no such form, or whose annotations name what
    cannot be seen when the program runs."""
    try:
        yield
    except TypeError as error:
        raise DefinitionError(f"{type_!r} cannot be read from {form}: {error}") from None
    except NameError as error:
        raise DefinitionError(
            f"{type_!r} cannot be read from {form}: {error}; what its annotations name must be "
            "defined in its module, not in a function or under TYPE_CHECKING"
        ) from None


def _refuse_unreadable(type_: Any, form: str) -> None:
    """Raises DefinitionError for a class of which nothing says how one is made."""
    import msgspec

    try:
        info = msgspec.inspect.type_info(type_)
    except (TypeError, NameError):  # which `_readable` says
        return
    if type_ is object or isinstance(type_, ABCMeta):
        return  # what is read may be one as it is
    is_made = any(hasattr(type_, one) for one in ("model_validate", "FromString"))
    if isinstance(info, msgspec.inspect.CustomType) and not is_made and isinstance(type_, type):
        raise DefinitionError(
            f"{type_!r} cannot be read from {form}: nothing says how one is made of its fields; "
            f"make it a msgspec.Struct, a dataclass or a pydantic model"
        )


class Json:
    def __init__(self, type_: Any = Any) -> None:
        import msgspec

        _refuse_unreadable(type_, "JSON")
        with _readable(type_, "JSON"):
            self.decode = msgspec.json.Decoder(type_, dec_hook=decode_hook).decode
        self.encode = msgspec.json.Encoder(enc_hook=json_hook).encode


class MessagePack:
    def __init__(self, type_: Any = Any) -> None:
        import msgspec

        _refuse_unreadable(type_, "MessagePack")
        with _readable(type_, "MessagePack"):
            self.decode = msgspec.msgpack.Decoder(type_, dec_hook=decode_hook).decode
        self.encode = msgspec.msgpack.Encoder(enc_hook=encode_hook).encode


class Raw:
    """Bytes as they are."""

    @staticmethod
    def decode(data: bytes) -> bytes:
        return data

    @staticmethod
    def encode(value: Any) -> bytes:
        if not isinstance(value, (bytes, bytearray, memoryview)):  # bytes(5) is five zeros
            raise TypeError(f"format 'raw' writes bytes, not {type(value).__name__}")
        return bytes(value)


class Text:
    """UTF-8."""

    @staticmethod
    def decode(data: bytes) -> str:
        return data.decode()

    @staticmethod
    def encode(value: Any) -> bytes:
        if isinstance(value, (bytes, bytearray, memoryview)):  # str() of them is their repr
            raise TypeError(f"format 'text' writes str, not {type(value).__name__}")
        return str(value).encode()


def _text(data: bytes) -> Any:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


class Key:
    """Keys that JSON writes as strings (str, enumerations, UUIDs, times, Decimals) go out as raw
    UTF-8, bytes as they are, others as JSON. They come back as what the type of the key says, or
    else as text: a key that is read of a value and one that came in a record must be the same."""

    def __init__(self, type_: Any = Any) -> None:
        import msgspec

        self._json = msgspec.json.Encoder(order="deterministic", enc_hook=encode_hook).encode
        self._unquoted = msgspec.json.Decoder(str).decode
        self.decode: Callable[[bytes], Any] = _text
        if type_ is bytes:
            self.decode = bytes
        elif type_ not in (Any, str, str | None):
            self.decode = _key_reader(type_)

    def encode(self, value: Any) -> bytes:
        if type(value) is str:
            return value.encode()
        if isinstance(value, bytes):
            return value
        data = self._json(value)
        return self._unquoted(data).encode() if data.startswith(b'"') else data


def _key_reader(type_: Any) -> Callable[[bytes], Any]:
    """As JSON; where that is a string, as what is in it."""
    import msgspec

    read = msgspec.json.Decoder(type_, dec_hook=decode_hook).decode

    def decode(data: bytes) -> Any:
        try:
            return read(data)
        except msgspec.DecodeError:
            return msgspec.convert(data.decode(), type_, dec_hook=decode_hook)

    return decode
