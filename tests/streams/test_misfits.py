"""A program that no longer fits its state is told what differs, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.errors import StreamsError
from moldau.streams.misfits import refuse_misfits
from moldau.streams.shapes import shapes
from moldau.streams.topology import Stage, topology


class Sale(msgspec.Struct):
    category: str
    town: str
    amount: int


Verbs = Callable[[Any], Any]


def _stage(verbs: Verbs) -> Stage:
    app = moldau.App("shop")
    verbs(app.stream(app.topic("sales", Sale)))
    return topology(app.id, app.nodes).stages[-1]


def _refused(was: Verbs, now: Verbs) -> str:
    kept, stage = shapes(_stage(was)), _stage(now)
    with pytest.raises(StreamsError) as refused:
        refuse_misfits(stage, 0, kept, (1, 1))
    return str(refused.value)


def _agg(windowed: Verbs = lambda grouped: grouped.tumbling("1m"), **aggregates: Any) -> Verbs:
    aggregates = aggregates or {"n": moldau.count()}
    return lambda s: windowed(s.group_by("category")).agg(**aggregates)


def _by(field: str) -> Verbs:
    return lambda s: s.group_by(field).agg(n=moldau.count())


CHANGED: dict[str, tuple[Verbs, Verbs, str]] = {
    "size": (
        _agg(),
        _agg(lambda g: g.tumbling("90s")),
        "window was tumbling(1m) and is tumbling(1m 30s) now.",
    ),
    "kind of window": (
        _agg(lambda g: g.hopping("10m", "1m")),
        _agg(lambda g: g.calendar("day", "Europe/Prague")),
        "window was hopping(10m, 1m) and is calendar(day, Europe/Prague) now.",
    ),
    "no window": (
        _agg(),
        _by("category"),
        "window was tumbling(1m) and is not set now.",
    ),
    "aggregate": (
        _agg(n=moldau.top_k("amount", 3, of="town"), m=moldau.count()),
        _agg(n=moldau.top_k("amount", 5, of="town"), m=moldau.count()),
        "n was top_3(amount, town) and is top_5(amount, town) now.",
    ),
    "aggregates": (
        _agg(n=moldau.count(), old=moldau.min("amount")),
        _agg(n=moldau.count(), new=moldau.sum("amount")),
        "old = min(amount) is gone; new = sum(amount) is new.",
    ),
    "their order": (
        _agg(a=moldau.count(), b=moldau.sum("amount")),
        _agg(b=moldau.sum("amount"), a=moldau.count()),
        "the order of its aggregates was a, b and is b, a now.",
    ),
    "key": (_by("category"), _by("town"), "key was category and is town now."),
    "a table": (
        _by("category"),
        lambda s: _by("category")(s).filter(bool),
        "it was a table that nothing follows and is a table that others follow now.",
    ),
    "span": (
        lambda s: s.deduplicate("town", within="1h"),
        lambda s: s.deduplicate("town", within="2d"),
        "within was 1h and is 2d now.",
    ),
    "verb": (
        _agg(),
        lambda s: s.deduplicate("town", within="1h", name="agg-1"),
        "it was of another kind, aggregated, and is deduplicated now.",
    ),
}


@pytest.mark.parametrize("what", CHANGED)
def test_only_what_differs_is_said(what: str) -> None:
    was, now, said = CHANGED[what]
    text = _refused(was, now)
    step, _, rest = text.partition(" does not fit the state that it has: ")
    assert step in ("step 'agg-1'", "step 'deduplicate-2'")
    found, _, remedy = rest.partition(" Change that back")
    assert found == said
    assert "another name=" in remedy
    assert "moldau streams reset" in remedy
    assert "new id" in remedy


def test_a_step_that_was_renamed_is_found() -> None:
    text = _refused(
        _agg(), lambda s: s.group_by("category").tumbling("1m").agg(name="other", n=moldau.count())
    )
    assert "give step 'other', which fits it, name='agg-1'" in text


def test_nothing_is_said_of_what_fits() -> None:
    stage = _stage(_agg())
    refuse_misfits(stage, 0, shapes(stage), (1, 1))
