"""Segments that Apache Kafka's cleaner was putting in place of others when it was stopped.

The cleaner writes `.cleaned` files; when they are whole and on the disk it renames them to `.swap`,
removes the segments that they replace, and renames them again. So a `.swap` segment counts, and
what it replaces does not, unless a `.cleaned` file says that others of its set are not whole yet
(LogLoader.removeTempFilesAndCollectSwapFiles).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from moldau.protocol.files import segment_offset
from moldau.protocol.records import CorruptBatch
from moldau.storage.disk import Entry
from moldau.storage.handles import OpenFiles
from moldau.storage.segment import Segment
from moldau.storage.snapshots import Report

SWAP = ".swap"
CLEANED = ".cleaned"
_SEGMENT_FILES = (".log", ".index", ".timeindex", ".txnindex")


class Swaps(NamedTuple):
    """What would complete it: files to remove, and files to rename to their name without .swap."""

    removals: list[str]
    renames: list[str]
    is_damaged: bool = False


def interrupted(files: OpenFiles, directory: str, entries: Mapping[str, Entry]) -> Swaps:
    """`entries` are the directory's files by name. Nothing is changed."""
    swaps = [name for name in entries if name.endswith(SWAP)]
    if not swaps:
        return Swaps([], [])
    cleaned = [segment_offset(name) or 0 for name in entries if name.endswith(CLEANED)]
    removals = [name for name in swaps if cleaned and (segment_offset(name) or 0) >= min(cleaned)]
    swaps = [name for name in swaps if name not in removals]
    replaced = _replaced(files, directory, entries, [s for s in swaps if s.endswith(".log" + SWAP)])
    if replaced is None:
        return Swaps(removals, [], is_damaged=True)
    removals += (
        name
        for name in entries
        if name.endswith(_SEGMENT_FILES) and (segment_offset(name) or 0) in replaced
    )
    return Swaps(removals, swaps)


def complete_swaps(
    files: OpenFiles, directory: str, entries: dict[str, Entry], report: Report
) -> None:
    """Carries out what was begun, on disk and in `entries`."""
    swaps = interrupted(files, directory, entries)
    if swaps.is_damaged:
        report(f"{directory}: what compaction left there is damaged; it is left alone.")
    for name in swaps.removals:
        files.disk.remove(f"{directory}/{name}")
        del entries[name]
    for name in swaps.renames:
        whole = name.removesuffix(SWAP)
        files.disk.rename(f"{directory}/{name}", f"{directory}/{whole}")
        entries[whole] = entries.pop(name)._replace(name=whole)
    if swaps.renames:
        count = len(swaps.renames)
        report(f"{directory}: a compaction that was interrupted is completed ({count} files).")


def _replaced(
    files: OpenFiles, directory: str, entries: Mapping[str, Entry], logs: list[str]
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
