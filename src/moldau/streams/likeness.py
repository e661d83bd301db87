"""Can what goes to a topic be read there as what the topic is said to hold?"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, is_typeddict

from moldau.streams import fields
from moldau.streams.errors import DefinitionError
from moldau.streams.formats.basic import Json, MessagePack

if TYPE_CHECKING:
    from moldau.streams.program import Topic


def refuse_unlike(type_: Any, topic: Topic) -> None:
    """Raises DefinitionError where values of that type lack what the topic's type needs, as far as
    both are declared under the names that are written, and no format fills in what is missing."""
    if not isinstance(topic.format, Json | MessagePack):
        return
    has, wanted = fields.names_of(type_), topic.type
    if has is None or _is_renamed(type_) or _is_of(wanted, type_):
        return
    missing = [name for name in _needed(wanted) if name not in has]
    if missing:
        raise DefinitionError(
            f"to: topic {topic.name!r} holds {wanted.__name__}, which needs {', '.join(missing)}, "
            f"and what goes there has {', '.join(has)}: give it those, or the topic another type"
        )


def _needed(type_: Any) -> list[str]:
    """The fields that have no default."""
    if is_typeddict(type_):
        return sorted(type_.__required_keys__)
    if dataclasses.is_dataclass(type_):
        gaps = (dataclasses.MISSING, dataclasses.MISSING)
        every = dataclasses.fields(type_)
        return [f.name for f in every if f.init and (f.default, f.default_factory) == gaps]
    if hasattr(type_, "__struct_fields__") and not _is_renamed(type_):
        import msgspec

        return [one.name for one in msgspec.structs.fields(type_) if one.required]
    return []


def _is_renamed(type_: Any) -> bool:
    """Are its fields called otherwise where it is written? As of models (aliases), it is not
    known."""
    if hasattr(type_, "model_fields"):
        return True
    names = getattr(type_, "__struct_fields__", None)
    return names is not None and names != type_.__struct_encode_fields__


def _is_of(one: Any, other: Any) -> bool:
    if is_typeddict(one) or is_typeddict(other):
        return bool(one is other)
    return isinstance(one, type) and isinstance(other, type) and issubclass(one, other)
