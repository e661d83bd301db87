"""Of a `fold`, what its state is: what comes back after a restart must be that again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moldau.streams import types
from moldau.streams.engine.returning import strange_at_a_glance


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
