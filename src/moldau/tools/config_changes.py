"""What kafka-configs is to add and to delete, as typed.

Apache Kafka: parseConfigsToBeAdded in kafka.admin.ConfigCommand, 4.3.1.
"""

from __future__ import annotations

import re

from moldau.tools.frame import load_properties, no_such_file
from moldau.tools.options import Parsed

# Not inside of square brackets.
_OUTSIDE = r"(?=[^\]]*(?:\[|$))"
_BETWEEN = re.compile("," + _OUTSIDE)
_EQUALS = re.compile(r"\s*=\s*" + _OUTSIDE)
_NAME = re.compile(r"[$a-zA-Z0-9._-]*")


class BadChange(ValueError):
    """What was typed cannot be read; the text is Apache's tool's."""


def changes_of(options: Parsed) -> tuple[dict[str, str], list[str]]:
    """The values to set, and the names to delete. Raises BadChange, KafkaError."""
    values: dict[str, str] = {}
    path = options.value("add-config-file")
    if path is not None:
        try:
            values.update(load_properties(path))
        except OSError as error:
            raise no_such_file(error) from None
    typed = options.value("add-config")
    if typed is not None:
        values.update(parse_pairs(typed))
    for name in values:
        if not _NAME.fullmatch(name):
            raise BadChange(f"Invalid character found for config key: {name}")
    return values, _names(options.values("delete-config"))


def parse_pairs(text: str) -> dict[str, str]:
    """`a=1,b=[2,3]`. Raises BadChange."""
    pairs = {}
    for word in _split(text):
        parts = _EQUALS.split(word)
        if len(parts) != 2:
            raise BadChange(
                "requirement failed: Invalid entity config: all configs to be added must be in the "
                'format "key=val" or  "key=[val1,val2]" to group values which contain commas.'
            )
        pairs[parts[0].strip()] = re.sub(r"[\[\]]", "", parts[1]).strip()
    return pairs


def _split(text: str) -> list[str]:
    words = _BETWEEN.split(text)
    while len(words) > 1 and not words[-1]:
        words.pop()
    return words


def _names(arguments: list[str]) -> list[str]:
    """Each argument may hold several names between commas."""
    names = []
    for argument in arguments:
        words = [word for word in argument.split(",") if word]
        names += words or [argument]
    return [name.strip() for name in names]
