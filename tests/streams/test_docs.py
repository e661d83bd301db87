"""The Python in docs/streams runs, and its tests pass."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs" / "streams"
PAGES = sorted(page.name for page in DOCS.glob("*.md") if "```python" in page.read_text())


@pytest.mark.parametrize("page", PAGES)
def test_the_python_in_the_docs_runs(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DOCS / page).read_text()
    # In a module of its own: what annotations name is looked for there.
    module = ModuleType(f"page_{page.removesuffix('.md')}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    names: dict[str, Any] = module.__dict__
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, str(DOCS / page), "exec"), names)
    for name, test in list(names.items()):
        if name.startswith("test_"):
            test()
