"""How a supervisor hears at which port a process of its answers."""

from __future__ import annotations

import os


class Announced:
    """A port that a process tells, once, over a pipe that it is given `write` of."""

    def __init__(self) -> None:
        self._read, self.write = os.pipe()
        os.set_blocking(self._read, False)
        self._text = b""

    def port(self) -> int | None:
        """None: it has not been told yet."""
        try:
            self._text += os.read(self._read, 100)
        except BlockingIOError:
            return None
        return int(self._text) if self._text.endswith(b"\n") else None

    def close(self) -> None:
        os.close(self._read)


def announce(pipe: int, port: int) -> None:
    """The other end of it."""
    os.write(pipe, f"{port}\n".encode())
    os.close(pipe)
