"""`moldau up` as a process whose end can be looked at: exit code, and what it said."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType


class Up:
    """A broker on `data`. It is killed at the end of the block if it still runs."""

    WAIT_S = 30

    def __init__(
        self,
        data: Path,
        *,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        port: int = 0,
        preexec: Callable[[], None] | None = None,
    ) -> None:
        read, write = os.pipe()
        command = [
            sys.executable, "-m", "moldau", "up", "--no-environment", "--port", str(port),
            "--data", str(data), "--ready-file", f"/dev/fd/{write}",
            "--parent", str(os.getpid()), *options,
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(write,),
            env={**os.environ, **(environment or {})},
            preexec_fn=preexec,
            text=True,
        )
        os.close(write)
        with open(read) as ready:
            # Ends with a line when it serves, and without one when it died.
            self.address = ready.readline().strip()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def serves(self) -> Up:
        assert self.address, f"it did not start: {self.ended()[1]}"
        return self

    def ended(self) -> tuple[int, str]:
        """Waits for its end. Exit code (negative: the signal) and stderr."""
        _, said = self.process.communicate(timeout=self.WAIT_S)
        return self.process.returncode, said

    def stop(self) -> tuple[int, str]:
        self.process.terminate()
        return self.ended()

    def kill(self) -> tuple[int, str]:
        self.process.kill()
        return self.ended()

    def __enter__(self) -> Up:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
