"""Compiles the loop of a windowed aggregate: what is declared becomes one function over columns,
without a call for a count, a minimum or the reading of a field. Where many records of a batch are
of one key and window, another one takes them in together: then a sum is one call for all of them.

Its text is made of our own words and numbers only: what people name comes in as objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from itertools import chain
from typing import Any, get_type_hints

from moldau.streams import fields
from moldau.streams.aggregates import Aggregate, add_exactly
from moldau.streams.windows import Aligned, Calendar

Groups = dict[int, dict[Any, list[Any]]]
"""By the window's start, then by key: a state for each aggregate, and behind them the number of the
checkpoint in which they last changed."""

Changed = list[tuple[int, Any, list[Any]]]
Update = Callable[
    [
        Groups,
        Changed,
        int,
        int,
        Sequence[Any],
        Sequence[int],
        Sequence[int],
        Sequence[Any],
        Sequence[int],
        Sequence[int],
    ],
    list[int],
]

Together = Callable[[Groups, Changed, int, int, Mapping[Any, Sequence[Any]]], None]

_LOOP = """
def update(
    groups, changed, checkpoint, partition, keys, starts, floors, values, times, offsets
):
    late = []
    for {names} in zip({columns}):
        if {end} <= floor:
            late.append({index})
            continue
        if key is None:
            continue
        group = groups.get(start)
        if group is None:
            group = groups[start] = {{}}
        states = group.get(key)
        if states is None:
            states = group[key] = [{initial}, -1]
        {body}
        if states[{last}] != checkpoint:
            states[{last}] = checkpoint
            changed.append((start, key, states))
    return late
"""


_TOGETHER = """
def together(groups, changed, checkpoint, start, parts):
    group = groups.get(start)
    if group is None:
        group = groups[start] = {{}}
    for key, values in parts.items():
        states = group.get(key)
        if states is None:
            states = group[key] = [{initial}, -1]
        n = len(values)
        {body}
        if states[{last}] != checkpoint:
            states[{last}] = checkpoint
            changed.append((start, key, states))
"""


def compiled_together(aggregates: Mapping[str, Aggregate], type_: Any) -> Together | None:
    """`together(groups, changed, checkpoint, start, parts)` takes in what is of one window and not
    late: values by their key. None where an aggregate asks for the places of records."""
    if any(one.has_place for one in aggregates.values()):
        return None
    names: dict[str, Any] = {"chain": chain, "least": min, "most": max, "total": sum}
    names |= {"reduce": reduce, "add_exactly": add_exactly}
    body = []
    for number, aggregate in enumerate(aggregates.values()):
        names[f"init{number}"], names[f"add{number}"] = aggregate.init, aggregate.add
        many = aggregate.many or f"reduce(add{number}, xs, s)"
        if _is_exact(aggregate, type_):
            many = "total(xs, s)"
        if aggregate.field is not None:
            names[f"get{number}"] = taker(aggregate, type_)
            body.append(f"xs = map(get{number}, values)")
        body += [f"s = states[{number}]", f"states[{number}] = {many}"]
    text = _TOGETHER.format(
        initial=_initial(aggregates), last=len(aggregates), body="\n        ".join(body)
    )
    exec(compile(text, f"<loop of {', '.join(aggregates)}>", "exec"), names)
    together: Together = names["together"]
    return together


def _initial(aggregates: Mapping[str, Aggregate]) -> str:
    return ", ".join(f"init{number}()" for number in range(len(aggregates)))


def _is_exact(aggregate: Aggregate, type_: Any) -> bool:
    """Is it a sum of what is exact as it is?"""
    return aggregate.add is add_exactly and _declared(type_, aggregate.field) in (int, Decimal)


def compiled(aggregates: Mapping[str, Aggregate], type_: Any, window: Aligned) -> Update:
    """`update(groups, changed, checkpoint, partition, keys, starts, floors, values, times,
    offsets)` takes a batch in, and returns which of its records were late."""
    names: dict[str, Any] = {"add_exactly": add_exactly}
    body = [
        line
        for number, aggregate in enumerate(aggregates.values())
        for line in _lines(number, aggregate, type_, names)
    ]
    columns = ["key", "start", "floor", "value"]
    if any(one.has_place for one in aggregates.values()):
        columns += ["time", "offset"]
    names["end_of"] = window.end
    text = _LOOP.format(
        names=", ".join(["number", *columns]),
        columns=", ".join(["range(len(keys))", *(f"{column}s" for column in columns)]),
        end="end_of(start)" if isinstance(window, Calendar) else f"start + {window.size}",
        index="number",
        initial=_initial(aggregates),
        last=len(aggregates),
        body="\n        ".join(body),
    )
    exec(compile(text, f"<loop of {', '.join(aggregates)}>", "exec"), names)
    update: Update = names["update"]
    return update


def _lines(number: int, aggregate: Aggregate, type_: Any, names: dict[str, Any]) -> list[str]:
    names[f"init{number}"], names[f"add{number}"] = aggregate.init, aggregate.add
    lines = []
    if aggregate.field is not None:
        names[f"get{number}"] = taker(aggregate, type_)
        lines.append(f"x = get{number}(value)")
    if aggregate.has_place:
        place = "time, partition, offset"
        if aggregate.by is not None:
            names[f"by{number}"] = fields.getter(type_, aggregate.by, "by")
            place = f"time, by{number}(value), partition, offset"
        lines.append(f"x = (({place}), x)")
    step = aggregate.step
    if step is None:
        taken = "None" if aggregate.field is None else "x"
        return [*lines, f"states[{number}] = add{number}(states[{number}], {taken})"]
    if _is_exact(aggregate, type_):
        step = "s + x"
    return [*lines, f"s = states[{number}]", f"states[{number}] = {step}"]


def taker(aggregate: Aggregate, type_: Any) -> fields.Getter:
    """Reads what an aggregate takes of a value. Raises DefinitionError."""
    if isinstance(aggregate.field, tuple):
        one, other = (fields.getter(type_, field, "agg") for field in aggregate.field)
        return lambda value: (one(value), other(value))
    assert aggregate.field is not None
    return fields.getter(type_, aggregate.field, "agg")


def _declared(type_: Any, field: Any) -> Any:
    """The type that the field is declared with, or None."""
    if not isinstance(field, str) or fields.names_of(type_) is None:
        return None
    try:
        return get_type_hints(type_).get(field)
    except Exception:  # an annotation that cannot be resolved here
        return None
