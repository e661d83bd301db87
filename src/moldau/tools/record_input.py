"""What `moldau produce` reads: lines, whole files, or JSON as `moldau consume --json` prints it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from moldau.tools.cli_frame import Failure
from moldau.tools.record_text import from_json

Headers = list[tuple[str, bytes | None]]


class Outgoing(NamedTuple):
    """`size` is how many bytes of the input it took; what is None is not said."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int | None
    partition: int | None
    size: int


class Lines(NamedTuple):
    """How a line is cut: headers (`a=1,b=2`) before `headers_end`, a key before `key_end`; the
    text `null` stands for nothing."""

    headers_end: str | None
    key_end: str | None
    null: str | None

    def read(self, line: bytes, number: int) -> Outgoing:
        """Raises Failure."""
        rest, key = line, None
        headers: Headers = []
        if self.headers_end:
            text, rest = self._cut(rest, self.headers_end, number)
            words = text.decode(errors="replace").split(",")
            headers += [named_header(word) for word in words if word]
        if self.key_end:
            key, rest = self._cut(rest, self.key_end, number)
        return Outgoing(self._data(key), self._data(rest), headers, None, None, len(line) + 1)

    def _cut(self, line: bytes, separator: str, number: int) -> tuple[bytes, bytes]:
        before, found, behind = line.partition(separator.encode())
        if not found:
            raise Failure(f"Line {number} has no {separator!r}: {_shown(line)}.")
        return before, behind

    def _data(self, data: bytes | None) -> bytes | None:
        is_null = data is not None and self.null is not None and data == self.null.encode()
        return None if is_null else data


def named_header(word: str) -> tuple[str, bytes]:
    """Raises Failure."""
    name, equals, value = word.partition("=")
    if not equals:
        raise Failure(f"Header {word!r}: write it as NAME=VALUE.")
    return name, value.encode()


def read_lines(paths: Sequence[str], how: Lines) -> Iterator[Outgoing]:
    for number, line in enumerate(_lines(paths), 1):
        yield how.read(line, number)


def read_json(paths: Sequence[str]) -> Iterator[Outgoing]:
    for number, line in enumerate(_lines(paths), 1):
        if line.strip():
            yield _of_json(line, number)


def read_whole(paths: Sequence[str]) -> Iterator[Outgoing]:
    """Each file is the value of one record, and stdin too."""
    if not paths:
        content = _stdin().read()
        yield Outgoing(None, content, [], None, None, len(content))
    for path in paths:
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError as error:
            raise _unreadable(error) from None
        yield Outgoing(None, content, [], None, None, len(content))


def _lines(paths: Sequence[str]) -> Iterator[bytes]:
    if not paths:
        yield from (line.rstrip(b"\r\n") for line in _stdin())
    for path in paths:
        try:
            with open(path, "rb") as file:
                yield from (line.rstrip(b"\r\n") for line in file)
        except OSError as error:
            raise _unreadable(error) from None


def _stdin() -> BinaryIO:
    """Raises Failure where the shell has closed it."""
    if sys.stdin is None:
        raise Failure("There is no stdin; name files to read.")
    return sys.stdin.buffer


def _unreadable(error: OSError) -> Failure:
    return Failure(f"{error.filename}: {error.strerror}. Check the path.")


def _of_json(line: bytes, number: int) -> Outgoing:
    try:
        found = json.loads(line)
        if not isinstance(found, dict):
            raise ValueError("it is no object")
        headers = [(str(name), from_json(value)) for name, value in found.get("headers") or []]
        return Outgoing(
            from_json(found.get("key")),
            from_json(found.get("value")),
            headers,
            _number(found, "timestamp"),
            _number(found, "partition"),
            len(line) + 1,
        )
    except (ValueError, TypeError) as error:
        raise Failure(
            f"Line {number} is no record as `moldau consume --json` prints it ({error}): "
            f"{_shown(line)}."
        ) from None


def _number(found: dict[str, object], name: str) -> int | None:
    value = found.get(name)
    if value is not None and not isinstance(value, int):
        raise ValueError(f"{name} is no number")
    return value


def _shown(line: bytes) -> str:
    text = line.decode(errors="replace")
    return repr(text if len(text) <= 60 else text[:57] + "…")
