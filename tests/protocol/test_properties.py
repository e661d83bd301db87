"""Java's .properties format; the expected values are what java.util.Properties made of them."""

import pytest

from moldau.protocol.properties import Property, as_mapping, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b", {"a": "b"}),
        ("a = b ", {"a": "b "}),
        ("a:b", {"a": "b"}),
        ("a b=c", {"a": "b=c"}),
        ("a", {"a": ""}),
        (" \t\fa\t=\t b", {"a": "b"}),
        ("a==b", {"a": "=b"}),
        ("a = : b", {"a": ": b"}),
        ("# a=b\n! c=d\ne=f#g", {"e": "f#g"}),
        ("a=1\r\nb=2\rc=3", {"a": "1", "b": "2", "c": "3"}),
        ("a=b\\\n   c", {"a": "bc"}),
        ("a=b\\\\\nc=d", {"a": "b\\", "c": "d"}),
        ("a=b\\\n#c", {"a": "b#c"}),
        ("\\\n#a\nb=c", {"b": "c"}),
        ("a\\=b\\:c\\ d=e", {"a=b:c d": "e"}),
        ("a=\\t\\n\\r\\f\\q\\\\", {"a": "\t\n\r\fq\\"}),
        ("a=\\u00e9\\u4E2D", {"a": "é中"}),
        ("a=\\ud83d\\ude00", {"a": "😀"}),
        ("a=ü", {"a": "ü"}),
        ("a=1\na=2", {"a": "2"}),
        ("\n\n", {}),
    ],
)
def test_it_reads_as_java_reads(text: str, expected: dict[str, str]) -> None:
    assert as_mapping(text) == expected


def test_lines_are_numbered_where_entries_begin() -> None:
    assert parse("# one\na=b\\\nc\n\nd=e") == [Property("a", "bc", 2), Property("d", "e", 5)]


@pytest.mark.parametrize("text", ["x=1\na=\\u12", "x=1\na=\\u12g4", "x=1\na=\\u+123"])
def test_a_broken_unicode_escape_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"line 2: \\u must be followed by four"):
        parse(text)
