"""Draws docs/demo.svg: the live view of `moldau demo` as it stands near the end of a real run.

Run by `make picture`.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

import moldau
from moldau.tools.demo import DemoOptions, main_job
from moldau.tools.demo.board import Board
from moldau.tools.demo.live import LiveView
from moldau.tools.demo.view import Header

PICTURE = Path(__file__).parent / "demo.svg"
SECONDS = 20.0
TAKEN_AFTER = 18.0


class Camera:
    """Shows nothing, and takes one picture of what a terminal of 100x30 would show."""

    def __init__(self, header: Header, board: Board) -> None:
        self._console = Console(
            record=True, width=100, height=30, file=io.StringIO(), force_terminal=True
        )
        self._view = LiveView(header, board, self._console)
        self._begun = time.monotonic()
        self.has_taken = False

    def update(self) -> None:
        frame = self._view.draw()  # also between the pictures: rates and sparks need a history
        if not self.has_taken and time.monotonic() - self._begun >= TAKEN_AFTER:
            self._console.print(frame)
            self._console.save_svg(str(PICTURE), title="moldau demo")
            self.has_taken = True


@contextmanager
def camera(address: str, prefix: str, options: DemoOptions, board: Board) -> Iterator[Camera]:
    view = Camera(Header(address, prefix, options), board)
    yield view
    assert view.has_taken, "the run ended before the picture"


def main() -> int:
    main_job.open_view = camera
    with moldau.Broker() as broker:
        code = main_job.run_demo(broker.bootstrap_servers, DemoOptions(seconds=SECONDS))
    print(f"wrote {PICTURE}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
