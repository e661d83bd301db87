"""Of a `fold`: can its functions be called as they will be, and what is its state? What comes back
after a restart must be that again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moldau.streams import types
from moldau.streams.callables import can_take, signature
from moldau.streams.engine.returning import strange_at_a_glance
from moldau.streams.errors import DefinitionError

_AS_IN = "fold(lambda: 0, lambda state, record: state + 1)"


def refuse_uncallable(init: Any, add: Any, **others: tuple[Any, int]) -> None:
    """`others`: each function that may be left out, and how many arguments it is given. Raises
    DefinitionError."""
    for one in (init, add):
        if not callable(one):
            raise DefinitionError(
                f"fold: {one!r} is no function: write it as in {_AS_IN}, or with a class that it "
                f"begins with"
            )
    if not _begins(init):
        is_turned = can_take(init, 2) and _begins(add)
        raise DefinitionError(
            f"fold: it begins with what the first function returns, which is called with nothing, "
            f"and cannot be with {_shown(init)} as its parameters"
            f"{': are the two the other way round?' if is_turned else ';'} "
            f"write it as in {_AS_IN}"
        )
    for name, (function, count) in {"add": (add, 2), **others}.items():
        if function is not None and not (callable(function) and can_take(function, count)):
            raise DefinitionError(
                f"fold: {name} is called with {_GIVEN[name]}, and cannot be with "
                f"{_shown(function)} as its parameters"
            )


_GIVEN = {
    "add": "state and record",
    "merge": "two states",
    "result": "the state",
    "remove": "state and row",
}


def _begins(init: Callable[..., Any]) -> bool:
    """Can it be called with nothing? Of what does not say, as int and max, by trying."""
    if signature(init) is not None:
        return can_take(init, 0)
    try:
        init()
    except TypeError:
        return False
    return True


def _shown(function: Any) -> str:
    found = signature(function) if callable(function) else None
    return str(getattr(function, "__name__", repr(function)) if found is None else found)


def made_by(init: Callable[[], Any]) -> Any:
    """The type of what it returns, as far as it is known."""
    return init if isinstance(init, type) else types.returned(init)


def coming_back(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Refuses a state that would be something else after a restart, before there is one."""

    def checked(state: Any, other: Any) -> Any:
        made = function(state, other)
        strange = strange_at_a_glance(made)
        if strange:
            raise TypeError(
                f"fold: after a restart its state would not be {strange}, but the fields or values "
                f"of it: say what it is, moldau.fold(…, type={strange})"
            )
        return made

    return checked
