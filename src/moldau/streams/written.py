"""Where in the program a step is written."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType


def written() -> str:
    """The file and the line of the program that are being run; "": it is all of this library."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] != "moldau":
            return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
