"""The Python in docs/streams runs, and its tests pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs" / "streams"
PAGES = ["agents.md", "errors.md"]


@pytest.mark.parametrize("page", PAGES)
def test_the_python_in_the_docs_runs(page: str) -> None:
    text = (DOCS / page).read_text()
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, str(DOCS / page), "exec"), names)
    for name, test in list(names.items()):
        if name.startswith("test_"):
            test()
    for _, target in re.findall(r"\[([^]]*)\]\(([^)]*\.md)\)", text):
        assert (DOCS / target).exists()
