"""A checksum of a whole file, beside it from a clean end to the next start. SQLite notices neither
a page that is another's nor every changed byte of a key: such rows would be taken for missing."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

MOST = 256 << 20  # bytes: reading more would take seconds
_READ = 1 << 20


def write_sum(path: Path) -> None:
    if path.stat().st_size <= MOST:
        beside(path).write_text(_sum(path))


def taken_sum(path: Path) -> bool | None:
    """Is the file as it was? None: nothing says so. It may be written to from now on."""
    try:
        told = beside(path).read_text(errors="replace")
    except FileNotFoundError:
        return None
    is_same = told == _sum(path)
    beside(path).unlink()
    return is_same


def beside(path: Path) -> Path:
    return path.with_name(f"{path.name}-sum")


def _sum(path: Path) -> str:
    found = 0
    with path.open("rb") as file:
        while part := file.read(_READ):
            found = crc32(part, found)
    return f"{found:08x} of {path.stat().st_size} bytes\n"
