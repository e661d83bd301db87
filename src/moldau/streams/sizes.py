"""Sizes as people write them: "256MB", "1.5GB". Inside they are bytes."""

from __future__ import annotations

import re

from moldau.streams.errors import DefinitionError

Size = str | int
_UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?B?)\s*", re.IGNORECASE)


def size(value: Size, what: str) -> int:
    """Bytes, of a number of them or a text. Raises DefinitionError; `what` names the argument in
    its text."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    unit = None if found is None else _UNITS.get(found[2].upper())
    if found is None or unit is None:
        raise DefinitionError(
            f"{what}={value!r} is no size: write it with its unit, as in '64MB', '1.5GB'"
        )
    return int(float(found[1]) * unit)
