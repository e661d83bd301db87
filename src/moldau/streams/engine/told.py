"""Values of several types, of which MessagePack would not tell whose they are: two structs are two
maps, a date and a text are two texts. So the name of its type stands beside each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, is_typeddict

import msgspec

from moldau.streams import types
from moldau.streams.engine import coding
from moldau.streams.engine.returning import comes_back, named
from moldau.streams.errors import BadRecord, DefinitionError
from moldau.streams.formats.models import decode_hook, encode_hook

_NO_NAME = ""  # stands beside what is of none of them, and beside what no type declares
_PAIR: Any = tuple[str, msgspec.Raw]
_read = msgspec.msgpack.Decoder(_PAIR).decode
_read_all = msgspec.msgpack.Decoder(list[_PAIR]).decode
_write = msgspec.msgpack.Encoder(enc_hook=encode_hook).encode


class Told:
    """The class of a value says which its type is. Names, as the order of the types may change
    with the program."""

    def __init__(self, several: Sequence[Any]) -> None:
        """Raises DefinitionError where the classes of values do not say it."""
        self._types: dict[str, Any] = {}
        by_class: dict[type, list[str]] = {}
        for one in several:
            name = self._name(one)
            self._types[name] = one
            for kind in types.kinds(one):
                by_class.setdefault(dict if is_typeddict(kind) else kind, []).append(name)
        self._names = {kind: self._of_one(names) for kind, names in by_class.items()}
        self._decoders = {
            name: coding.decode
            if one in types.UNDECLARED
            else msgspec.msgpack.Decoder(one, dec_hook=decode_hook).decode
            for name, one in [(_NO_NAME, Any), *self._types.items()]
        }

    def _name(self, type_: Any) -> str:
        name = named(type_)
        return name if name not in self._types else f"{name} {len(self._types)}"

    def _of_one(self, names: list[str]) -> str:
        """Of types whose values are of one class."""
        several = [self._types[name] for name in names]
        if len(several) > 1 and not all(map(comes_back, several)):
            raise DefinitionError(
                f"merge: a value of {' or '.join(names)} does not say which of them it is: make "
                f"all of them one type before, as in stream.map(function, Type).merge(other)"
            )
        return _NO_NAME if len(several) > 1 or several[0] in types.UNDECLARED else names[0]

    def _beside(self, value: Any) -> tuple[str, Any]:
        kind = type(value)
        name = self._names.get(kind)
        if name is None:
            bases = (self._names[one] for one in kind.__mro__ if one in self._names)
            name = self._names[kind] = next(bases, _NO_NAME)
        return name, value if name else msgspec.Raw(coding.encode(value))

    def _back(self, name: str, raw: msgspec.Raw) -> Any:
        decode = self._decoders.get(name)
        if decode is None:
            raise ValueError(
                f"a value is kept as a {name}, and the program has only {', '.join(self._types)}"
            )
        return decode(raw)

    @staticmethod
    def untold() -> BadRecord:
        """Of what was written when there was one type: it is not guessed which."""
        return BadRecord(
            "what is kept does not say of which type each value is, as there was one type when it "
            "was written: let the program as it was read all of it (until='end'), or reset it"
        )

    def encode(self, value: Any) -> bytes:
        return _write(self._beside(value))

    def decode(self, data: bytes) -> Any:
        try:
            beside = _read(data)
        except msgspec.DecodeError:
            raise self.untold() from None
        return self._back(*beside)

    def encode_all(self, values: list[Any]) -> bytes:
        return _write(list(map(self._beside, values)))

    def decode_all(self, data: bytes) -> list[Any]:
        try:
            beside = _read_all(data)
        except msgspec.DecodeError:
            raise self.untold() from None
        return [self._back(*one) for one in beside]
