"""Tables as handlers look into them: `table[key]` is what the key holds at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from moldau.streams.engine.global_store import known
from moldau.streams.engine.here import HERE, Get, Here
from moldau.streams.errors import NoRow, StreamsError

if TYPE_CHECKING:
    from moldau.streams.program import Node


class InHandlers:
    """The part that all tables share. What is returned is not to be changed."""

    def __getitem__(self, key: Any) -> Any:
        """Of a handler's task, the row of that key as it is now. Raises KeyError where there is
        none, and StreamsError outside of a handler."""
        here = self._here()
        row = self._get(here)(known(key))
        if row is None:
            raise NoRow(key, self._missing(here, key))
        return row

    def get(self, key: Any, otherwise: Any = None) -> Any:
        row = self._get(self._here())(known(key))
        return otherwise if row is None else row

    def __contains__(self, key: object) -> bool:
        return self._get(self._here())(known(key)) is not None

    def steps_in(self, nodes: Sequence[Node]) -> Sequence[Node]:
        """What of that program holds its rows, in the stage of whoever looks into it."""
        return ()

    __iter__: None = None  # else Python would ask for the keys 0, 1, 2 …

    def _here(self) -> Here:
        here = HERE.get()
        if here is None:
            raise StreamsError(
                f"{self}: its rows can be looked up in a handler, while it runs; from elsewhere "
                f"ask a worker over HTTP (/tables/NAME/KEY), and in a test let a handler do it, "
                f"under moldau.testing.run"
            )
        return here

    def _get(self, here: Here) -> Get:
        """Raises StreamsError where it is not to be had."""
        raise NotImplementedError

    def _missing(self, here: Here, key: Any) -> str:
        """What is said of a key that is not there."""
        return f"{self} has no row of {key!r}; .get(key) gives None where there is none"
