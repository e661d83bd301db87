"""Every option of Apache Kafka's tools is one of ours, and there is none that is nobody's."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from moldau.tools import argparse4j, options
from moldau.tools.frame import Stop

PAGE = Path(__file__).parents[2] / "docs" / "tools.md"
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
    parser: argparse4j.Parser = module.PARSER
    parser = parser.commands[action] if action else parser
    flags = (flag for argument in parser.options for flag in argument.flags)
    return {flag.removeprefix("--") for flag in flags if flag.startswith("--")} - ALWAYS


@pytest.mark.parametrize("name", sorted(listed()))
def test_the_options_are_apaches(name: str) -> None:
    assert ours(name) == listed()[name]


# What docs/tools.md says is refused: a command line, and what is said.
REFUSED = (
    ("kafka-console-producer --topic t --line-reader my.Reader", "no line reader my.Reader"),
    ("kafka-console-consumer --topic t --formatter my.Formatter", "no formatter my.Formatter"),
    ("kafka-dump-log --files x.log --value-decoder-class my.Decoder", "no decoder my.Decoder"),
    ("kafka-dump-log --files x.log --key-decoder-class my.Decoder", "no decoder my.Decoder"),
    ("kafka-verifiable-consumer --topic t --group-id g --assignment-strategy my.A", "has no A"),
    ("kafka-storage format -c {conf} -t BBBBBBBBBBBBBBBBBBBBBQ --add-scram x", "not supported yet"),
    ("kafka-storage format -c {conf} -t BBBBBBBBBBBBBBBBBBBBBQ --feature a=1", "cannot be chosen"),
    ("kafka-storage format -c {conf} -t BBBBBBBBBBBBBBBBBBBBBQ --release-version 3.9", "only 4.3"),
    ("kafka-consumer-perf-test --topic t --num-records 1 --date-format EEE", "not known here"),
)


@pytest.mark.parametrize(("line", "why"), REFUSED)
def test_what_cannot_be_done_is_refused_by_name(line: str, why: str, tmp_path: Path) -> None:
    conf = tmp_path / "server.properties"
    conf.write_text(f"log.dirs={tmp_path}/data\nnode.id=1\n")
    tool, *words = line.replace("{conf}", str(conf)).split()
    if tool not in ("kafka-dump-log", "kafka-storage"):
        words += ["--bootstrap-server", "127.0.0.1:1"]
    module = import_module(f"moldau.tools.{tool.replace('-', '_')}")
    with pytest.raises(Stop) as stop:
        module.main(words)
    assert stop.value.code == 1
    assert why in stop.value.lines[-1]
    option = next(word for word in reversed(words) if word.startswith("--") and "boot" not in word)
    assert f"`{tool} " in PAGE.read_text()
    assert option in PAGE.read_text()
