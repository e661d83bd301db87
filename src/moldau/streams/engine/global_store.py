"""A topic that every worker has all of, as it is now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moldau.streams.engine.keys import typed
from moldau.streams.program import Topic


class GlobalStore:
    """`values`: by key (`keys.py`). A record without a key is left out; one without a value
    deletes."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self.values: dict[Any, Any] = {}

    def put(self, keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> None:
        decode, decode_key = self._topic.format.decode, self._topic.key_format.decode
        for key, value in zip(keys, values, strict=True):
            if key is None:
                continue
            place = known(decode_key(key))
            if value is None:
                self.values.pop(place, None)
            else:
                self.values[place] = decode(value)


def known(key: Any) -> Any:
    """As in state; and what can be no key there, as frozen structs, as it is."""
    try:
        return typed(key)
    except Exception:
        return key
