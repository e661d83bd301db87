"""`moldau up --detach`: a broker that goes on when the shell is closed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from moldau.protocol.instance import directory


def detach(argv: Sequence[str]) -> int:
    """Starts `moldau up` with the same arguments, waits until it serves or ends, and says where.
    Exit code 0, or that of the broker that did not start."""
    folder = directory()
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / f"broker-{os.getpid()}.log"
    arguments = [word for word in argv if word != "--detach"]
    command = [sys.executable, "-P", "-m", "moldau", "up", *arguments]
    ready, ready_write = os.pipe()
    if not any(word.split("=")[0] == "--ready-file" for word in arguments):
        command += ["--ready-file", f"/dev/fd/{ready_write}"]
    with open(log_path, "wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(ready_write,),
            start_new_session=True,
        )
    os.close(ready_write)
    address = os.read(ready, 4096).decode().strip()
    if not address:
        code = process.wait()
        sys.stderr.write(log_path.read_text(errors="replace"))
        log_path.unlink()
        return code or 1
    print(
        f"Moldau serves Kafka on {address}, in the background (process {process.pid}, "
        f"log {Path(log_path)}). `moldau status` shows it, `moldau down` stops it."
    )
    return 0
