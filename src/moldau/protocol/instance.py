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
_LOG_SUFFIX = ".log"
_LOGS_KEPT = 10
# Of /proc/PID/stat, counted behind the command's name (proc(5): state, starttime).
_STATE_FIELD = 0
_START_FIELD = 19


class Instance(NamedTuple):
    """`data_dir` is absolute; `started_ms` is in milliseconds since 1970. `process_start` is the
    system's own word for when the process began (`process_start_of`)."""

    pid: int
    data_dir: str
    bootstrap_servers: str
    started_ms: int
    version: str
    process_start: int

    @property
    def is_running(self) -> bool:
        """Whether the process lives, and is the one that was noted: after a kill -9 its number
        may have been given to another, who must not be stopped in its place."""
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, PermissionError):  # gone, or another user's: not ours
            return False
        return process_start_of(self.pid) == self.process_start


def process_start_of(pid: int) -> int:
    """Ticks since boot; 0 where the system does not say (macOS), -1 when the process is gone, or
    has ended and is only waiting for its parent to ask how. In a container, whose first process
    often asks for nobody's end, that can last for ever."""
    if not Path("/proc/self/stat").exists():
        return 0
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1
    return -1 if fields[_STATE_FIELD] in "ZX" else int(fields[_START_FIELD])


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


def log_of(pid: int) -> Path:
    """What a broker in the background says."""
    return directory() / f"{_PREFIX}{pid}{_LOG_SUFFIX}"


def write(instance: Instance) -> Path:
    """Notes a broker that serves; readers see the whole file or none. Raises OSError."""
    import json

    path = path_of(instance.pid)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _tidy_up()
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(instance._asdict()) + "\n", encoding="utf-8")
    os.replace(draft, path)
    return path


def _tidy_up() -> None:
    """Forgets brokers that were killed, and all but the newest logs of those that have ended."""
    running = {str(path_of(instance.pid)) for instance in read_all()}
    for path in directory().glob(f"{_PREFIX}*{_SUFFIX}"):
        if str(path) not in running:
            path.unlink(missing_ok=True)
    logs = sorted(
        directory().glob(f"{_PREFIX}*{_LOG_SUFFIX}"), key=lambda path: path.stat().st_mtime
    )
    for path in logs[:-_LOGS_KEPT]:
        if str(path.with_suffix(_SUFFIX)) not in running:
            path.unlink(missing_ok=True)


def remove(pid: int) -> None:
    """Forgets a broker. Nothing happens when it was not noted."""
    path_of(pid).unlink(missing_ok=True)


def read_all() -> list[Instance]:
    """The brokers that still run, in the order in which they started."""
    found = [_read(path) for path in directory().glob(f"{_PREFIX}*{_SUFFIX}")]
    running = [instance for instance in found if instance and instance.is_running]
    return sorted(running, key=lambda instance: instance.started_ms)


def _read(path: Path) -> Instance | None:
    """None for a file that another version wrote, or that was removed meanwhile."""
    import json

    try:
        return Instance(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError):
        return None
