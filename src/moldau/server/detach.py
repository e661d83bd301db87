"""`moldau up --detach`: a broker that goes on when the shell is closed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moldau.protocol.instance import log_of

if TYPE_CHECKING:
    from moldau.server.settings import ConfigFile


def detach(argv: Sequence[str], notes: Sequence[str], config: ConfigFile | None) -> int:
    """Starts `moldau up` with the same arguments, waits until it serves or ends, and says where,
    with the notes on its settings. `config` is what --config named. Exit code 0, or that of the
    broker that did not start."""
    log_path = log_of(os.getpid())  # the broker's own number is not known yet
    ready, ready_write = os.pipe()
    arguments = [word for word in argv if word != "--detach"]
    command = [sys.executable, "-P", "-m", "moldau", "up", *arguments]
    try:
        log_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(log_path, "wb") as log, _once_more(config) as again:
            process = subprocess.Popen(
                [
                    *command,
                    *(word for fd in again for word in ("--config", f"/dev/fd/{fd}")),
                    *("--ready-file", f"/dev/fd/{ready_write}"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(ready_write, *again),
                start_new_session=True,
            )
        log_path = log_path.rename(log_of(process.pid))
    except OSError as error:
        print(
            f"moldau up: {log_path} cannot be written, and a broker in the background needs a log: "
            f"{error.strerror}. Name another folder in MOLDAU_RUN_DIR.",
            file=sys.stderr,
        )
        return 1
    finally:
        os.close(ready_write)
    try:
        address = os.read(ready, 4096).decode().strip()
    except KeyboardInterrupt:
        process.terminate()
        return 130
    if not address:
        code = process.wait()
        sys.stderr.write(log_path.read_text(errors="replace"))
        log_path.unlink()
        return code or 1
    for note in notes:
        print(f"Note: {note}.", file=sys.stderr)
    print(
        f"Moldau serves Kafka on {address}, in the background (process {process.pid}, "
        f"log {log_path}). `moldau status` shows it, `moldau down` stops it."
    )
    return 0


@contextmanager
def _once_more(config: ConfigFile | None) -> Iterator[tuple[int, ...]]:
    """A pipe (`--config <(...)`, `--config /dev/stdin`) gives its text only once, and here that was
    to look for mistakes: a descriptor that gives it to the broker."""
    if config is None or os.path.isfile(config.path):
        yield ()
        return
    with tempfile.TemporaryFile() as file:
        file.write(config.text.encode())
        file.seek(0)
        yield (file.fileno(),)
