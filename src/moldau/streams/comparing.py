"""Of aggregates that compare values: can they, and after a restart too?"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime
from decimal import Decimal
from inspect import iscoroutinefunction
from typing import Any, is_typeddict

from moldau.streams import fields, types
from moldau.streams.engine.returning import named, strange_at_a_glance
from moldau.streams.errors import DefinitionError
from moldau.streams.fields import Field


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
    """Raises DefinitionError for values of which it is not known of each two which is greater."""
    kinds = types.kinds(type_)
    for one in kinds:
        if is_typeddict(one) or issubclass(one, (dict, Set)):
            raise DefinitionError(
                f"agg: {name}: of two {named(one)} none is the greater: take one of its fields, or "
                f"what a function makes of it"
            )
        if not _has_order(one):
            raise DefinitionError(
                f"agg: {name}: of two {named(one)} none is the greater: give it an order, as by "
                f"msgspec.Struct(order=True) or dataclass(order=True), or take one of its fields"
            )
    orders = {_order_of(one): one for one in kinds}
    if len(orders) > 1:
        one, other, *_ = orders.values()
        raise DefinitionError(
            f"agg: {name}: of {named(one)} and {named(other)} none is the greater: give the field "
            f"one type, or take what a function makes of it"
        )


def refuse_indistinct(name: str, type_: Any) -> None:
    """Raises DefinitionError for values that are not told apart: those that may change, and those
    of which the fields are kept."""
    for one in types.kinds(type_):
        is_record = fields.names_of(one) is not None and not issubclass(one, tuple)
        if is_record or issubclass(one, (dict, list, set)):
            raise DefinitionError(
                f"agg: {name}: {named(one)} cannot be told apart: take a field of it, or a tuple, "
                f"by a function (lambda record: ...)"
            )


def _order_of(kind: type) -> type:
    """The class within whose values there is one order."""
    for one in (str, bytes, datetime):  # a datetime is a date, and can be compared with none
        if issubclass(kind, one):
            return one
    return int if issubclass(kind, (int, float, Decimal)) else kind


def _has_order(kind: type) -> bool:
    config = getattr(kind, "__struct_config__", None)  # of msgspec
    if config is not None and config.order:
        return True
    own = next(one for one in kind.__mro__ if "__lt__" in vars(one))
    return own is not object and own.__module__.partition(".")[0] != "msgspec"
