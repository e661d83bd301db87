"""What is written of a column."""

from __future__ import annotations

from typing import Any

import pytest

from moldau.streams.engine.columns import encoded_keys
from moldau.streams.engine.keys import typed
from moldau.streams.formats.basic import Json, Key


@pytest.mark.parametrize(
    ("keys", "written"),
    [
        (["a", "ä"], [b"a", "ä".encode()]),
        (["a", None], [b"a", None]),
        ([typed(1.0), typed(True), 1, "1"], [b"1.0", b"true", b"1", b"1"]),
        ([None, None], [None, None]),
        ([], []),
    ],
)
def test_keys_are_written_as_each_of_them_is(keys: list[Any], written: list[Any]) -> None:
    assert encoded_keys(Key(), keys) == written


def test_keys_of_another_format_are_written_by_it() -> None:
    assert encoded_keys(Json(), ["a", None]) == [b'"a"', None]
