"""A table by the keys of another that its rows name (foreign key).

Three steps: `groups.Regrouping` tells the partition of what a row names, and of what it named
before; there the row meets the other table; what comes of it goes back to the partition of the
row's own key, with what it was named by, so that what an earlier name gives counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moldau.streams.aggregates import in_order
from moldau.streams.batch import Batch
from moldau.streams.engine.held import Held
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.results import Made
from moldau.streams.engine.rows import Rows
from moldau.streams.engine.sides import Merging
from moldau.streams.join_nodes import ForeignJoin


class ForeignJoining(Merging):
    def __init__(
        self,
        node: ForeignJoin,
        members: Rows,
        others: Rows,
        following: Sequence[Operator],
        merged: Made,
    ) -> None:
        """`merged` takes (what was named, the pair or None)."""
        super().__init__(following, merged)
        self._is_inner = node.how == "inner"
        self._members = members  # by (what it names, its key)
        self._others = others
        self._naming: dict[Any, set[Any]] = {}
        for named, member in members:
            self._naming.setdefault(named, set()).add(member)

    def advance(self, watermark: int) -> None:
        made = []
        for time, rank, row in self._taken():
            named = row[4]
            if rank:
                self._others.put(named, row[5])
                changed = in_order(self._naming.get(named, ()))
            else:
                member, value = row[5]
                self._put(named, member, value)
                changed = [member]
            made += [(one, (named, self._sides(named, one)), time) for one in changed]
        self._emit_merged(made)

    def _put(self, named: Any, member: Any, value: Any) -> None:
        self._members.put((named, member), value)
        naming = self._naming.setdefault(named, set())
        if value is not None:
            naming.add(member)
        else:
            naming.discard(member)
            if not naming:
                del self._naming[named]

    def _sides(self, named: Any, member: Any) -> tuple[Any, Any] | None:
        value = self._members.get((named, member))
        other = None if named is None else self._others.get(named)
        if value is None or (other is None and self._is_inner):
            return None
        return value, other


class ForeignResulting(Step):
    """`named`: by the row's key, [what the row that counts was made with]."""

    def __init__(self, held: Held, named: Rows, following: Sequence[Operator]) -> None:
        super().__init__(following)
        self._held = held
        self._named = named

    def process(self, batch: Batch) -> None:
        self._held.add(batch)

    def advance(self, watermark: int) -> None:
        made = []
        for time, _, _, _, key, (named, row), _, _ in self._held.release(watermark):
            if row is not None:
                self._named.put(key, [named])
            elif self._named.get(key) == [named]:
                self._named.put(key, None)
            else:
                continue
            made.append((key, row, time))
        self._emit(made)
