"""The traceback of what a program's own code has raised: the frames above and below it are ours, or
those of what calls it for us, and say nothing to people."""

from __future__ import annotations

import asyncio
import importlib
import traceback
from pathlib import Path

_LIBRARIES = (Path(str(one.__file__)).parent for one in (asyncio, importlib))
_OURS = tuple(f"{folder}/" for folder in (Path(__file__).parents[1], *_LIBRARIES))


def trace(error: BaseException) -> str:
    """As Python shows it, from the program's first frame to its last."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [at for at, one in enumerate(frames) if not _is_ours(one.filename)]
    lines = traceback.format_exception_only(error)
    if own:
        shown = traceback.format_list(frames[own[0] : own[-1] + 1])
        lines = ["Traceback (most recent call last):\n", *shown, *lines]
    return "".join(lines).rstrip()


def _is_ours(file: str) -> bool:
    return file.startswith(_OURS) or file.startswith("<frozen ")
