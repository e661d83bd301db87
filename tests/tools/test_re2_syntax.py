"""Which patterns RE2 takes. What is expected was answered by RE2/J 1.8, that of Kafka 4.3.1."""

from __future__ import annotations

import pytest

from moldau.tools.re2_syntax import re2_error

ANSWERS = r"""
[bad	missing closing ]
a(b	missing closing )
a)	regexp/syntax: internal error
*a	missing argument to repetition operator
a**	invalid nested repetition operator
a{2,1}	invalid repeat count
a{1001}	invalid repeat count
\	trailing backslash at end of expression
\q	invalid escape sequence
(?P<n	invalid named capture
(?<n>a)	OK
(?=a)	invalid or unsupported Perl syntax
[b-a]	invalid character class range
[[:foo:]]	invalid character class range
[[:alpha:]]	OK
\p{Foo}	invalid character class range
a++	invalid nested repetition operator
\1	invalid escape sequence
a{,2}	OK
x{1}{2}{3}	invalid nested repetition operator
(?P<n>a)(?P<n>b)	duplicate capture group name
a|*	missing argument to repetition operator
^*	OK
\Qa(b	OK
(?i)a	OK
\pN	OK
\Z	invalid escape sequence
\C	invalid escape sequence
(?:	missing closing )
(?P<>x)	invalid named capture
(?P<1a>x)	OK
[]	missing closing ]
[^]	missing closing ]
[\q]	invalid escape sequence
\x{110000}	invalid escape sequence
a.*|b+?	OK
orders-[0-9]{1,3}$	OK
"""


@pytest.mark.parametrize("row", ANSWERS.strip().split("\n"))
def test_as_re2j_says(row: str) -> None:
    pattern, answer = row.split("\t")
    assert re2_error(pattern) == (None if answer == "OK" else answer)
