"""A table by the keys of another that its rows name (foreign key).

Three steps: `groups.Regrouping` tells the partition of what a row names, and of what it named
before; there the row meets the other table; what comes of it goes back to the partition of the
row's own key, with what it was named by, so that what an earlier name gives counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.engine.coding import encode
from moldau.streams.engine.held import Held
from moldau.streams.engine.keys import typed_in
from moldau.streams.engine.members import Listed
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
        naming: Listed,
        others: Rows,
        following: Sequence[Operator],
        merged: Made,
    ) -> None:
        """`members`: by (what each names, its key); `naming`: those. `merged` takes (what was
        named, the pair or None)."""
        super().__init__(following, merged)
        self._is_inner = node.how == "inner"
        self._members = members
        self._naming = naming
        self._others = others

    def advance(self, watermark: int) -> None:
        made = []
        taken = self._taken()
        self._naming.fetch(row[4] for _, _, row in taken)
        for time, rank, row in taken:
            named = row[4]
            if rank:
                self._others.put(named, row[5])
                changed = self._naming.of(named)
                self._members.fetch((named, one) for one in changed)
            else:
                member, value = typed_in(row[5][0]), row[5][1]
                self._put(named, member, value)
                changed = [member]
            told = encode(named)
            made += [(one, (told, self._sides(named, one)), time) for one in changed]
        self._emit_merged(made)

    def _put(self, named: Any, member: Any, value: Any) -> None:
        is_there = self._members.get((named, member)) is not None
        self._members.put((named, member), value)
        if value is not None and not is_there:
            self._naming.add(named, member)
        elif value is None and is_there:
            self._naming.remove(named, member)

    def _sides(self, named: Any, member: Any) -> tuple[Any, Any] | None:
        value = self._members.get((named, member))
        other = None if named is None else self._others.get(named)
        if value is None or (other is None and self._is_inner):
            return None
        return value, other


class ForeignResulting(Step):
    """`named`: by the row's key, [the name of what the row that counts was made with]."""

    def __init__(self, held: Held, named: Rows, following: Sequence[Operator]) -> None:
        super().__init__(following)
        self._held = held
        self._named = named

    def process(self, batch: Batch) -> None:
        self._held.add(batch)

    @property
    def waits(self) -> bool:
        return self._held.has_some

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
