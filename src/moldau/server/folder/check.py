"""`moldau folder check DIR`: looks at a folder and says what is in it."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import NamedTuple

from moldau.broker.stored_metadata import METADATA_DIRECTORY
from moldau.broker.takeover.contents import Contents, look, partition_directories
from moldau.broker.takeover.verdict import (
    Reason,
    for_apache,
    metadata_damage,
    of_contents,
    of_metadata,
)
from moldau.cluster.boot import ForeignFolder
from moldau.cluster.image import InconsistentMetadata
from moldau.protocol.files import CorruptFile
from moldau.protocol.primitives import Malformed
from moldau.protocol.records import CorruptBatch
from moldau.server.disk import ReadOnlyDisk, lock_holder
from moldau.server.folder.options import parser
from moldau.storage.disk import DiskError
from moldau.storage.manager import LOCK_FILE, META_FILE

_UNREADABLE = (ForeignFolder, InconsistentMetadata, Malformed, CorruptBatch, CorruptFile)


class Findings(NamedTuple):
    """`contents` None: they could not be read. `holder` is the process that runs on the folder, 0
    when that is not known, None: nobody does. A reason forbids."""

    folder: str
    holder: int | None
    contents: Contents | None
    moldau: list[Reason]
    apache: list[Reason]

    @property
    def is_good(self) -> bool:
        return not (self.moldau or self.apache)


def main(argv: Sequence[str], options: ArgumentParser | None = None) -> int:
    """Exit code 0: both can go on with the folder."""
    arguments = (options or parser()).parse_args(argv)
    folder = arguments.folder.rstrip("/") or "/"
    try:
        findings = examine(folder)
    except DiskError as error:
        print(
            f"moldau folder check: {error}. Name the folder that log.dirs names.", file=sys.stderr
        )
        return 1
    if arguments.json:
        from moldau.server.folder.as_json import as_json

        text = json.dumps(as_json(findings), indent=2)
    else:
        from moldau.server.folder.as_text import as_text

        text = as_text(findings)
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Whoever read has seen enough; what is left would be written again at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0 if findings.is_good else 1


def examine(folder: str) -> Findings:
    """Raises DiskError when the folder is not there or cannot be read."""
    disk = ReadOnlyDisk()
    names = {one.name for one in disk.list(folder)}
    holder = lock_holder(f"{folder}/{LOCK_FILE}")
    reasons = [] if holder is None else [_running(holder)]
    try:
        contents = look(disk, folder)
    except _UNREADABLE as error:
        why = Reason("It cannot be read", (folder,), f"{_sentence(error)}")
        return Findings(folder, holder, None, [*reasons, why], [*reasons, why])
    absent = [*_absent(contents, names), *_damage(contents)]
    meta = contents.meta
    node_id = meta.node_id if meta else 1
    moldau = [*reasons, *absent, *of_metadata(contents.metadata, node_id), *of_contents(contents)]
    return Findings(folder, holder, contents, moldau, [*reasons, *absent, *for_apache(contents)])


def _running(holder: int) -> Reason:
    process = f"process {holder}" if holder else "a process of another machine or container"
    return Reason(
        "A broker runs on it",
        (process,),
        "Stop it, or look at a copy: what is said here may be over in a moment.",
    )


def _absent(contents: Contents, names: set[str]) -> list[Reason]:
    """What makes it no folder of a broker."""
    if contents.metadata.size or contents.metadata.snapshot:
        if META_FILE in names:
            return []
        return [
            Reason(
                f"There is no {META_FILE}",
                (contents.data_dir,),
                "Restore it: it names the cluster and the node.",
            )
        ]
    partitions = sorted(partition_directories(names))
    if partitions:
        return [
            Reason(
                "Logs of partitions without the metadata that name them",
                tuple(partitions),
                "Look at the folder that metadata.log.dir names, or the first of log.dirs.",
            )
        ]
    if META_FILE in names:
        return []  # formatted, and never started
    return [Reason("No broker was ever here", (contents.data_dir,), "Name another folder.")]


def _damage(contents: Contents) -> list[Reason]:
    said = metadata_damage(
        contents.data_dir, contents.metadata, contents.is_clean, contents.metadata_synced
    )
    return [] if said is None else [Reason("Damaged metadata", (METADATA_DIRECTORY,), said)]


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
