"""The look that a start takes at a folder before it changes anything there."""

from __future__ import annotations

from moldau.broker.stored_metadata import METADATA_DIRECTORY, Stored
from moldau.broker.takeover.verdict import (
    Reason,
    is_foreign,
    metadata_damage,
    of_contents,
    of_metadata,
)
from moldau.cluster.topic_names import CLUSTER_METADATA
from moldau.storage.manager import FolderError, LogManager


def check_metadata_are_there(logs: LogManager) -> None:
    """A folder full of partitions and without metadata is half of something: its logs would be
    set aside as strays. Raises FolderError."""
    found = {one.name for one in logs.disk.list(logs.data_dir) if one.is_directory}
    if not found or METADATA_DIRECTORY in found:
        return
    from moldau.broker.takeover.contents import partition_directories

    partitions = sorted(partition_directories(found))
    if partitions:
        raise FolderError(
            f"The folder {logs.data_dir} has logs of {len(partitions)} partitions "
            f"({', '.join(partitions[:3])}, ...) and no {METADATA_DIRECTORY}: its metadata are "
            "elsewhere (metadata.log.dir, or another of log.dirs). Move that directory here, or "
            "choose another folder with --data."
        )


def check_contents(logs: LogManager, node_id: int, stored: Stored) -> str | None:
    """Raises FolderError with all reasons why this release does not go on with the folder. What
    lies beside the metadata is looked at once, after somebody else has written it: then a sentence
    tells what is taken over."""
    damage = metadata_damage(
        logs.data_dir, stored, logs.was_clean, logs.was_synced(CLUSTER_METADATA, 0)
    )
    if damage is not None:
        raise FolderError(damage)
    reasons = of_metadata(stored, node_id)
    taken = None
    if is_foreign(stored, node_id):
        from moldau.broker.takeover.contents import look

        contents = look(logs.disk, logs.data_dir, stored)
        reasons += of_contents(contents)
        taken = (
            f"Another Kafka was last on this folder; what it left is taken over: "
            f"{len(stored.image.topics)} topics, {len(contents.groups)} groups, "
            f"{len(contents.transactional)} transactional ids."
        )
    if reasons:
        raise FolderError(refusal(logs.data_dir, reasons))
    return taken


def refusal(data_dir: str, reasons: list[Reason]) -> str:
    found = "\n".join(f"  - {reason}" for reason in reasons)
    return (
        f"The folder {data_dir} cannot be taken over:\n{found}\n"
        f"Nothing was changed. `moldau folder check {data_dir}` says what is in it."
    )
