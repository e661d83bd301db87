"""Configs as people write them: `NAME=VALUE`, with 7d for milliseconds and 1GB for bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from moldau.tools.cli_frame import Failure
from moldau.tools.cli_where import parse_length

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])i?B?", re.ASCII | re.IGNORECASE)
_SIZES = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def named_values(words: Iterable[str]) -> dict[str, str]:
    """Raises Failure for a word that is not NAME=VALUE."""
    values = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise Failure(f"{word!r}: write it as NAME=VALUE.")
        values[name] = plain(name, value)
    return values


def plain(name: str, value: str) -> str:
    """The number that Kafka wants: `retention.ms=7d` is 604800000, `segment.bytes=1GB` 1073741824.
    What is neither is left to the broker."""
    if name.endswith(".ms"):
        try:
            return str(parse_length(value))
        except ValueError:
            return value
    size = _SIZE.fullmatch(value)
    if size is not None and name.endswith((".bytes", "_byte_rate")):
        return str(int(float(size[1]) * _SIZES[size[2].upper()]))
    return value
