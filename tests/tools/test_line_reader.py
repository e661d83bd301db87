"""Lines made into records, as Apache Kafka's LineMessageReader makes them."""

from __future__ import annotations

import pytest

from moldau.tools.line_reader import BadLine, Line, LineReader

BOTH = {"parse.key": "true", "parse.headers": "True "}


@pytest.mark.parametrize(
    ("properties", "line", "record"),
    [
        ({}, "a\tb", Line(None, b"a\tb", [])),
        ({"parse.key": "true"}, "a\tb\tc", Line(b"a", b"b\tc", [])),
        ({"parse.key": "true", "key.separator": "::"}, "a::b", Line(b"a", b"b", [])),
        (BOTH, "h:1,i:\tk\tv", Line(b"k", b"v", [("h", b"1"), ("i", b"")])),
        ({**BOTH, "null.marker": "N"}, "N\tN\tN", Line(None, None, [])),
        ({**BOTH, "null.marker": "N"}, "h:N\tk\tv", Line(b"k", b"v", [("h", None)])),
        ({"parse.key": "true", "ignore.error": "true"}, "nokey", Line(None, b"nokey", [])),
        ({**BOTH, "ignore.error": "true"}, "h\tk\tv", Line(b"k", b"v", [("h", None)])),
        # headers.separator is a regular expression: here all is separator, and no header left.
        ({"parse.headers": "true", "headers.separator": "."}, "a\tv", Line(None, b"v", [])),
        (
            {"parse.headers": "true", "headers.separator": "[;|]"},
            "a:1;b:2|\tv",
            Line(None, b"v", [("a", b"1"), ("b", b"2")]),
        ),
    ],
)
def test_a_line(properties: dict[str, str], line: str, record: Line) -> None:
    assert LineReader(properties).record(line) == record


@pytest.mark.parametrize(
    ("properties", "line", "message"),
    [
        ({"parse.key": "true"}, "x", "No key separator found on line number 1: 'x'"),
        ({"parse.headers": "true"}, "x", "No headers delimiter found on line number 1: 'x'"),
        (
            {"parse.headers": "true"},
            "x\ty",
            "No header key separator found in pair 'x' on line number 1",
        ),
        (
            {"parse.headers": "true", "null.marker": "N"},
            "N:1\ty",
            "Header keys should not be equal to the null marker 'N' as they can't be null",
        ),
    ],
)
def test_a_bad_line(properties: dict[str, str], line: str, message: str) -> None:
    with pytest.raises(BadLine) as error:
        LineReader(properties).record(line)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"headers.delimiter": ","}, "headers.delimiter and headers.separator may not be equal"),
        ({"null.marker": "\t"}, "null.marker and key.separator may not be equal"),
        ({"null.marker": ":"}, "null.marker and headers.key.separator may not be equal"),
    ],
)
def test_separators_that_cannot_be_told_apart(properties: dict[str, str], message: str) -> None:
    with pytest.raises(BadLine, match=message):
        LineReader(properties)
