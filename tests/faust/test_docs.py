"""The Python in docs/faust.md runs, and its test passes."""

from __future__ import annotations

import linecache
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs" / "faust.md"


def test_the_python_in_the_docs_runs() -> None:
    source = "\n".join(re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL))
    name = "<docs/faust.md>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    names: dict[str, Any] = {"__name__": "docs_faust"}
    exec(compile(source, name, "exec"), names)
    names["test_orders_are_counted"]()
