"""What an installation puts on the path: each tool under both of its names."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_tool_is_a_script_under_both_names() -> None:
    expected = {"moldau": "moldau.__main__:main"}
    for tool in (ROOT / "src/moldau/tools").glob("kafka_*.py"):
        name = tool.stem.replace("_", "-")
        expected[name] = expected[f"{name}.sh"] = f"moldau.tools.{tool.stem}:script"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == expected
    for target in set(expected.values()):
        module, _, function = target.partition(":")
        assert callable(getattr(import_module(module), function))
