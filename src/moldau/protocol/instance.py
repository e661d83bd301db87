"""The brokers that run on this machine for this user: one small JSON file per process.

The broker writes its file when it serves and removes it at the end; `moldau status`, `moldau
down` and `kafka-server-stop` read them. A file whose process is gone is passed over.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

_PREFIX = "broker-"
_SUFFIX = ".json"


class Instance(NamedTuple):
    """`data_dir` is absolute; `started_ms` is in milliseconds since 1970."""

    pid: int
    data_dir: str
    bootstrap_servers: str
    started_ms: int
    version: str


def directory() -> Path:
    """Where the files are: the user's runtime folder, or a place that survives without one.
    MOLDAU_RUN_DIR names another."""
    chosen = os.environ.get("MOLDAU_RUN_DIR")
    if chosen:
        return Path(chosen)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        return Path(runtime, "moldau")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "moldau"
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state, "moldau", "run")


def path_of(pid: int) -> Path:
    return directory() / f"{_PREFIX}{pid}{_SUFFIX}"


def write(instance: Instance) -> Path:
    """Notes a broker that serves; readers see the whole file or none. Raises OSError."""
    import json

    path = path_of(instance.pid)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(instance._asdict()) + "\n", encoding="utf-8")
    os.replace(draft, path)
    return path


def remove(pid: int) -> None:
    """Forgets a broker. Nothing happens when it was not noted."""
    path_of(pid).unlink(missing_ok=True)


def read_all() -> list[Instance]:
    """The brokers that still run, in the order in which they started."""
    found = [_read(path) for path in directory().glob(f"{_PREFIX}*{_SUFFIX}")]
    running = [instance for instance in found if instance and is_running(instance.pid)]
    return sorted(running, key=lambda instance: instance.started_ms)


def _read(path: Path) -> Instance | None:
    """None for a file that another version wrote, or that was removed meanwhile."""
    import json

    try:
        return Instance(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError):
        return None


def is_running(pid: int) -> bool:
    """Whether the process lives and is one of ours: its number may have been given again."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # another user's: not ours
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self").exists()  # without /proc (macOS) the number must do
    return b"moldau" in command
