"""Record: values with declared fields, as Faust's models."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, dataclass_transform

import msgspec

from moldau.streams.errors import DefinitionError
from moldau.streams.faust.blessed import META, REGISTRY
from moldau.streams.faust.conversions import (
    annotations_of,
    coerced,
    fresh,
    hook,
    is_optional,
    mentions,
    nested,
    plain,
)
from moldau.streams.faust.fields import MISSING, FieldDescriptor, ValidationError

_OPTIONS = {
    "serializer": None,
    "namespace": None,
    "include_metadata": True,
    "coerce": False,
    "coercions": None,
    "validation": False,
    "isodates": False,
    "decimals": False,
    "date_parser": None,
    "abstract": False,
    # A record says its class, and is made that again, whether one asks for that or not.
    "polymorphic_fields": True,
    "allow_blessed_key": True,
    "lazy_creation": False,
}


@dataclass_transform()
class Record:
    """Fields are its annotations. `class Order(Record, serializer="json", coerce=True)`."""

    _options: ClassVar[dict[str, Any]] = dict(_OPTIONS)
    _fields: ClassVar[dict[str, FieldDescriptor[Any]]] = {}
    _hints: ClassVar[dict[str, Any]] = {}
    _names: ClassVar[dict[str, str]] = {}  # of fields, by what they are called in data

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__()
        unknown = options.keys() - _OPTIONS.keys()
        if unknown:
            raise DefinitionError(
                f"{cls.__name__}: a Record has no option {', '.join(sorted(unknown))} here; it "
                f"has {', '.join(_OPTIONS)}"
            )
        inherited = {**cls._options, "namespace": None, "abstract": False}
        cls._options = {**inherited, **options}
        bases = [one for one in reversed(cls.__mro__[1:]) if issubclass(one, Record)]
        cls._hints = {name: hint for base in bases for name, hint in base._hints.items()}
        cls._fields = {name: field for base in bases for name, field in base._fields.items()}
        own = {
            name: hint
            for name, hint in annotations_of(cls).items()
            if not str(hint).startswith(("ClassVar", "typing.ClassVar"))
        }
        again = {name: hint for name, hint in cls._hints.items() if name in cls.__dict__}
        for name, hint in {**again, **own}.items():
            cls._declare(name, hint)
        cls._names = {one.input_name: name for name, one in cls._fields.items()}
        named = cls._options["namespace"] or f"{cls.__module__}.{cls.__qualname__}"
        cls._options["namespace"] = named
        if not cls._options["abstract"]:
            REGISTRY[named] = cls

    @classmethod
    def _declare(cls, name: str, hint: Any) -> None:
        given = cls.__dict__.get(name, MISSING)
        field = given if isinstance(given, FieldDescriptor) else FieldDescriptor(default=given)
        cls._hints[name] = hint
        cls._fields[name] = field.of(cls, name, hint)
        setattr(cls, name, field)

    def __init__(self, *values: Any, **fields: Any) -> None:
        names = list(self._hints)
        kind = type(self).__name__
        if len(values) > len(names):
            raise TypeError(f"{kind} has {len(names)} fields, and {len(values)} values were given")
        given = dict(zip(names, values, strict=False))
        twice = given.keys() & fields.keys()
        unknown = fields.keys() - self._hints.keys()
        if twice or unknown:
            raise TypeError(
                f"{kind} was given {', '.join(sorted(twice or unknown))}"
                f"{' twice' if twice else ', which it has no field for'}"
            )
        self._set({**given, **fields})
        self.__post_init__()

    def __post_init__(self) -> None:
        """For subclasses."""

    def _set(self, given: Mapping[str, Any]) -> None:
        cls, values = type(self), self.__dict__
        missing = []
        for name, field in cls._fields.items():
            value = given.get(name, MISSING)
            if value is not MISSING:
                values[name] = cls._field(name, value)
            elif not field.required:
                values[name] = fresh(field.default)
            elif is_optional(cls._hint(name)):
                values[name] = None
            else:
                missing.append(name)
        if missing:
            raise TypeError(f"{cls.__name__} misses {', '.join(missing)}")
        if self._options["validation"] and (errors := self.validate()):
            raise errors[0]

    # --- fields -----------------------------------------------------------------------------

    @classmethod
    def _hint(cls, name: str) -> Any:
        """The type of a field; Any where its annotation cannot be seen from here."""
        hint = cls._hints[name]
        if isinstance(hint, str):
            model = cls._fields[name].model
            scope = vars(sys.modules.get(model.__module__, sys.modules["builtins"]))
            try:
                hint = cls._hints[name] = eval(hint, {**scope}, {model.__name__: model})
            except Exception:
                return Any
        return hint

    @classmethod
    def _field(cls, name: str, value: Any) -> Any:
        hint, options, field = cls._hint(name), cls._options, cls._fields[name]
        if value is None and not field.required:
            return None
        if options["coercions"] and hint in options["coercions"] and value is not None:
            return options["coercions"][hint](value)
        coerces = options["coerce"] or options["validation"]
        coerces |= options["isodates"] and mentions(hint, datetime)
        coerces |= options["decimals"] and mentions(hint, Decimal)
        if coerces if field.coerce is None else field.coerce:
            parse = field.date_parser or options["date_parser"]
            try:
                value = coerced(value, hint, f"{cls.__name__}.{name}", parse)
            except ValueError as error:
                raise ValidationError(str(error), field=field) from None
        return field.prepare_value(nested(value, hint))

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Any:
        """From plain values. Fields that it does not know are passed over. Raises TypeError,
        ValueError."""
        if isinstance(data, cls):
            return data
        if not isinstance(data, Mapping):
            raise TypeError(f"{cls.__name__} is made of a mapping, not of {type(data).__name__}")
        meta = data.get(META)
        kind = REGISTRY.get(meta["ns"], cls) if isinstance(meta, Mapping) else cls
        kind = kind if issubclass(kind, cls) else cls
        made = kind.__new__(kind)
        made._set({kind._names.get(name, name): value for name, value in data.items()})
        made.__post_init__()
        return made

    # --- out --------------------------------------------------------------------------------

    def asdict(self) -> dict[str, Any]:
        fields = self._fields.items()
        return {name: self.__dict__[name] for name, field in fields if not field.exclude}

    def to_representation(self) -> dict[str, Any]:
        """Plain values, and the name of its class, so that it is found again."""
        made = {
            field.output_name: plain(self.__dict__[name])
            for name, field in self._fields.items()
            if not field.exclude
        }
        if self._options["include_metadata"]:
            made[META] = {"ns": self._options["namespace"]}
        return made

    def dumps(self, *, serializer: str | None = None) -> bytes:
        from moldau.streams.faust.codecs import codec_of

        name = serializer or self._options["serializer"] or "json"
        return codec_of(name).dumps(self.to_representation())

    @classmethod
    def loads(cls, data: bytes, *, serializer: str | None = None) -> Any:
        from moldau.streams.faust.codecs import codec_of

        name = serializer or cls._options["serializer"] or "json"
        return cls.from_data(codec_of(name).loads(data))

    def derive(self, *others: Record, **fields: Any) -> Any:
        """A copy, with the fields of others, and these."""
        merged = dict(self.__dict__)
        for other in others:
            merged |= other.__dict__
        return type(self)(**{**merged, **fields})

    def validate(self) -> list[ValidationError]:
        errors = []
        for name, field in self._fields.items():
            value = self.__dict__[name]
            if value is None and not field.required:
                continue
            try:
                msgspec.convert(plain(value), self._hint(name), dec_hook=hook)
            except (ValueError, TypeError) as error:
                reason = f"{type(self).__name__}.{name}: {error}"
                errors.append(ValidationError(reason, field=field))
            else:
                errors += field.validate(value)
        return errors

    def is_valid(self) -> bool:
        return not self.validate()

    @property
    def validation_errors(self) -> list[ValidationError]:
        return self.validate()

    # The two by which `formats/models.py` takes values of types that msgspec does not know.

    def model_dump(self) -> dict[str, Any]:
        fields = self._fields.items()
        made = {field.input_name: plain(self.__dict__[name]) for name, field in fields}
        return {**made, META: {"ns": self._options["namespace"]}}

    @classmethod
    def model_validate(cls, plain: Any) -> Any:
        return cls.from_data(plain)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *map(repr, self.__dict__.values())))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self.__dict__.get(name)!r}" for name in self._hints)
        return f"<{type(self).__name__}: {shown}>"
