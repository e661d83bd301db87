"""Compiles the loop of a windowed aggregate: what is declared becomes one function over columns,
without a call for a count, a minimum or the reading of a field. Where many records of a batch are
of one key and window, another one takes them in together: then a sum is one call for all of them.

Its text is made of our own words and numbers only: what people name comes in as objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from itertools import chain
from typing import Any, get_type_hints

from moldau.streams import fields
from moldau.streams.aggregates import Aggregate, add_decimals, add_exactly
from moldau.streams.windows import Aligned, Calendar

Groups = dict[int, dict[Any, list[Any]]]
"""By the window's start, then by key: a state for each aggregate, and behind them the number of the
checkpoint in which they last changed."""

Changed = list[tuple[int, Any, list[Any]]]
Update = Callable[
    [
        Groups,
        Changed,
        list[int],
        int,
        int,
        Sequence[Any],
        Sequence[int],
        Sequence[int],
        Sequence[Any],
        Sequence[int],
        Sequence[int],
    ],
    None,
]


Together = Callable[
    [Groups, Changed, int, Mapping[int, Mapping[Any, Sequence[Any]]]],
    None,
]


class FailedAt(Exception):
    """Of a batch, the record at that place; all before it are done. Raised from what it failed
    with."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def reason(self) -> Exception:
        assert isinstance(self.__cause__, Exception)
        return self.__cause__


_LOOP = """
def update(
    groups, changed, late, checkpoint, partition, keys, starts, floors, values, times, offsets
):
    number = 0
    try:
        for {names} in zip({columns}):
            if {end} <= floor:
                late.append(number)
                continue
            if key is None:
                continue
            {takes}
            group = groups.get(start)
            if group is None:
                group = groups[start] = {{}}
            states = group.get(key)
            if states is None:
                states = [{initial}, -1]
            {adds}
            if states[{last}] != checkpoint:
                states[{last}] = checkpoint
                group[key] = states
                changed.append((start, key, states))
    except Exception as error:
        raise FailedAt(number) from error
"""


_TOGETHER = """
def together(groups, changed, checkpoint, parts):
    made = []
    for start, by_key in parts.items():
        group = groups.get(start)
        if group is None:
            group = groups[start] = {{}}
        for key, values in by_key.items():
            states = group.get(key)
            if states is None:
                states = [{initial}, -1]
            n = len(values)
            {body}
            made.append((start, group, key, states, ({new},)))
    for start, group, key, states, new in made:
        states[:-1] = new
        if states[{last}] != checkpoint:
            states[{last}] = checkpoint
            group[key] = states
            changed.append((start, key, states))
"""


def compiled_together(aggregates: Mapping[str, Aggregate], type_: Any) -> Together | None:
    """`together(groups, changed, checkpoint, parts)` takes in what is not late: values by window
    and key. Where it raises, nothing has changed. None where an aggregate asks for the places of
    records, or changes its state in place."""
    each = list(aggregates.values())
    if any(one.has_place or one.in_place or one.kind == "fold" for one in each):
        return None
    names: dict[str, Any] = {"chain": chain, "least": _least, "most": _most, "total": sum}
    names |= {"reduce": reduce, "add_exactly": add_exactly, "add_decimals": add_decimals}
    body = []
    for number, aggregate in enumerate(each):
        names[f"init{number}"], names[f"add{number}"] = aggregate.init, aggregate.add
        many = aggregate.many or f"reduce(add{number}, xs, s)"
        if _summed(aggregate, type_) is int:
            many = "total(xs, s)"
        elif _summed(aggregate, type_) is Decimal:
            many = "reduce(add_decimals, xs, s)"
        if aggregate.field is not None:
            names[f"get{number}"] = taker(aggregate, type_)
            body.append(f"xs = map(get{number}, values)")
        body += [f"s = states[{number}]", f"new{number} = {many}"]
    text = _TOGETHER.format(
        initial=_initial(aggregates),
        last=len(aggregates),
        body=("\n" + " " * 12).join(body),
        new=", ".join(f"new{number}" for number in range(len(each))),
    )
    exec(compile(text, f"<loop of {', '.join(aggregates)}>", "exec"), names)
    together: Together = names["together"]
    return together


def _least(values: Iterable[Any]) -> Any:
    return _of_numbers(min, values)


def _most(values: Iterable[Any]) -> Any:
    return _of_numbers(max, values)


def _of_numbers(function: Any, values: Iterable[Any]) -> Any:
    """NaN is less than nothing and greater than nothing, so it stays only where it comes first."""
    values = list(values)
    found = function(values)
    if found != found:
        found = function((one for one in values if one == one), default=found)
    return found


def _initial(aggregates: Mapping[str, Aggregate]) -> str:
    return ", ".join(f"init{number}()" for number in range(len(aggregates)))


def _summed(aggregate: Aggregate, type_: Any) -> Any:
    """Of what it is a sum, as far as that is declared."""
    return _declared(type_, aggregate.field) if aggregate.add is add_exactly else None


def compiled(aggregates: Mapping[str, Aggregate], type_: Any, window: Aligned) -> Update:
    """`update(groups, changed, late, checkpoint, partition, keys, starts, floors, values, times,
    offsets)` takes a batch in; `late` gets the places of its records that were late. Raises
    FailedAt: that record counts nowhere, all before it do."""
    names: dict[str, Any] = {"add_exactly": add_exactly, "add_decimals": add_decimals}
    names["FailedAt"] = FailedAt
    order = safest_first(list(aggregates.values()))
    takes = [line for number, one in order for line in _takes(number, one, type_, names)]
    adds = [line for number, one in order for line in _checks(number, one, names)]
    adds += [line for number, one in order for line in _adds(number, one, type_, names)]
    adds += [f"states[{number}] = new{number}" for number, _ in order]
    columns = ["key", "start", "floor", "value"]
    if any(one.has_place for one in aggregates.values()):
        columns += ["time", "offset"]
    names["end_of"] = window.end
    indent = "\n" + " " * 12
    text = _LOOP.format(
        names=", ".join(["number", *columns]),
        columns=", ".join(["range(len(keys))", *(f"{column}s" for column in columns)]),
        end="end_of(start)" if isinstance(window, Calendar) else f"start + {window.size}",
        takes=indent.join(takes) or "pass",
        adds=indent.join(adds),
        initial=_initial(aggregates),
        last=len(aggregates),
    )
    exec(compile(text, f"<loop of {', '.join(aggregates)}>", "exec"), names)
    update: Update = names["update"]
    return update


def safest_first(aggregates: Sequence[Aggregate]) -> list[tuple[int, Aggregate]]:
    """With their places, in an order in which nothing fails behind one that has changed its state:
    a record counts in all of them, or in none."""
    return sorted(enumerate(aggregates), key=lambda one: (one[1].in_place, one[1].kind == "fold"))


def _takes(number: int, aggregate: Aggregate, type_: Any, names: dict[str, Any]) -> list[str]:
    """What is taken of the value."""
    if aggregate.field is None:
        return []
    names[f"get{number}"] = taker(aggregate, type_)
    if not aggregate.has_place:
        return [f"x{number} = get{number}(value)"]
    place = "time, partition, offset"
    if aggregate.by is not None:
        names[f"by{number}"] = fields.getter(type_, aggregate.by, "by")
        place = f"time, by{number}(value), partition, offset"
    return [f"x{number} = (({place}), get{number}(value))"]


def _checks(number: int, aggregate: Aggregate, names: dict[str, Any]) -> list[str]:
    if aggregate.check is None:
        return []
    names[f"check{number}"] = aggregate.check
    return [f"check{number}(states[{number}], x{number})"]


def _adds(number: int, aggregate: Aggregate, type_: Any, names: dict[str, Any]) -> list[str]:
    """The next state, beside the present one."""
    names[f"init{number}"], names[f"add{number}"] = aggregate.init, aggregate.add
    step = aggregate.step
    if step is None:
        taken = "None" if aggregate.field is None else f"x{number}"
        return [f"new{number} = add{number}(states[{number}], {taken})"]
    if _summed(aggregate, type_) is int:
        step = "s + x"
    elif _summed(aggregate, type_) is Decimal:
        step = "add_decimals(s, x)"
    step = re.sub(r"\bx\b", f"x{number}", step)
    return [f"s = states[{number}]", f"new{number} = {step}"]


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
