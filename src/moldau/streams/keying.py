"""Can values of a type be keys? One is found again by its bytes, in state and in topics, so it must
be what comes back of them."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from moldau.streams import fields, types
from moldau.streams.errors import DefinitionError

if TYPE_CHECKING:
    from moldau.streams.program import Node, Topic


def key_of(type_: Any, field: fields.Field, verb: str) -> fields.Getter:
    """Reads the key from a value of that type. Raises DefinitionError."""
    read = fields.getter(type_, field, verb)
    _refuse_no_key(types.field_type(type_, field), fields.label(field, "the key"), verb)
    return read


OF_FUNCTION = "key"  # what a function gives is called so


def other_key(node: Node, topic: Topic, *, is_updated: bool) -> str | None:
    """The field that the topic is keyed by, where that is not what these records are keyed by.
    `is_updated`: what goes out takes back what went before, under the key that it had. Raises
    DefinitionError for records that have not that field, or would then be taken back elsewhere."""
    field = topic.key
    if field is None or field == node.keyed_by:
        return None
    if is_updated and node.keyed_by == OF_FUNCTION:
        return None  # it may be that field, or not
    if is_updated and node.keyed_by is not None:
        raise DefinitionError(
            f"to: what goes to {topic.name!r} is keyed by {node.keyed_by!r}, and the topic says "
            f"key={field!r}: leave that out"
        )
    fields.check(node.type, field, f"to, topic {topic.name!r}, key")
    return field


def _refuse_no_key(type_: Any, shown: str, verb: str) -> None:
    type_ = types.unwrapped(type_)
    if get_origin(type_) in (tuple, frozenset, Union, UnionType):
        for one in get_args(type_):
            _refuse_no_key(one, shown, verb)
        return
    for kind in types.kinds(type_):
        if issubclass(kind, tuple):  # with names too: it comes back as one without
            for name, one in (types.declared(kind) or {}).items():
                _refuse_no_key(one, f"{shown}.{name}", verb)
            continue
        names = fields.names_of(kind)
        if names is not None:
            its = ", ".join(f"it.{shown}.{name}" for name in names[:2])
            raise DefinitionError(
                f"{verb}: {shown} is a {kind.__name__}, which can be no key, because only its "
                f"fields would come back: take one of them, or a tuple, as in "
                f"{verb}(lambda it: ({its}))"
            )
        if issubclass(kind, (dict, list, set)):
            raise DefinitionError(
                f"{verb}: {shown} is a {kind.__name__}, which can be no key, because it may "
                f"change: make a tuple of it, as in {verb}(lambda it: tuple(it.{shown}))"
            )
