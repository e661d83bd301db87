"""Tables by tables: what comes are changes, in the order of event time; what leaves too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moldau.streams.engine.operators import Operator
from moldau.streams.engine.results import Made
from moldau.streams.engine.rows import Rows
from moldau.streams.engine.sides import Merging
from moldau.streams.join_nodes import TableJoin


class TableJoining(Merging):
    """The row of a key is that of both tables' rows, whenever one changes."""

    def __init__(
        self,
        node: TableJoin,
        left: Rows,
        right: Rows,
        following: Sequence[Operator],
        merged: Made,
    ) -> None:
        super().__init__(following, merged)
        self._rows = (left, right)
        self._needs = (node.how in ("inner", "left"), node.how == "inner")

    def advance(self, watermark: int) -> None:
        made = []
        for time, rank, row in self._taken():
            key = row[4]
            before = self._sides(key)
            self._rows[rank].put(key, row[5])
            after = self._sides(key)
            if before is not None or after is not None:
                made.append((key, after, time))
        self._emit_merged(made)

    def _sides(self, key: Any) -> tuple[Any, Any] | None:
        """What the row of the key is made of; None: it has none."""
        left, right = (rows.get(key) for rows in self._rows)
        needs_left, needs_right = self._needs
        if (left is None and (needs_left or right is None)) or (right is None and needs_right):
            return None
        return left, right
