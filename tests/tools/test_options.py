"""The command line as jopt-simple reads it."""

from __future__ import annotations

import pytest

from moldau.tools.options import BadOption, Option, Parsed, Parser, UnavailableOption

PARSER = Parser(
    Option("list", "Lists."),
    Option("describe", "Describes."),
    Option("topic", "A topic.", "String", "topic"),
    Option("partitions", "How many.", "Integer", "# of partitions"),
    Option("timeout", "How long.", "Long", "ms", "30000"),
    Option("state", "A state.", "String", optional=True, only_with=("describe", "list")),
)


def parse(*words: str) -> Parsed:
    return PARSER.parse(list(words))


def test_a_value_follows_or_stands_behind_an_equals_sign() -> None:
    assert parse("--topic", "a").value("topic") == "a"
    assert parse("--topic=a=b").value("topic") == "a=b"
    assert parse("--topic=").value("topic") == ""


def test_a_required_value_may_look_like_an_option() -> None:
    options = parse("--topic", "--list")
    assert options.value("topic") == "--list"
    assert not options.has("list")


def test_an_optional_value_may_not() -> None:
    options = parse("--state", "--list")
    assert options.has("state")
    assert options.value("state") is None
    assert options.has("list")
    assert parse("--list", "--state", "Stable").value("state") == "Stable"


def test_one_dash_is_enough_for_a_known_name_and_names_the_letter_of_others() -> None:
    assert parse("-list").has("list")
    with pytest.raises(BadOption, match=r"^x is not a recognized option$"):
        parse("-xyz")


def test_names_are_never_abbreviated() -> None:
    with pytest.raises(BadOption, match=r"^top is not a recognized option$"):
        parse("--top", "a")


def test_other_words_are_passed_over_and_two_dashes_end_the_options() -> None:
    assert not parse("extra", "-", "--", "--list").has("list")


def test_several_values_are_kept_but_not_for_one() -> None:
    options = parse("--topic", "a", "--topic", "b")
    assert options.values("topic") == ["a", "b"]
    with pytest.raises(BadOption, match="Found multiple arguments for option topic, but you asked"):
        options.value("topic")


def test_a_default_counts_as_a_value_but_not_as_given() -> None:
    options = parse()
    assert options.number("timeout") == 30000
    assert not options.has("timeout")


@pytest.mark.parametrize("text", ["many", "1_000", " 1", "", "1.5", "2147483648", "-2147483649"])
def test_what_is_no_integer(text: str) -> None:
    message = f"Cannot parse argument '{text}' of option partitions"
    with pytest.raises(BadOption) as error:
        parse("--partitions", text).number("partitions")
    assert str(error.value) == message


@pytest.mark.parametrize(("text", "number"), [("+5", 5), ("-2147483648", -(2**31)), ("007", 7)])
def test_what_is_one(text: str, number: int) -> None:
    assert parse("--partitions", text).number("partitions") == number


def test_a_missing_value() -> None:
    with pytest.raises(BadOption, match=r"^Option topic requires an argument$"):
        parse("--topic")


def test_an_option_that_goes_only_with_others() -> None:
    with pytest.raises(UnavailableOption, match=r"Option\(s\) \[state\] are unavailable given"):
        parse("--state")
    assert parse("--state", "--help").has("help")


def test_the_usage_names_every_option_within_80_columns() -> None:
    usage = PARSER.usage()
    for option in PARSER.options.values():
        assert f"--{option.name}" in usage
    assert max(map(len, usage.splitlines())) <= 80
    assert "--state [String]" in usage
    assert "(default: 30000)" in usage
