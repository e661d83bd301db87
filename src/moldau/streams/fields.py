"""The fields of the types that people write, and how a field is read from a value.

A field is a name or a function. Names are checked against the type when the program is defined;
of a type whose fields nobody declares (dict, Any) every name is accepted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import cache
from inspect import iscoroutinefunction, isgeneratorfunction
from operator import attrgetter, itemgetter
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, is_typeddict

from moldau.client.near_names import nearest
from moldau.streams import messages
from moldau.streams.callables import can_take, name_of, signature
from moldau.streams.errors import DefinitionError

Field = str | Callable[[Any], Any]
Getter = Callable[[Any], Any]
Function = TypeVar("Function", bound=Callable[..., Any])


def alternatives(type_: Any) -> tuple[Any, ...]:
    """The types of which each value is of one; None is not counted where there are others."""
    several = _but_none(type_)
    return several if len(several) > 1 else (type_,)


def _but_none(type_: Any) -> tuple[Any, ...]:
    if get_origin(type_) not in (Union, UnionType):
        return (type_,)
    return tuple(one for one in get_args(type_) if one is not NoneType)


def names_of(type_: Any) -> tuple[str, ...] | None:
    """The fields that a type declares; None: it declares none."""
    if is_typeddict(type_):
        try:
            return tuple(type_.__annotations__)
        except NameError:  # CPython 3.14: of what an annotation names, not all can be seen
            return tuple(sorted(type_.__required_keys__ | type_.__optional_keys__))
    if dataclasses.is_dataclass(type_):
        return tuple(one.name for one in dataclasses.fields(type_))
    if messages.is_message(type_):
        return tuple(type_.DESCRIPTOR.fields_by_name)
    for attribute in ("__struct_fields__", "model_fields", "_fields"):  # msgspec, pydantic, tuples
        found = getattr(type_, attribute, None)
        if found is not None:
            return tuple(found)
    return None


def is_mapping(type_: Any) -> bool:
    """Are its fields read as `value["name"]`? Otherwise as `value.name`."""
    several = _but_none(type_)
    if len(several) == 1:
        (type_,) = several
    return type_ is Any or is_typeddict(type_) or (get_origin(type_) or type_) is dict


def check(type_: Any, name: str, verb: str) -> None:
    """Raises DefinitionError, with the nearest name that there is. Of several types one has it:
    values of that one may be what a step before has left over."""
    several = alternatives(type_)
    known = [names_of(one) for one in several]
    if any(names is None or name in names for names in known):
        return
    names = list(dict.fromkeys(one for names in known for one in names or ()))
    near = nearest(name, names)
    hint = f"did you mean {near!r}?" if near else f"it has {', '.join(names)}."
    of = " | ".join(one.__name__ for one in several)
    raise DefinitionError(f"{verb}: {of} has no field {name!r}; {hint}")


def getter(type_: Any, field: Field, verb: str) -> Getter:
    """Reads the field from a value of that type. Raises DefinitionError."""
    if not isinstance(field, str):
        if isinstance(field, list | tuple):
            raise _several(type_, field, verb)
        if not callable(field):
            raise DefinitionError(
                f"{verb}: {field!r} is neither the name of a field nor a function"
            )
        return plain(field, verb)
    check(type_, field, verb)
    return reading(type_, field)


def reading(type_: Any, name: str) -> Getter:
    """Reads a field that is there."""
    if len(alternatives(type_)) > 1:
        return _reading_of_any(name)
    if messages.is_message(type_):
        return messages.getter(type_, name)
    return itemgetter(name) if is_mapping(type_) else attrgetter(name)


def _reading_of_any(name: str) -> Getter:
    """As the class of each value has it."""
    readers: dict[type, Getter] = {}

    def read(value: Any) -> Any:
        kind = dict if isinstance(value, dict) else type(value)
        if kind not in readers:
            readers[kind] = reading(kind, name)
        return readers[kind](value)

    return read


def as_dict(value: Any) -> dict[str, Any]:
    """Its fields, whatever declares them; of a mapping, itself."""
    kind: Any = type(value)
    read = _as_dict(kind)
    return value if read is None else read(value)


@cache
def _as_dict(kind: Any) -> Callable[[Any], dict[str, Any]] | None:
    names = names_of(kind)
    if names is None:
        return None
    read = reading_all(kind, names)
    return lambda value: dict(zip(names, read(value), strict=True))


def reading_all(type_: Any, names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Reads fields that are there."""
    is_one = len(alternatives(type_)) == 1 and not messages.is_message(type_)
    if len(names) > 1 and is_one:
        get: Any = itemgetter if is_mapping(type_) else attrgetter
        read: Callable[[Any], tuple[Any, ...]] = get(*names)
        return read
    readers = [reading(type_, name) for name in names]
    return lambda value: tuple([one(value) for one in readers])


def only(field: Field, more: Sequence[Any]) -> Field:
    """The field, or, where there are more, what `getter` refuses with a sentence."""
    several: Any = (field, *more)
    return several if more else field


def _several(type_: Any, given: Sequence[Any], verb: str) -> DefinitionError:
    names = [str(one) for one in given]
    if len(names) == 1:
        return DefinitionError(f"{verb}: give the field itself, {names[0]!r}, and not a list of it")
    read = [f'one["{name}"]' if is_mapping(type_) else f"one.{name}" for name in names]
    return DefinitionError(
        f"{verb}: one field is wanted, and {', '.join(names)} are several: give a function of "
        f"them, as in {verb}(lambda one: ({', '.join(read)}))"
    )


def plain(function: Function, verb: str, takes: str = "the record", count: int = 1) -> Function:
    """A function that a verb may call, with so many arguments. Raises DefinitionError."""
    if not callable(function):
        raise DefinitionError(f"{verb}: {function!r} is no function of a record")
    if iscoroutinefunction(function):
        raise DefinitionError(
            f"{verb}: {name_of(function)} is async, and a verb calls plain functions; what has to "
            f"be awaited is for an agent (@app.agent)"
        )
    if not can_take(function, count, wrapped=False):
        raise DefinitionError(
            f"{verb}: its function is called with {takes} alone, and cannot be with "
            f"{signature(function, wrapped=False)} as its parameters"
        )
    if isgeneratorfunction(function) and verb != "flat_map":
        raise DefinitionError(
            f"{verb}: {name_of(function)} yields, and what it returns is no value, but a "
            f"generator; a function that makes several of one record is for flat_map"
        )
    return function


def label(field: Field, otherwise: str) -> str:
    """What a field is called where a name is needed."""
    return field if isinstance(field, str) else otherwise
