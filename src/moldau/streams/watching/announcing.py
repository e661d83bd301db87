"""What a process tells its supervisor, over a pipe: at which port it answers, and why it ends."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any


class Announced:
    """`write`: the end that the process is given. `error`: it ends with that sentence; `may_pass`:
    waiting may mend that. `is_exit`: the program's own code has called sys.exit()."""

    def __init__(self) -> None:
        self._read, self.write = os.pipe()
        os.set_blocking(self._read, False)
        self._text = b""
        self.port: int | None = None
        self.error: str | None = None
        self.may_pass = False
        self.is_exit = False

    def look(self) -> None:
        """What has been told since."""
        try:
            while part := os.read(self._read, 65536):
                self._text += part
        except BlockingIOError:
            pass
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            for name, value in json.loads(line).items():
                setattr(self, name, value)

    def close(self) -> None:
        os.close(self._read)


def announce(pipe: int, **told: Any) -> None:
    """The other end of it. Who has no supervisor any more tells nobody."""
    with suppress(BrokenPipeError):
        os.write(pipe, json.dumps(told).encode() + b"\n")
