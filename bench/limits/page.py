"""docs/limits.md, written from the JSON of the runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bench.limits.known import KNOWN
from bench.limits.measured import Scenario
from bench.unit import ROOT

PAGE = ROOT / "docs" / "limits.md"


def shown(figure: dict[str, Any]) -> str:
    """A figure with what was watched beside it."""
    text = number(figure["value"]) + (f" {figure['unit']}" if figure["unit"] else "")
    beside = []
    if figure["of"] is not None:
        beside.append(f"broker {number(figure['of'])} s of processor")
    if figure["wait_ms"] is not None:
        beside.append(f"others waited {number(figure['wait_ms'])} ms at most")
    return f"{text} ({', '.join(beside)})" if beside else text


def number(value: float) -> str:
    """Three figures that count; whole numbers as they are."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def page(result: dict[str, Any], scenarios: Iterable[Scenario]) -> str:
    return "\n".join(_page(result, scenarios)) + "\n"


def _page(result: dict[str, Any], scenarios: Iterable[Scenario]) -> Iterator[str]:
    machine = result["machine"]
    yield "# Limits: how large, how many, how long\n"
    yield "<!-- Written by `python -m bench.limits --write-docs` from the JSON of a run. -->\n"
    yield (
        "`python -m bench.limits` measures this. Machine: "
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB, Linux "
        f"{machine['kernel']}, Python {machine['python']}; an fdatasync of 4 KiB takes "
        f"{machine['fdatasync_4_kib_ms']} ms. Defaults unless said; clients run beside it.\n"
    )
    yield INTRODUCTION
    for scenario in scenarios:
        part = result["parts"].get(scenario.name)
        if part:
            yield from _section(scenario, part)
        else:
            yield f"## {scenario.title}\n\n{scenario.how} Not measured to its end yet.\n"
    yield KNOWN


def _section(scenario: Scenario, part: dict[str, Any]) -> Iterator[str]:
    yield f"## {scenario.title}\n"
    yield f"{scenario.how}\n"
    if part["figures"]:
        yield "| | measured | broker's processor, s | longest wait of others, ms |"
        yield "| --- | ---: | ---: | ---: |"
        yield from map(_row, part["figures"])
        yield ""
    if part["told"]:
        yield "| limit | a client is told | the broker logs |"
        yield "| --- | --- | --- |"
        for told in part["told"]:
            words = [_escaped(told["limit"]), _word(told["client"]), _word(told["operator"])]
            yield f"| {' | '.join(words)} |"
        yield ""
    yield (
        f"{part['date'][:10]}, commit {part['commit']}, in {part['seconds']:.0f} s; load of the "
        f"machine {part['load_before']:.1f} before, {part['load_after']:.1f} after.\n"
    )


def _row(figure: dict[str, Any]) -> str:
    value = number(figure["value"]) + (f" {figure['unit']}" if figure["unit"] else "")
    beside = ["" if figure[key] is None else number(figure[key]) for key in ("of", "wait_ms")]
    return f"| {figure['what']} | {value} | {beside[0]} | {beside[1]} |"


def _word(text: str) -> str:
    return f"`{_escaped(text)}`" if text else ""


def _escaped(text: str) -> str:
    """A bar would end the cell."""
    return text.replace("|", "\\|")


INTRODUCTION = """\
The broker's processor seconds say what a step costs; its time also depends on what else the machine
does. "Longest wait of others" is that of a client which asks for ApiVersions all the while, on the
clock, the machine's other load included. The load is given with each part: on an idle machine it is
that of the part itself.
"""
