"""Times as Java reads them; the expected numbers are from Java."""

from __future__ import annotations

import pytest

from moldau.tools.java_time import BadTime, parse_duration, parse_moment


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2023-11-14T22:13:23.000", 1_700_000_003_000),
        ("2023-11-14T22:13:23.000Z", 1_700_000_003_000),
        ("2023-11-14T23:13:23.500+01:00", 1_700_000_003_500),
        ("2023-11-14T17:13:23.000-0500", 1_700_000_003_000),
        ("2023-11-14T17:13:23.000-05", 1_700_000_003_000),
        ("2023-11-14T22:13:23.5", 1_700_000_003_005),
        ("1969-12-31T23:59:59.999", -1),
    ],
)
def test_moments(text: str, ms: int) -> None:
    assert parse_moment(text) == ms


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2023-11-14", "does not contain a 'T'"),
        ("2023-11-14T", "does not contain a 'T'"),
        ("2023-11-14T22:13:23", 'Unparseable date: "2023-11-14T22:13:23Z"'),
        ("2023-02-30T00:00:00.000", 'Unparseable date: "2023-02-30T00:00:00.000Z"'),
        ("2023-11-14T24:00:00.000", "Unparseable date"),
    ],
)
def test_what_is_no_moment(text: str, message: str) -> None:
    with pytest.raises(BadTime) as error:
        parse_moment(text)
    assert message in str(error.value)
    assert error.value.java_class == "java.text.ParseException"


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("PT1H", 3_600_000),
        ("P1DT2H3M4.5S", 93_784_500),
        ("pt0.001s", 1),
        ("-PT1S", -1000),
        ("PT-1.5S", -1500),
        ("P-1D", -86_400_000),
    ],
)
def test_durations(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize("text", ["1h", "P", "PT", "P1H", "P1DT", "", "PT1H2", "P1W"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadTime, match=r"^Text cannot be parsed to a Duration$"):
        parse_duration(text)
