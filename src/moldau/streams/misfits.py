"""A program that no longer fits the state that it finds is refused, and told what differs: the
step, its setting, from what to what (promise 11). Shapes: see `shapes.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from moldau.streams.durations import text_of
from moldau.streams.errors import StreamsError
from moldau.streams.shapes import depends_on_count, shapes, state_of
from moldau.streams.topology import Stage

_ANEW = "reset the program (moldau streams reset), or run it under a new id, App(...)"
# What settings are called that are not called as people write them.
_CALLED = {"label": "key", "is_ordered": "it", "keeps_no_key": "it"}
_FLAGS = {
    "is_ordered": ("a table that nothing follows", "a table that others follow"),
    "keeps_no_key": ("leaving out what has no key", "keeping what has no key"),
}
_SPANS = {"within", "history", "before", "after", "tolerance", "reach", "keeps"}  # in ms
_WINDOW = re.compile(r"(\w+)\((.*)\)")
_ZONE = re.compile(r"zoneinfo\.ZoneInfo\(key=('[^']*')\)")


def refuse_misfits(
    stage: Stage, partition: int, kept: Mapping[str, str], partitions: tuple[int, int]
) -> None:
    """`kept`: the shapes that the state was made with. `partitions`: how many the stage had then,
    and has now. Raises StreamsError."""
    then, now = partitions
    if then != now and (kept or depends_on_count(stage)):
        raise StreamsError(
            f"{stage.name}: its state was made from {then} partitions of {stage.topics[0]}, which "
            f"has {now} now, so keys lie elsewhere: reset the program (moldau streams reset)"
        )
    expected = shapes(stage)
    new = {name: shape for name, shape in expected.items() if name not in kept}
    for name, shape in kept.items():
        if name not in expected:
            raise StreamsError(
                f"partition {partition} keeps {_named(name)}, which the program no longer has: "
                f"{_its_name(name, shape, new)}, or {_ANEW}"
            )
        if shape != expected[name]:
            raise StreamsError(
                f"step {name!r} does not fit the state that it has: "
                f"{'; '.join(differences(shape, expected[name]))}. Change that back, give the step "
                f"another name= to begin anew there, {_ANEW}"
            )


def _its_name(name: str, shape: str, new: Mapping[str, str]) -> str:
    fitting = [other for other, its in new.items() if its == shape]
    if len(fitting) == 1 and not name.startswith(state_of("")):
        return f"give step {fitting[0]!r}, which fits it, name={name!r}"
    return "give it its name again"


def _named(name: str) -> str:
    state = name.removeprefix(state_of(""))
    return f"state of step {name!r}" if state == name else f"app.state({state!r})"


def differences(was: str, now: str) -> list[str]:
    """In words: of each setting that differs, from what to what."""
    (kind, before), (other, behind) = _read(was), _read(now)
    if kind != other:
        return [f"it was of another kind, {kind}, and is {other} now"]
    found: list[str] = []
    for name in {**before, **behind}:
        one, two = before.get(name, ""), behind.get(name, "")
        if one == two:
            continue
        if name == "aggregates":
            found += _of_aggregates(one, two)
        else:
            found.append(_changed(_CALLED.get(name, name), _told(name, one), _told(name, two)))
    return found


def _changed(what: str, one: str, two: str) -> str:
    return f"{what} was {one or 'not set'} and is {two or 'not set'} now"


def _of_aggregates(was: str, now: str) -> Iterator[str]:
    before, behind = _pairs(was), _pairs(now)
    for name in {**before, **behind}:
        one, two = before.get(name), behind.get(name)
        if one is None:
            yield f"{name} = {two} is new"
        elif two is None:
            yield f"{name} = {one} is gone"
        elif one != two:
            yield _changed(name, one, two)
    if before == behind:
        yield f"the order of its aggregates was {', '.join(before)} and is {', '.join(behind)} now"


def _pairs(text: str) -> dict[str, str]:
    halves = (one.partition(" = ") for one in _split(text, "; "))
    return {name: told for name, _, told in halves}


def _told(name: str, value: str) -> str:
    """As people write it."""
    if name in _FLAGS:
        return _FLAGS[name][value == "True"]
    if name in _SPANS and value.isdecimal():
        return text_of(int(value))
    window = _WINDOW.fullmatch(_ZONE.sub(r"\1", value)) if name == "window" else None
    if window is None:
        return value
    given = [one.partition("=")[2] for one in _split(window[2], ", ")]
    shown = [text_of(int(one)) if one.isdecimal() else one.strip("'") for one in given]
    return f"{window[1].lower()}({', '.join(shown)})"


def _read(shape: str) -> tuple[str, dict[str, str]]:
    """Its kind, and its settings."""
    kind, *settings = _split(shape, ", ")
    halves = (one.partition(" ") for one in settings)
    return kind, {name: value for name, _, value in halves}


def _split(text: str, by: str) -> list[str]:
    """Where that stands in no brackets."""
    parts, depth, begin, at = [], 0, 0, 0
    while at < len(text):
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if depth == 0 and text.startswith(by, at):
            parts.append(text[begin:at])
            begin = at = at + len(by)
        else:
            at += 1
    return [*parts, text[begin:]] if text else []
