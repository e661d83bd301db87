"""Windows that are told of before they close: at each batch that changes them, or every so often in
event time. How often is not promised, what is told last is (promise 6)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from moldau.streams.engine.operators import Sending
from moldau.streams.engine.window_names import Place


class Updates:
    def __init__(self) -> None:
        self._wanted: list[tuple[Sending, int]] = []
        self._changed: list[dict[Place, None]] = []
        self._told: list[int | None] = []
        self._numbers = count(1)

    @property
    def are_wanted(self) -> bool:
        return bool(self._wanted)

    @property
    def told(self) -> list[Sending]:
        """Who is."""
        return [to for to, _ in self._wanted]

    def tell(self, to: Sending, every: int) -> None:
        """`every` ms; 0: at each batch."""
        self._wanted.append((to, every))
        self._changed.append({})
        self._told.append(None)

    def number(self) -> int:
        """Of a batch."""
        return next(self._numbers)

    def changed(self, places: Iterable[Place]) -> None:
        places = dict.fromkeys(places)
        for one in self._changed:
            one.update(places)

    def due(self, watermark: int | None = None) -> list[tuple[Sending, list[Place]]]:
        """Who is to be told now of which; `watermark`: that has just been reached."""
        due = []
        for number, (to, every) in enumerate(self._wanted):
            if every:
                if watermark is None or watermark // every == self._told[number]:
                    continue
                told, self._told[number] = self._told[number], watermark // every
                if told is None:  # the first that is known of the time
                    continue
            due.append((to, list(self._changed[number])))
            self._changed[number] = {}
        return due
