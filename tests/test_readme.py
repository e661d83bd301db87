"""The Python in README.md runs, and what the pages link to is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import moldau

ROOT = Path(__file__).parents[1]
BEGIN, BROKER, STREAM = re.findall(
    r"^ *```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE
)
PAGES = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
_LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


@dataclass
class Sale:
    category: str
    amount: Decimal
    timestamp: datetime


def run(source: str, names: dict[str, Any]) -> None:
    exec(compile(source, "README.md", "exec"), names)


@pytest.mark.slow
def test_ten_lines_to_the_first_record(capsys: pytest.CaptureFixture[str]) -> None:
    with moldau.Broker() as broker:
        assert "localhost:9092" in BEGIN
        run(BEGIN.replace("localhost:9092", broker.bootstrap_servers), {})
    assert capsys.readouterr().out == "dobré ráno\n"


def test_a_broker_is_a_block() -> None:
    addresses: list[str] = []
    run(BROKER, {"run_my_pipeline": addresses.append})
    assert len(addresses) == 1


def test_revenue_per_minute() -> None:
    names: dict[str, Any] = {"moldau": moldau, "Sale": Sale}
    run("\n".join(line.removeprefix("  ") for line in STREAM.splitlines()), names)
    with moldau.testing.run(names["app"]) as t:
        t["sales"].send(Sale("books", Decimal("2.50"), datetime(2026, 1, 1, tzinfo=UTC)))
        t.end()
        (minute,) = t["revenue-per-minute"].values()
        assert (minute["category"], minute["revenue"], minute["orders"]) == ("books", "2.50", 1)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    for target in _LINK.findall(_CODE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    titles = re.findall(r"^#+ +(.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in titles}
