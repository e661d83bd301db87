"""Is the key of each record the field that its topic is said to be keyed by (promise 12)? Where it
is not, what is grouped by the field without a repartition would be counted under another key, or in
two tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moldau.streams import fields
from moldau.streams.engine.keys import typed
from moldau.streams.errors import BadRecord
from moldau.streams.program import Topic


class KeyedBy:
    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._field = topic.key or ""
        self._read = fields.getter(topic.type, self._field, f"topic {topic.name!r}, key")

    def check(
        self, keys: Sequence[Any], data: Sequence[bytes | None], values: Sequence[Any]
    ) -> None:
        """`data`: the keys as they came. A record without a value has no such field, and may have
        any key. Raises BadRecord."""
        try:
            if list(map(self._read, values)) == keys:
                return
        except Exception:  # one of them has no such field, or no value
            pass
        for key, raw, value in zip(keys, data, values, strict=True):
            found = self._field_of(value)
            if value is not None and raw != self._encoded(found) and key != typed(found):
                raise BadRecord(self._said(raw, found))

    def _field_of(self, value: Any) -> Any:
        """None: it has no such field, and so no key."""
        try:
            return self._read(value)
        except Exception:
            return None

    def _encoded(self, field: Any) -> bytes | None:
        """Of a type that does not say what its keys are: 7 is the key b"7"."""
        return None if field is None else self._topic.key_format.encode(field)

    def _said(self, raw: bytes | None, found: Any) -> str:
        name, field = self._topic.name, self._field
        return (
            f"its key is {raw!r} and its field {field!r} is {found!r}, but topic {name!r} is said "
            f"to be keyed by that (key={field!r}): write it with that key, or leave out key= of "
            f"the topic, and what needs it repartitions"
        )
