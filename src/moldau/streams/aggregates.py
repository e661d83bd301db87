"""Aggregates: how values of one key and window become one value.

An aggregate begins with `init()`, takes a value with `add(state, value)`, joins two states with
`merge` (sessions, tables) and ends with `result`. States are values, not shared: `add` returns the
next one. Where it can be, the step is also given as source text (`step`), so that the loop of a
task is compiled in one piece (engine/loop.py).

What depends on order goes by a record's place, not by when it came: its event time, then `by`, then
its partition and offset in the source (promise 7).
"""

from __future__ import annotations

from builtins import sum as sum_of
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from typing import Any

from moldau.streams import different, types
from moldau.streams.adding import refuse_no_number
from moldau.streams.comparing import compared_by, refuse_indistinct, refuse_unordered
from moldau.streams.engine.returning import Read, strict_reader
from moldau.streams.errors import DefinitionError
from moldau.streams.exact_float import ExactFloat
from moldau.streams.fields import Field, getter
from moldau.streams.folding import coming_back, made_by, refuse_uncallable

# Sums do not depend on the order of their numbers, so none is rounded: with 28 digits, as is usual,
# one of 20 before the point and 10 behind it would be. What has more digits than these fails.
_DECIMALS = Context(prec=5000, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[Inexact, InvalidOperation])
add_decimals = _DECIMALS.add


@dataclass(frozen=True)
class Aggregate:
    """`kind`: which, in what is kept. `field`: what is taken of a value (a pair: both); None: it is
    not looked at."""

    kind: str
    field: Field | tuple[Field, Field] | None
    init: Callable[[], Any]
    add: Callable[[Any, Any], Any]
    merge: Callable[[Any, Any], Any]
    result: Callable[[Any], Any]
    # Source of an expression for the next state, of `s` (the state) and `x` (what was taken).
    step: str | None = None
    # Likewise, of `s` and `xs`, what was taken of several records, in their order; there are `n`.
    many: str | None = None
    # Does `x` come with its place, as (place, value)?
    has_place: bool = False
    by: Field | None = None  # what decides between records of one time
    # The result's type, from that of the field.
    type_of: Callable[[Any], Any] = types.unknown
    # The state without what was taken of a row that a table has no more.
    remove: Callable[[Any, Any], Any] | None = None
    # Does `add` change the state that it is given? Then it must not fail: what it would fail at
    # is raised by `check`, which takes the same, before any state is changed.
    in_place: bool = False
    check: Callable[[Any, Any], None] | None = None
    # The type of its states, from that of what is taken (with its place: a pair).
    state_of: Callable[[Any], Any] = types.unknown
    # Of a state that has been kept, the state; None: as `state_of` says.
    kept: Read | None = None


Placed = tuple[tuple[Any, ...], Any]


def count() -> Aggregate:
    """How many records."""
    step, many, type_of = "s + 1", "s + n", types.always(int)
    return Aggregate(
        "count",
        None,
        int,
        lambda s, _: s + 1,
        lambda a, b: a + b,
        _same,
        step,
        many,
        type_of=type_of,
        remove=lambda s, _: s - 1,
    )


def sum(field: Field) -> Aggregate:
    """The sum: exact, and of floats rounded once; a Decimal or timedelta stays one."""
    step = "add_exactly(s, x)"
    return Aggregate(
        "sum",
        field,
        int,
        add_exactly,
        add_exactly,
        rounded_once,
        step,
        type_of=types.number,
        remove=without,
    )


def _same(state: Any) -> Any:
    return state


def add_exactly(state: Any, value: Any) -> Any:
    """The sum of two numbers, or of two such sums."""
    if type(value) is float:
        return _exact(state).plus(value)
    if type(state) is ExactFloat or type(value) is ExactFloat:
        total, more = _exact(state), _exact(value)
        others = tuple(map(int.__add__, total.others, more.others))
        return _plus(ExactFloat(total.parts, others), more.parts)  # type: ignore[arg-type]
    if type(value) is Decimal:
        return add_decimals(state, value)
    try:
        return state + value
    except TypeError:  # a sum begins with 0, which a timedelta cannot be added to
        for one, other in ((state, value), (value, state)):
            if type(one) is int and one == 0 and isinstance(other, timedelta):
                return other
        raise


def without(state: Any, value: Any) -> Any:
    """The sum without a number that is in it."""
    if type(value) is float:
        return _exact(state).plus(value, -1)
    if type(value) is Decimal:
        return _DECIMALS.subtract(state, value)
    return add_exactly(state, -value)


def _exact(number: Any) -> ExactFloat:
    """A whole number may have more digits than one float."""
    if type(number) is ExactFloat:
        return number
    if not isinstance(number, int):
        return ExactFloat().plus(float(number))
    parts = [float(number)]
    while rest := number - sum_of(map(int, parts)):
        parts.append(float(rest))
    return _plus(ExactFloat(), parts)


def _plus(total: ExactFloat, parts: Iterable[float]) -> ExactFloat:
    for part in parts:
        total = total.plus(part)
    return total


def rounded_once(state: Any) -> int | float | Decimal | timedelta:
    if type(state) is ExactFloat:
        return state.rounded()
    total: int | Decimal | timedelta = state
    return total


def min(field: Field) -> Aggregate:
    """The least; None of nothing. What is None does not count, nor NaN where there are numbers."""
    step = "s if x is None else x if s is None or x < s or s != s else s"
    many = "least(xs) if s is None else least(chain((s,), xs))"
    return _extreme("min", field, _least, step, many)


def max(field: Field) -> Aggregate:
    """The greatest; None of nothing. What is None does not count, nor NaN where there are
    numbers."""
    step = "s if x is None else x if s is None or x > s or s != s else s"
    many = "most(xs) if s is None else most(chain((s,), xs))"
    return _extreme("max", field, _most, step, many)


def _extreme(
    kind: str, field: Field, better: Callable[[Any, Any], Any], step: str, many: str
) -> Aggregate:
    return Aggregate(
        kind,
        compared_by(kind, field),
        _nothing,
        better,
        better,
        _same,
        step,
        many,
        type_of=types.same,
        state_of=types.optional,
    )


def _nothing() -> None:
    return None


def _least(state: Any, value: Any) -> Any:
    if state is None or value is None:
        return value if state is None else state
    return value if value < state or state != state else state


def _most(state: Any, value: Any) -> Any:
    if state is None or value is None:
        return value if state is None else state
    return value if value > state or state != state else state


def mean(field: Field) -> Aggregate:
    """The sum divided by the count, rounded once; None of nothing."""

    def add(state: tuple[Any, int], value: Any) -> tuple[Any, int]:
        return add_exactly(state[0], value), state[1] + 1

    def merge(a: tuple[Any, int], b: tuple[Any, int]) -> tuple[Any, int]:
        return add_exactly(a[0], b[0]), a[1] + b[1]

    def result(state: tuple[Any, int]) -> Any:
        return rounded_once(state[0]) / state[1] if state[1] else None

    def remove(state: tuple[Any, int], value: Any) -> tuple[Any, int]:
        return without(state[0], value), state[1] - 1

    return Aggregate(
        "mean", field, lambda: (0, 0), add, merge, result, type_of=types.quotient, remove=remove
    )


def first(field: Field, by: Field | None = None) -> Aggregate:
    """Of the earliest record; None of nothing."""
    step = "x if s is None or x[0] < s[0] else s"
    return _one_placed("first", field, _earlier, step, by)


def last(field: Field, by: Field | None = None) -> Aggregate:
    """Of the latest record; None of nothing."""
    step = "x if s is None or x[0] >= s[0] else s"
    return _one_placed("last", field, _later, step, by)


def _one_placed(
    kind: str, field: Field, better: Callable[[Any, Any], Any], step: str, by: Field | None
) -> Aggregate:
    return Aggregate(
        kind,
        field,
        _nothing,
        better,
        better,
        _placed,
        step,
        has_place=True,
        by=by,
        type_of=types.same,
        state_of=types.optional,
    )


def _earlier(state: Placed | None, value: Placed | None) -> Placed | None:
    if state is None or value is None:
        return value if state is None else state
    return value if value[0] < state[0] else state


def _later(state: Placed | None, value: Placed | None) -> Placed | None:
    if state is None or value is None:
        return value if state is None else state
    return value if value[0] >= state[0] else state


def _placed(state: Placed | None) -> Any:
    return None if state is None else state[1]


def collect(field: Field, by: Field | None = None) -> Aggregate:
    """A list of all, in the order of event time."""

    def result(state: list[Placed]) -> list[Any]:
        return [value for _, value in sorted(state, key=_place)]

    return Aggregate(
        "collect",
        field,
        list,
        _appended,
        _joined,
        result,
        has_place=True,
        by=by,
        type_of=types.list_of,
        in_place=True,
        state_of=types.list_of,
    )


def _place(one: Placed) -> Any:
    return one[0]


def _appended(state: list[Placed], value: Placed) -> list[Placed]:
    state.append(value)
    return state


def _joined(state: list[Any], other: list[Any]) -> list[Any]:
    return state + other


def top_k(field: Field, k: int, of: Field | None = None, by: Field | None = None) -> Aggregate:
    """The `k` greatest, the greatest first, of equals the earlier, and of those of one time the
    one that `by` puts first, and NaN last of all; with `of`, that field of the records that they
    stand in."""
    if not isinstance(k, int) or k < 1:
        raise DefinitionError(f"top_k: k={k!r} is no count of 1 or more, as in top_k('amount', 3)")

    def best(state: list[Any]) -> list[Any]:
        ordered = sorted(state, key=_place)
        numbers = [one for one in ordered if one[1][0] == one[1][0]]
        others = [one for one in ordered if one[1][0] != one[1][0]]
        return (sorted(numbers, key=lambda one: one[1][0], reverse=True) + others)[:k]

    def add(state: list[Any], value: Any) -> list[Any]:
        state.append(value)
        return state if len(state) < 4 * k + 16 else best(state)

    def check(state: list[Any], value: Any) -> None:
        number = value[1][0]
        _ = number < (state[0][1][0] if state else number)  # raises here what fails in `best`

    def result(state: list[Any]) -> list[Any]:
        return [shown for _, (_, shown) in best(state)]

    compared = compared_by("top_k", field)
    taken = (compared, compared if of is None else of)
    return Aggregate(
        f"top_{k}",
        taken,
        list,
        add,
        _joined,
        result,
        has_place=True,
        by=by,
        type_of=types.list_of,
        in_place=True,
        check=check,
        state_of=types.list_of,
    )


def distinct(field: Field) -> Aggregate:
    """The different values, in order; of equal ones, as 1 and 1.0, always the same one."""

    return Aggregate(
        "distinct",
        field,
        dict,
        different.noted,
        different.united,
        lambda state: in_order(different.forms(state)),
        type_of=types.list_of,
        in_place=True,
        check=different.check,
    )


def count_distinct(field: Field) -> Aggregate:
    """How many different values."""
    return Aggregate(
        "count_distinct",
        field,
        dict,
        different.noted,
        different.united,
        len,
        type_of=types.always(int),
        in_place=True,
        check=different.check,
    )


def in_order(values: Iterable[Any]) -> list[Any]:
    """An order that does not depend on that of the records. NaN, which is in none, comes last."""
    values = list(values)
    numbers = [value for value in values if value == value]
    if len(numbers) < len(values):
        return in_order(numbers) + [value for value in values if value != value]
    try:
        return sorted(values)
    except TypeError:  # of several types
        return sorted(values, key=lambda value: (type(value).__name__, repr(value)))


def fold(
    init: Callable[[], Any],
    add: Callable[[Any, Any], Any],
    merge: Callable[[Any, Any], Any] | None = None,
    result: Callable[[Any], Any] | None = None,
    remove: Callable[[Any, Any], Any] | None = None,
    type: Any = None,
) -> Aggregate:
    """Your own: `add(state, record)` returns the next state, `merge` joins two (sessions need
    it), `remove(state, row)` takes out a row that a table has no more. It must not depend on the
    order of the records, or be part of what is promised for any order. `type`: of the state, where
    `init` is neither that class nor annotated with it."""
    refuse_uncallable(init, add, merge=(merge, 2), result=(result, 1), remove=(remove, 2))
    type = made_by(init) if type is None else type
    kept = strict_reader(type, "fold")
    known = types.always(type if kept is not None and result is None else Any)
    merge = merge or _no_merge
    if type in (Any, dict, list, tuple):  # it may hold anything
        add, merge = coming_back(add), merge if merge is _no_merge else coming_back(merge)
    return Aggregate(
        "fold", _itself, init, add, merge, result or _same, type_of=known, remove=remove, kept=kept
    )


def _itself(value: Any) -> Any:
    return value


def _no_merge(_state: Any, _other: Any) -> Any:
    raise DefinitionError("fold: windows by session need merge=, a function that joins two states")


def refuse_unnamed(unnamed: Sequence[Any]) -> None:
    """Raises DefinitionError for aggregates without a name: what would they be called?"""
    if unnamed:
        raise DefinitionError(
            "agg: give each aggregate the name that it has in the result, as in "
            "agg(total=moldau.sum('amount'), orders=moldau.count())"
        )


def check(
    aggregates: Mapping[str, Any], type_: Any, there: Sequence[str], merges: bool = False
) -> None:
    """Can they be made of records of that type? `there`: what is in the result already. `merges`:
    their states are joined. Raises DefinitionError."""
    if not aggregates:
        raise DefinitionError("agg: name at least one aggregate, as in agg(total=sum('x'))")
    taken = sorted(set(there) & aggregates.keys())
    if taken:
        raise DefinitionError(f"agg: {', '.join(taken)} is in the result already")
    for name, one in aggregates.items():
        if not isinstance(one, Aggregate):
            raise DefinitionError(
                f"agg: {name}={one!r} is no aggregate; write it as in {name}=moldau.sum('x') or "
                f"{name}=moldau.count()"
            )
        if merges and one.merge is _no_merge:
            _no_merge(None, None)
        _check_fields(name, one, type_)


def _check_fields(name: str, one: Aggregate, type_: Any) -> None:
    first, *others = one.field if isinstance(one.field, tuple) else (one.field,)
    for field in (first, *others, one.by):
        if field is not None:
            getter(type_, field, "agg")
    if first is not None and (one.kind in ("min", "max") or one.kind.startswith("top_")):
        refuse_unordered(name, types.field_type(type_, first))
    if first is not None and one.kind in ("sum", "mean"):
        refuse_no_number(name, one.kind, types.field_type(type_, first))
    if first is not None and one.kind in ("distinct", "count_distinct"):
        refuse_indistinct(name, types.field_type(type_, first))
    if one.by is not None:
        refuse_unordered(f"{name}, by", types.field_type(type_, one.by))
