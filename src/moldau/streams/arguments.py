"""What people give to the verbs, looked at when the program is defined."""

from __future__ import annotations

import re
from typing import Any

from moldau.streams.errors import DefinitionError
from moldau.streams.program import Topic

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")


def legal(name: Any, what: str) -> str:
    """The name of a topic, or of what topics are named after. Raises DefinitionError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in (".", ".."):
        raise DefinitionError(
            f"{what} {name!r} can be no topic's name: letters (a-z), digits, '.', '_' and '-', at "
            f"most 249"
        )
    return name


def topic_of(given: Any, verb: str) -> Topic:
    """Raises DefinitionError."""
    if isinstance(given, Topic):
        return given
    hint = repr(given) if isinstance(given, str) else "'orders'"
    raise DefinitionError(
        f"{verb}: {_shown(given)} is no topic; declare it and give that, as in "
        f"app.topic({hint}, Order)"
    )


def no_stream(given: Any, verb: str) -> DefinitionError:
    """What is wrong with it where a stream is wanted."""
    if isinstance(given, Topic):
        return DefinitionError(
            f"{verb}: {given.name!r} is a topic; give its records, app.stream(topic), or its rows, "
            f"app.table(topic)"
        )
    if hasattr(given, "stream"):  # a table
        return DefinitionError(
            f"{verb}: a table is given where a stream is wanted: its changes are table.stream()"
        )
    return DefinitionError(f"{verb}: {_shown(given)} is no stream, as app.stream(topic) is")


def _shown(given: Any) -> str:
    return repr(given) if isinstance(given, str) else f"a {type(given).__name__}"
