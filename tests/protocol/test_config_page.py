"""The generated pages (docs/generate.py) say what the tables say."""

import subprocess
import sys
from pathlib import Path

GENERATE = Path(__file__).parents[2] / "docs" / "generate.py"


def generate(*arguments: str, script: Path = GENERATE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_generated_pages_are_fresh() -> None:
    check = generate("--check")
    assert (check.returncode, check.stderr) == (0, "")


def test_a_stale_page_is_told_and_written_anew(tmp_path: Path) -> None:
    script = tmp_path / "docs" / "generate.py"
    script.parent.mkdir()
    (tmp_path / "tests").symlink_to(GENERATE.parents[1] / "tests")
    script.write_text(GENERATE.read_text(encoding="utf-8"), encoding="utf-8")
    page = script.with_name("configuration.md")
    page.write_text("old", encoding="utf-8")
    check = generate("--check", script=script)
    assert check.returncode == 1
    assert "docs/configuration.md is stale: run `make docs`" in check.stderr
    assert page.read_text(encoding="utf-8") == "old"
    assert generate(script=script).returncode == 0
    fresh = GENERATE.with_name("configuration.md").read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8") == fresh
    assert generate("--check", script=script).returncode == 0
