"""Values that agents keep by key and window, in stores that the agents of a stage share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moldau.streams.engine.keyed_state import Store
from moldau.streams.engine.keys import parts_in
from moldau.streams.engine.operators import Step
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.scope import SCOPE, Scope
from moldau.streams.engine.state import Table
from moldau.streams.engine.typed_keys import plain
from moldau.streams.program import Kept

Place = tuple[int | None, Any]
"""The beginning of a window, in ms since 1970, and a key (`keys.py`); None where there are no
windows."""


class KeyedStore(Store, Step):
    """`users`: how many handlers may be at it at the same time. Values are under places."""

    def __init__(self, node: Kept, table: Table, outputs: list[Output]) -> None:
        Step.__init__(self, ())
        table.decode_key = parts_in
        Store.__init__(self, table)
        self.name = node.name
        self.users = 0
        self.lock: Any = None  # of who runs the handlers
        self.is_live = True  # False: the task is another's now
        self._keeps = node.keeps
        self._on_close = node.on_close
        self._outputs = outputs
        # What was closed before a restart is closed: it has been told of.
        self._watermark = self._closed = table.watermark
        self._starts: dict[int, dict[Place, None]] = {}
        if self._keeps is not None:
            for place in self.all_keys():
                self._add(place)
        node.made(self)

    def set(self, key: Place, data: bytes | Callable[[], bytes | None] | None) -> None:
        """`data` may be what makes it, now that the record ends."""
        data = data() if callable(data) else data
        if data == self.get(key):
            return
        super().set(key, data)
        self._add(key)

    def _add(self, place: Place) -> None:
        start = place[0]
        if start is not None and self._keeps is not None:
            self._starts.setdefault(start, {})[place] = None

    def is_closed(self, start: int) -> bool:
        """Is a window that begins there kept no longer?"""
        return self._keeps is not None and start + self._keeps <= self._closed

    # --- time -------------------------------------------------------------------------------

    def advance(self, watermark: int) -> None:
        self._watermark = watermark

    def settle(self) -> None:
        """All records before the watermark have been handled."""
        self._closed = self._watermark
        for start in sorted(one for one in self._starts if self.is_closed(one)):
            for place in self._starts.pop(start):
                value = self.get(place)
                if value is not None:
                    super().set(place, None)
                    self._tell(start, place[1], value)

    def _tell(self, start: int, key: Any, value: bytes) -> None:
        if self._on_close is None or self._keeps is None:
            return
        scope = Scope()
        scope.time = start + self._keeps - 1
        token = SCOPE.set(scope)
        try:
            self._on_close(plain(key), start, value)
        finally:
            SCOPE.reset(token)
        self._outputs.extend(scope.end())
