"""What argparse4j does that Python's argparse does not; stories show whole tools."""

from __future__ import annotations

import pytest

from moldau.tools.argparse4j import (
    APPEND,
    STORE_TRUE,
    Argument,
    BadArguments,
    Command,
    HelpWanted,
    OneOf,
    Parser,
)
from moldau.tools.argparse4j_help import usage, wrap

PARSER = Parser(
    "tool",
    "What it is for.",
    (
        OneOf((Argument(("--red", "-r")), Argument(("--blue", "-b")))),
        Argument(("--number", "-n"), kind="Integer"),
        Argument(("--fast", "-f"), action=STORE_TRUE),
    ),
    (
        Command("run", "Runs.", (Argument(("--name",), action=APPEND, required=True),)),
        Command("wait", "", (Argument(("--time",), kind="Long"),
                             Argument(("--rate",), kind="Double"))),
        Command("read", "", (Argument(("--all",), nargs="+"),)),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("--red 1 run --name a --name b", {"red": "1", "name": ["a", "b"], "command": "run"}),
        ("-fr1 -n-5 run --name=x", {"fast": True, "red": "1", "number": -5}),
        ("--num -7 re --all a b", {"number": -7, "all": ["a", "b"], "command": "read"}),
        ("wait --time 1700000000000 --rate 1e3d", {"time": 1700000000000, "rate": 1000.0}),
        ("ru --na a", {"name": ["a"], "fast": False}),
    ],
)
def test_what_is_understood(words: str, values: dict[str, object]) -> None:
    found = PARSER.parse(words.split())
    assert {name: found[name] for name in values} == values


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "too few arguments"),
        ("r --name x", "ambiguous command: r could match read, run"),
        ("ruN", "invalid choice: 'ruN' (choose from 'run', 'wait', 'read')"),
        ("--red 1 -b 2 run", "argument --blue/-b: not allowed with argument --red/-r"),
        ("--number x run", "argument --number/-n: could not convert 'x' to Integer "
         '(For input string: "x")'),
        ("--number 2147483648 run", "argument --number/-n: could not convert '2147483648' to "
         'Integer (For input string: "2147483648")'),
        ("wait --rate 1_0", "argument --rate: could not convert '1_0' to Double "
         '(For input string: "1_0")'),
        ("--number", "argument --number/-n: expected one argument"),
        ("--fast=1 run", "argument --fast/-f: ignore implicit argument '1'"),
        ("run", "argument --name is required"),
        # What is missing is told only when nothing else is wrong.
        ("run --nonsense", "unrecognized arguments: '--nonsense'"),
        ("run --name a extra", "unrecognized arguments: 'extra'"),
        ("read --all", "argument --all: expected 1 argument(s)"),
    ],
)  # fmt: skip
def test_what_is_refused(words: str, message: str) -> None:
    with pytest.raises(BadArguments) as error:
        PARSER.parse(words.split())
    assert str(error.value) == message


def test_near_names_are_told() -> None:
    with pytest.raises(BadArguments) as error:
        PARSER.parse(["--numbr", "1"])
    assert error.value.near == ["--number"]


def test_help_comes_before_what_is_wrong_behind_it() -> None:
    with pytest.raises(HelpWanted):
        PARSER.parse(["run", "-h", "--nonsense"])


def test_usage_shows_one_of_a_group_and_commands() -> None:
    assert usage(PARSER) == (
        "usage: tool [-h] [--number NUMBER] [--fast] [--red RED | --blue BLUE]\n"
        "            {run,wait,read} ...\n"
    )


def test_lines_are_filled_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "25")
    assert wrap("one two three four five six") == "one two  three  four\nfive six"
