"""Of aggregates that compare values: can they, and after a restart too?"""

from __future__ import annotations

from inspect import iscoroutinefunction
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from moldau.streams import types
from moldau.streams.engine.returning import named, strange_at_a_glance
from moldau.streams.errors import DefinitionError
from moldau.streams.fields import Field

_UNKNOWN = (Any, object, NoneType)


def compared_by(kind: str, field: Field) -> Field:
    """What a function takes of a record must be comparable after a restart too."""
    if not callable(field) or iscoroutinefunction(field) or types.returned(field) is not Any:
        return field

    def taken(value: Any) -> Any:
        made = field(value)
        strange = strange_at_a_glance(made)
        if strange:
            raise TypeError(
                f"{kind}: after a restart it would have no {strange} to compare with, but the "
                f"fields or value of one: give it a function that is annotated to return {strange}"
            )
        return made

    return taken


def refuse_unordered(name: str, type_: Any) -> None:
    """Raises DefinitionError for a class whose values have no order."""
    kinds = get_args(type_) if get_origin(type_) in (Union, UnionType) else (type_,)
    for one in kinds:
        if isinstance(one, type) and one not in _UNKNOWN and not _has_order(one):
            raise DefinitionError(
                f"agg: {name}: of two {named(one)} none is the greater: give it an order, as by "
                f"msgspec.Struct(order=True) or dataclass(order=True), or take one of its fields"
            )


def _has_order(kind: type) -> bool:
    config = getattr(kind, "__struct_config__", None)  # of msgspec
    if config is not None and config.order:
        return True
    own = next(one for one in kind.__mro__ if "__lt__" in vars(one))
    return own is not object and own.__module__.partition(".")[0] != "msgspec"
