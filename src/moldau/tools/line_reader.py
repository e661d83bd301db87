"""Lines of text made into records: headers, key and value by their separators.

Apache Kafka: org.apache.kafka.tools.LineMessageReader, 4.3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from moldau.tools.java_regex import compile_java

JAVA_NAME = "org.apache.kafka.tools.LineMessageReader"


class BadLine(Exception):
    """A line, or the configuration of the reader, cannot be used."""


class Line(NamedTuple):
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def _is_true(text: str) -> bool:
    return text.strip().lower() == "true"


class LineReader:
    """Reads as its properties say. Raises BadLine."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        self._parse_key = _is_true(properties.get("parse.key", "false"))
        self._parse_headers = _is_true(properties.get("parse.headers", "false"))
        self._ignore_errors = _is_true(properties.get("ignore.error", "false"))
        self._key_separator = properties.get("key.separator", "\t")
        self._delimiter = properties.get("headers.delimiter", "\t")
        self._separator = properties.get("headers.separator", ",")
        self._header_separator = properties.get("headers.key.separator", ":")
        self._null = properties.get("null.marker")
        self._number = 0
        self._check()
        self._splitter = compile_java(self._separator)

    def _check(self) -> None:
        named = {
            "headers.delimiter": self._delimiter,
            "headers.separator": self._separator,
            "headers.key.separator": self._header_separator,
        }
        pairs = [
            ("headers.delimiter", "headers.separator"),
            ("headers.delimiter", "headers.key.separator"),
            ("headers.separator", "headers.key.separator"),
        ]
        for one, other in pairs:
            if named[one] == named[other]:
                raise BadLine(f"{one} and {other} may not be equal")
        for name, text in {"key.separator": self._key_separator, **named}.items():
            if text == self._null:
                raise BadLine(f"null.marker and {name} may not be equal")

    def records(self, lines: Iterable[str]) -> Iterator[Line]:
        for line in lines:
            yield self.record(line.removesuffix("\n"))

    def record(self, line: str) -> Line:
        self._number += 1
        headers = self._part(self._parse_headers, line, 0, self._delimiter, "headers delimiter")
        start = 0 if headers is None else len(headers) + len(self._delimiter)
        key = self._part(self._parse_key, line, start, self._key_separator, "key separator")
        begin = start + (0 if key is None else len(key) + len(self._key_separator))
        listed = [] if headers is None or headers == self._null else self._headers(headers)
        return Line(self._bytes(key), self._bytes(line[begin:]), listed)

    def _bytes(self, text: str | None) -> bytes | None:
        return None if text is None or text == self._null else text.encode()

    def _part(self, wanted: bool, line: str, start: int, separator: str, name: str) -> str | None:
        if not wanted:
            return None
        end = line.find(separator, start)
        if end >= 0:
            return line[start:end]
        if self._ignore_errors:
            return None
        raise BadLine(f"No {name} found on line number {self._number}: '{line}'")

    def _headers(self, text: str) -> list[tuple[str, bytes | None]]:
        return [self._header(pair) for pair in java_split(self._splitter, text)]

    def _header(self, pair: str) -> tuple[str, bytes | None]:
        key, found, value = pair.partition(self._header_separator)
        if not found:
            if self._ignore_errors:
                return pair, None
            raise BadLine(
                f"No header key separator found in pair '{pair}' on line number {self._number}"
            )
        if key == self._null:
            raise BadLine(
                f"Header keys should not be equal to the null marker '{self._null}' "
                "as they can't be null"
            )
        return key, self._bytes(value)


def java_split(pattern: re.Pattern[str], text: str) -> list[str]:
    """Java's Pattern.split: no empty strings at the end, none before an empty match at the
    beginning, and the whole text when nothing matches."""
    parts: list[str] = []
    at = 0
    for found in pattern.finditer(text):
        if found.end() == 0:
            continue
        parts.append(text[at : found.start()])
        at = found.end()
    if not parts:
        return [text]
    parts.append(text[at:])
    while parts and not parts[-1]:
        parts.pop()
    return parts
