"""Places in a log and values of configs, as people write them."""

from __future__ import annotations

import pytest

from moldau.tools.cli_frame import Failure
from moldau.tools.cli_values import plain
from moldau.tools.cli_where import Where, parse_length, parse_where

NOW = 1_700_000_000_000


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("earliest", Where("earliest")),
        ("start", Where("earliest")),
        ("latest", Where("latest")),
        ("42", Where("offset", 42)),
        ("-5", Where("end", 5)),
        ("+5", Where("begin", 5)),
        ("@1700000000001", Where("time", NOW + 1)),
        ("@-1h", Where("time", NOW - 3_600_000)),
        ("@-PT1H", Where("time", NOW - 3_600_000)),
        ("@2023-11-14T22:13:20", Where("time", NOW)),
        ("@2023-11-14T23:13:20+01:00", Where("time", NOW)),
        ("2023-11-14T22:13:20.000Z", Where("time", NOW)),
        ("@2023-11-14", Where("time", NOW - 80_000_000)),
    ],
)
def test_a_place_is_read(text: str, where: Where) -> None:
    assert parse_where(text, lambda: NOW) == where


@pytest.mark.parametrize("text", ["", "yesterday", "@", "@soon", "@-5", "--5", "9" * 20, "1.5"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(Failure):
        parse_where(text, lambda: NOW)


def test_lengths_of_time_add_up() -> None:
    assert parse_length("1d12h30m5s20ms") == (36 * 3600 + 30 * 60 + 5) * 1000 + 20
    for text in ("", "5", "d", "5x", "-1h", "1h "):
        with pytest.raises(ValueError):
            parse_length(text)


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("retention.ms", "7d", "604800000"),
        ("retention.ms", "-1", "-1"),
        ("retention.ms", "soon", "soon"),  # the broker says what is wrong with it
        ("segment.bytes", "1GB", "1073741824"),
        ("segment.bytes", "1.5 KiB", "1536"),
        ("segment.bytes", "100", "100"),
        ("producer_byte_rate", "2M", "2097152"),
        ("client.rack", "7d", "7d"),
    ],
)
def test_values_are_made_plain(name: str, value: str, number: str) -> None:
    assert plain(name, value) == number
