"""Record: values with declared fields, as Faust's models."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, ClassVar, Union, dataclass_transform, get_args, get_origin

import msgspec

from moldau.streams.errors import DefinitionError

META = "__faust"
_REGISTRY: dict[str, type[Record]] = {}
_OPTIONS = {
    "serializer": None,
    "namespace": None,
    "include_metadata": True,
    "coerce": False,
    "coercions": None,
    "validation": False,
    "isodates": False,
    "decimals": False,
    "abstract": False,
}
_MISSING: Any = object()


class FieldDescriptor:
    """`Order.customer`: names a field, for `group_by` and `relative_to_field`."""

    def __init__(self, field: str, type_: Any, model: type[Record]) -> None:
        self.field = field
        self.type = type_
        self.model = model

    def __get__(self, record: object, owner: type) -> FieldDescriptor:
        """Of the class; a record's own value comes before it."""
        if record is not None:
            raise AttributeError(f"{owner.__name__} has no value for {self.field!r}")
        return self

    def getattr(self, record: Any) -> Any:
        return getattr(record, self.field)

    @property
    def ident(self) -> str:
        return f"{self.model.__name__}.{self.field}"

    def __repr__(self) -> str:
        return f"<{self.ident}>"


@dataclass_transform()
class Record:
    """Fields are its annotations. `class Order(Record, serializer="json", coerce=True)`."""

    _options: ClassVar[dict[str, Any]] = dict(_OPTIONS)
    _defaults: ClassVar[dict[str, Any]] = {}
    _hints: ClassVar[dict[str, Any]] = {}

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
        cls._hints = {**cls._hints}
        cls._defaults = {**cls._defaults}
        for name, hint in _annotations(cls).items():
            if str(hint).startswith(("ClassVar", "typing.ClassVar")):
                continue
            default = cls.__dict__.get(name, _MISSING)
            if default is not _MISSING:
                cls._defaults[name] = default
            cls._hints[name] = hint
            setattr(cls, name, FieldDescriptor(name, hint, cls))
        cls._options["namespace"] = (
            cls._options["namespace"] or f"{cls.__module__}.{cls.__qualname__}"
        )
        if not cls._options["abstract"]:
            _REGISTRY[cls._options["namespace"]] = cls

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
        for name in self._hints:
            value = given.get(name, _MISSING)
            if value is _MISSING:
                if name in self._defaults:
                    values[name] = _fresh(self._defaults[name])
                elif _is_optional(cls._hint(name)):
                    values[name] = None
                else:
                    missing.append(name)
            else:
                values[name] = cls._field(name, value)
        if missing:
            raise TypeError(f"{cls.__name__} misses {', '.join(missing)}")
        if self._options["validation"] and (errors := self.validate()):
            raise ValueError(errors[0])

    # --- fields -----------------------------------------------------------------------------

    @classmethod
    def _hint(cls, name: str) -> Any:
        """The type of a field; Any where its annotation cannot be seen from here."""
        hint = cls._hints[name]
        if isinstance(hint, str):
            model = next(one for one in cls.__mro__ if name in one.__dict__)
            scope = vars(sys.modules.get(model.__module__, sys.modules["builtins"]))
            try:
                hint = cls._hints[name] = eval(hint, {**scope}, {model.__name__: model})
            except Exception:
                return Any
        return hint

    @classmethod
    def _field(cls, name: str, value: Any) -> Any:
        hint, options = cls._hint(name), cls._options
        if options["coercions"] and hint in options["coercions"] and value is not None:
            return options["coercions"][hint](value)
        if options["coerce"] or options["isodates"] or options["decimals"]:
            return _coerced(value, hint, f"{cls.__name__}.{name}")
        return _nested(value, hint)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Any:
        """From plain values. Fields that it does not know are passed over. Raises TypeError,
        ValueError."""
        if isinstance(data, cls):
            return data
        if not isinstance(data, Mapping):
            raise TypeError(f"{cls.__name__} is made of a mapping, not of {type(data).__name__}")
        meta = data.get(META)
        kind = _REGISTRY.get(meta["ns"], cls) if isinstance(meta, Mapping) else cls
        kind = kind if issubclass(kind, cls) else cls
        made = kind.__new__(kind)
        made._set(data)
        made.__post_init__()
        return made

    # --- out --------------------------------------------------------------------------------

    def asdict(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in self._hints}

    def to_representation(self) -> dict[str, Any]:
        """Plain values, and the name of its class, so that it is found again."""
        plain = {name: _plain(self.__dict__[name]) for name in self._hints}
        if self._options["include_metadata"]:
            plain[META] = {"ns": self._options["namespace"]}
        return plain

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
        merged = self.asdict()
        for other in others:
            merged |= other.asdict()
        return type(self)(**{**merged, **fields})

    def validate(self) -> list[str]:
        errors = []
        for name in self._hints:
            try:
                msgspec.convert(_plain(self.__dict__[name]), self._hint(name), dec_hook=_hook)
            except (ValueError, TypeError) as error:
                errors.append(f"{type(self).__name__}.{name}: {error}")
        return errors

    def is_valid(self) -> bool:
        return not self.validate()

    @property
    def validation_errors(self) -> list[str]:
        return self.validate()

    # The two by which `formats/models.py` takes values of types that msgspec does not know.

    def model_dump(self) -> dict[str, Any]:
        return {**self.to_representation(), META: {"ns": self._options["namespace"]}}

    @classmethod
    def model_validate(cls, plain: Any) -> Any:
        return cls.from_data(plain)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *map(repr, self.__dict__.values())))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self.__dict__.get(name)!r}" for name in self._hints)
        return f"{type(self).__name__}({shown})"


def _annotations(cls: type) -> dict[str, Any]:
    """Its own; as text where they cannot be read yet."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(cls)


def from_blessed(plain: Any) -> Any:
    """A Record again, of what one was made into, where its class is known."""
    if isinstance(plain, dict) and isinstance(meta := plain.get(META), dict):
        kind = _REGISTRY.get(meta.get("ns", ""))
        return plain if kind is None else kind.from_data(plain)
    return plain


def _fresh(default: Any) -> Any:
    return type(default)(default) if isinstance(default, (list, dict, set)) else default


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_representation()
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one) for one in value]
    return value


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint)


def _nested(value: Any, hint: Any) -> Any:
    """Records where records belong; all else as it is."""
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_data(value) if isinstance(value, Mapping) else value
    inner = [one for one in get_args(hint) if one is not NoneType and one is not ...]
    if not inner:
        return value
    if isinstance(value, list):
        return [_nested(one, inner[0]) for one in value]
    if isinstance(value, dict) and get_origin(hint) is dict:
        return {key: _nested(one, inner[-1]) for key, one in value.items()}
    return _nested(value, inner[0]) if _is_optional(hint) else value


def _coerced(value: Any, hint: Any, where: str) -> Any:
    """Raises ValueError."""
    if hint is str and isinstance(value, (int, float)):
        return str(value)
    try:
        return msgspec.convert(value, hint, strict=False, dec_hook=_hook)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {error}") from None


def _hook(type_: Any, value: Any) -> Any:
    convert: Callable[[Any], Any] | None = getattr(type_, "from_data", None)
    if convert is not None:
        return convert(value)
    if isinstance(value, type_):
        return value
    raise TypeError(f"{value!r} is no {type_.__name__}")
