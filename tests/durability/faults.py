"""Orders to the shim: a disk that is slow, broken, full or torn for the broker that preloads it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("shim.c")


def compile_shim(folder: Path, source: Path = SOURCE) -> Path:
    """The shared object; skips the test where there is no C compiler, but never on CI."""
    compiler = shutil.which("cc")
    if compiler is None:
        assert not os.environ.get("CI"), "CI must have a C compiler: durability is proved with it"
        pytest.skip("no C compiler (cc) here to build the disk shim with")
    library = folder / f"{source.stem}.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl"],
        check=True,
    )
    return library


class Disk:
    """The disk of one broker: what it is ordered to do, and what was asked of it."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._order = folder / "order"
        self._order.write_text("")
        self.environment = {"LD_PRELOAD": str(library), "MOLDAU_SHIM": str(self._order)}

    def order(self, text: str) -> None:
        """Replaced in one step, so that the shim never reads half of it."""
        draft = self._order.with_suffix(".new")
        draft.write_text(text)
        os.replace(draft, self._order)

    def _marks(self) -> bytes:
        counted = self._order.with_suffix(".count")
        return counted.read_bytes() if counted.exists() else b""

    @property
    def syncs(self) -> int:
        """Syncs that were asked for so far."""
        return len(self._marks())
