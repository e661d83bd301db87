"""What the values that leave a verb are, as far as it can be known: so the names of the next verb
are checked too, and a Decimal comes out of a repartition as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Optional,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from moldau.streams import fields, messages

if TYPE_CHECKING:
    from moldau.streams.aggregates import Aggregate
    from moldau.streams.windows import Window

UNDECLARED = (Any, dict, list)


def declared(type_: Any) -> dict[str, Any] | None:
    """The fields of a type, with their types; None: it declares none."""
    names = fields.names_of(type_)
    if names is None:
        return None
    if messages.is_message(type_):
        return messages.types_of(type_)
    try:
        hints = get_type_hints(type_)
    except Exception:  # an annotation that cannot be resolved here
        hints = {}
    return {name: hints.get(name, Any) for name in names}


def field_type(type_: Any, field: fields.Field) -> Any:
    if not isinstance(field, str):
        return returned(field)
    if len(fields.alternatives(type_)) == 1:
        return (declared(type_) or {}).get(field, Any)
    known = [declared(one) for one in fields.alternatives(type_)]
    found = of_any([(one or {}).get(field, Any) for one in known if one is None or field in one])
    return Any if is_mixed(found) else found


def unwrapped(type_: Any) -> Any:
    """What is in a NewType, a `type Name = …` or an Annotated; of others, itself."""
    for inner in ("__supertype__", "__value__"):
        if hasattr(type_, inner):
            return unwrapped(getattr(type_, inner))
    return unwrapped(get_args(type_)[0]) if get_origin(type_) is Annotated else type_


def kinds(type_: Any) -> tuple[type, ...]:
    """The classes that its values are of, as far as they are known, without that of None."""
    type_ = unwrapped(type_)
    origin, args = get_origin(type_), get_args(type_)
    if origin in (Union, UnionType):
        return tuple(kind for one in args for kind in kinds(one))
    if origin is Literal:
        return tuple({type(one) for one in args if one is not None})
    kind = origin or type_
    return (kind,) if isinstance(kind, type) and kind not in (Any, object, NoneType) else ()


def returned(function: Callable[..., Any]) -> Any:
    """What a function says that it returns."""
    try:
        return get_type_hints(function).get("return", Any)
    except Exception:  # not a function, or an annotation that cannot be resolved here
        return Any


def returned_each(function: Callable[..., Any]) -> Any:
    """What it says that each is of those that it returns."""
    all_of = returned(function)
    each = get_args(all_of)
    is_many = isinstance(get_origin(all_of), type) and issubclass(get_origin(all_of), Iterable)
    return each[0] if is_many and each and not issubclass(get_origin(all_of), Mapping) else Any


def record_of(name: str, types: Mapping[str, Any]) -> Any:
    """The type of dicts with these fields."""
    make: Any = TypedDict
    return make(name, dict(types))


def of_any(several: Sequence[Any]) -> Any:
    """Of what is of one of them. Of mappings with other fields none is declared: read as one of
    them, the others would lose theirs."""
    different = [one for place, one in enumerate(several) if one not in several[:place]]
    if len(different) == 1:
        return different[0]
    return Any if all(map(fields.is_mapping, different)) else Union[tuple(different)]  # noqa: UP007


def is_mixed(type_: Any) -> bool:
    """Are its values of several types that nobody tells apart by what is written of them?"""
    several = fields.alternatives(type_)
    if len(several) == 1:
        return False
    try:
        msgspec.msgpack.Decoder(type_)
    except TypeError:
        return True
    return any(one in UNDECLARED for one in several)


def of_topic(type_: Any) -> Any:
    """Of what is sent to one: read again, it may be any of them."""
    return Any if is_mixed(type_) else type_


def reader(type_: Any, shown: Mapping[str, fields.Field], verb: str) -> Callable[[Any], Any]:
    """From a value of that type to a dict of those fields. Raises DefinitionError."""
    names, named = list(shown), [one for one in shown.values() if isinstance(one, str)]
    if len(named) == len(names) > 1:
        for name in named:
            fields.check(type_, name, verb)
        read_all = fields.reading_all(type_, named)
        return lambda value: dict(zip(names, read_all(value), strict=True))
    readers = [(name, fields.getter(type_, field, verb)) for name, field in shown.items()]
    return lambda value: {name: read(value) for name, read in readers}


def aggregated(
    type_: Any, label: str, key: Any, window: Window | None, aggregates: Mapping[str, Aggregate]
) -> Any:
    """Of the results of aggregates. `key`: the type of the keys."""
    types = {label: key}
    if window is not None:
        types |= {"window_start": datetime, "window_end": datetime}
    for name, one in aggregates.items():
        field = one.field[1] if isinstance(one.field, tuple) else one.field
        types[name] = one.type_of(Any if field is None else field_type(type_, field))
    return record_of("Results", types)


# --- of aggregates ------------------------------------------------------------------------------


def always(type_: Any) -> Callable[[Any], Any]:
    return lambda _: type_


def unknown(_type: Any) -> Any:
    return Any


def same(type_: Any) -> Any:
    return type_


def number(type_: Any) -> Any:
    """Of a sum."""
    return type_ if type_ in (int, float, Decimal, timedelta) else Any


def quotient(type_: Any) -> Any:
    known = {int: float, float: float, Decimal: Decimal | None, timedelta: timedelta | None}
    return known.get(type_, Any)


def list_of(type_: Any) -> Any:
    return list[type_]


def optional(type_: Any) -> Any:
    return Any if type_ is Any else Optional[type_]  # noqa: UP045
