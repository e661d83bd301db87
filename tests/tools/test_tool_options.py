"""Every option of Apache Kafka's tools is one of ours, and there is none that is nobody's."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from moldau.tools import argparse4j, options

LIST = Path(__file__).parent / "tool_options_4.3.1.txt"
# Taken by all tools that jopt-simple parses; the list names only what is a tool's own.
ALWAYS = {options.HELP, options.VERSION}


def listed() -> dict[str, set[str]]:
    """Options by tool, or by tool and action."""
    text = LIST.read_text().replace("\n    ", " ")
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: set(rest.split()) for name, _, rest in (line.partition(":") for line in lines)}


def ours(name: str) -> set[str]:
    tool, _, action = name.partition(" ")
    module = import_module(f"moldau.tools.{tool.replace('-', '_')}")
    if hasattr(module, "TOOL"):
        return set(module.TOOL.parser.options) - ALWAYS
    if hasattr(module, "COMMANDS"):
        return set(module.COMMANDS[action])
    parser: argparse4j.Parser = module.PARSER
    parser = parser.commands[action] if action else parser
    flags = (flag for argument in parser.options for flag in argument.flags)
    return {flag.removeprefix("--") for flag in flags if flag.startswith("--")} - ALWAYS


@pytest.mark.parametrize("name", sorted(listed()))
def test_the_options_are_apaches(name: str) -> None:
    assert ours(name) == listed()[name]
