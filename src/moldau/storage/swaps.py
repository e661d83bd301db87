"""Segments that Apache Kafka's cleaner was putting in place of others when it was stopped.

The cleaner writes `.cleaned` files; when they are whole and on the disk it renames them to `.swap`,
removes the segments that they replace, and renames them again. So a `.swap` segment counts, and
what it replaces does not, unless a `.cleaned` file says that others of its set are not whole yet
(LogLoader.removeTempFilesAndCollectSwapFiles).
"""

from __future__ import annotations

from moldau.protocol.files import segment_offset
from moldau.protocol.records import CorruptBatch
from moldau.storage.disk import Entry
from moldau.storage.handles import OpenFiles
from moldau.storage.segment import Segment
from moldau.storage.snapshots import Report

SWAP = ".swap"
CLEANED = ".cleaned"
_SEGMENT_FILES = (".log", ".index", ".timeindex", ".txnindex")


def complete_swaps(
    files: OpenFiles, directory: str, entries: dict[str, Entry], report: Report
) -> None:
    """Carries out what was begun, on disk and in `entries` (the files by name)."""
    swaps = [name for name in entries if name.endswith(SWAP)]
    if not swaps:
        return
    cleaned = [segment_offset(name) or 0 for name in entries if name.endswith(CLEANED)]
    for name in swaps:
        if cleaned and (segment_offset(name) or 0) >= min(cleaned):
            _remove(files, directory, entries, name)
    swaps = [name for name in swaps if name in entries]
    replaced = _replaced(files, directory, entries, [s for s in swaps if s.endswith(".log" + SWAP)])
    if replaced is None:
        report(f"{directory}: what compaction left there is damaged; it is left alone.")
        return
    for name in list(entries):
        if name.endswith(_SEGMENT_FILES) and (segment_offset(name) or 0) in replaced:
            _remove(files, directory, entries, name)
    for name in swaps:
        whole = name.removesuffix(SWAP)
        files.disk.rename(f"{directory}/{name}", f"{directory}/{whole}")
        entries[whole] = entries.pop(name)._replace(name=whole)
    if swaps:
        report(f"{directory}: a compaction that was interrupted is completed ({len(swaps)} files).")


def _remove(files: OpenFiles, directory: str, entries: dict[str, Entry], name: str) -> None:
    files.disk.remove(f"{directory}/{name}")
    del entries[name]


def _replaced(
    files: OpenFiles, directory: str, entries: dict[str, Entry], logs: list[str]
) -> range | None:
    """The offsets whose segments the new ones replace; None when a new one is damaged."""
    first, end = [], []
    for name in logs:
        base = segment_offset(name) or 0
        segment = Segment(files, directory, base, 0)
        segment.path = f"{directory}/{name}"
        first.append(base)
        end.append(base + 1)
        try:
            end += (found.header.next_offset for found in segment.scan(0, entries[name].size))
        except CorruptBatch:
            return None
        finally:
            files.forget(segment.path)
    return range(min(first), max(end)) if first else range(0)
