"""May Moldau go on with a folder, and may Apache Kafka 4.3?

A folder is refused by what is in it, never by what could be: every folder of Apache Kafka has
transactions and new groups switched on, and few use them. Each reason says what was found, where,
and what to do about it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from moldau.broker.stored_metadata import METADATA_DIRECTORY, Stored
from moldau.cluster.boot import FEATURES, ForeignFolder, check_features
from moldau.cluster.image import ResourceType
from moldau.cluster.records import METADATA_VERSION_FEATURE, UnknownRecord
from moldau.protocol import uuids
from moldau.protocol.messages.metadata_log import (
    AccessControlEntryRecord,
    DelegationTokenRecord,
    UserScramCredentialRecord,
)
from moldau.storage.manager import RECOVERY_FILE

if TYPE_CHECKING:
    from moldau.broker.takeover.contents import Contents

_SHOWN: Final = 10
# Ids that say nothing of where a log lies: not assigned, lost, or not yet known (DirectoryId).
_NO_DIRECTORY: Final = frozenset(bytes(15) + bytes([n]) for n in range(100))


class Reason(NamedTuple):
    """Why not. `what` was found `where`, and `advice` is what to do about it."""

    what: str
    where: tuple[str, ...]
    advice: str

    def __str__(self) -> str:
        shown = ", ".join(self.where[:_SHOWN])
        more = f" and {len(self.where) - _SHOWN} more" if len(self.where) > _SHOWN else ""
        return f"{self.what}: {shown}{more}. {self.advice}"


def of_metadata(stored: Stored, node_id: int) -> list[Reason]:
    """Why Moldau does not go on with these metadata, whoever wrote them."""
    return [reason for check in _METADATA_CHECKS for reason in check(stored, node_id)]


def of_contents(contents: Contents) -> list[Reason]:
    """Why Moldau does not take over what somebody else wrote beside the metadata."""
    return [reason for check in _CONTENT_CHECKS for reason in check(contents)]


def metadata_damage(data_dir: str, stored: Stored, is_clean: bool, was_synced: int) -> str | None:
    """Is a part of the metadata lost? What they no longer name would be set aside. After a crash a
    torn tail is no loss, as long as everything is there that was known to be on the disk."""
    directory = f"{data_dir}/{METADATA_DIRECTORY}"
    if stored.damage is not None and is_clean:
        return (
            f"{directory} is damaged, although the last stop was a clean one: {stored.damage}. "
            "Restore the directory from a copy."
        )
    if stored.end_offset < was_synced:
        return (
            f"{directory} has lost its end: {was_synced} records of the cluster's metadata were on"
            f" the disk, and {stored.end_offset} are sound. Restore the directory from a copy; to"
            f" go on without the topics that only the others name, remove"
            f" {data_dir}/{RECOVERY_FILE}."
        )
    return None


def is_foreign(stored: Stored, node_id: int) -> bool:
    """Was the last broker on this folder one that can do more than this release? Then there may
    be anything. It registered with all that it knew."""
    broker = stored.image.brokers.get(node_id)
    if broker is None:
        return bool(stored.image.topics)
    return not broker.features.keys() <= FEATURES.keys()


# --- metadata -------------------------------------------------------------------------------------


def _features(stored: Stored, _node_id: int) -> Iterator[Reason]:
    if METADATA_VERSION_FEATURE in stored.image.features:
        try:
            check_features(stored.image.features)
        except ForeignFolder as error:
            advice = f"{error}."
            yield Reason(
                "Another format", (METADATA_VERSION_FEATURE,), advice[0].upper() + advice[1:]
            )


def _protecting(stored: Stored, _node_id: int) -> Iterator[Reason]:
    """What would protect is refused until it works, never ignored."""
    found: dict[type, list[str]] = defaultdict(list)
    for record in (*stored.image.others.values(), *(stored.bootstrap or ())):
        name = _protects(record)
        if name is not None:
            found[type(record)].append(name)
    for kind, what, removal in _PROTECTING:
        if found[kind]:
            yield Reason(
                f"{what} ({len(found[kind])}), which would protect nothing here",
                tuple(found[kind]),
                f"Remove them with {removal}, or stay with Apache Kafka.",
            )


_PROTECTING: Final[tuple[tuple[type, str, str], ...]] = (
    (AccessControlEntryRecord, "Access rules", "kafka-acls --remove"),
    (
        UserScramCredentialRecord,
        "SCRAM credentials",
        "kafka-configs --alter --delete-config --entity-type users",
    ),
    (DelegationTokenRecord, "Delegation tokens", "kafka-delegation-tokens --expire"),
)


def _protects(record: object) -> str | None:
    if isinstance(record, AccessControlEntryRecord):
        return f"{record.principal} on {record.resource_name}"
    if isinstance(record, UserScramCredentialRecord):
        return f"User:{record.name}"
    if isinstance(record, DelegationTokenRecord):
        return f"{record.token_id} of {record.owner}"
    return None


def _other_nodes(stored: Stored, node_id: int) -> Iterator[Reason]:
    voters = [str(one) for one in stored.quorum.voter_ids if one != node_id]
    if voters:
        yield Reason(
            "Other nodes vote on the metadata, and know what this one may not",
            tuple(f"node {one}" for one in voters),
            "Copy the topics with a cluster that runs (moldau mirror).",
        )
    elsewhere = [
        f"{topic.name}-{index}"
        for topic in stored.image.topics.values()
        for index, partition in enumerate(topic.partitions)
        if partition.replicas != (node_id,)
    ]
    if elsewhere:
        yield Reason(
            "Partitions with replicas on other nodes",
            tuple(elsewhere),
            f"Give them one replica, on node {node_id}, with kafka-reassign-partitions; or copy "
            "the topics with moldau mirror.",
        )


def _remote(stored: Stored, _node_id: int) -> Iterator[Reason]:
    tiered = [
        name
        for (kind, name), values in stored.image.configs.items()
        if kind == ResourceType.TOPIC and values.get("remote.storage.enable") == "true"
    ]
    if tiered:
        yield Reason(
            "Topics with records in remote storage, which would be missing",
            tuple(tiered),
            "Let Apache Kafka bring them back (remote.log.copy.disable), or copy the topics.",
        )


_METADATA_CHECKS: Final[Sequence[Callable[[Stored, int], Iterable[Reason]]]] = (
    _features,
    _protecting,
    _other_nodes,
    _remote,
)


# --- what lies beside the metadata ----------------------------------------------------------------


def _groups(contents: Contents) -> Iterator[Reason]:
    kinds: dict[str, list[str]] = defaultdict(list)
    for group in contents.groups:
        if not group.is_classic:
            kinds[group.kind].append(f"{group.id} ({group.where})")
    for kind, found in sorted(kinds.items()):
        yield Reason(f"Groups of the {kind} protocol", tuple(found), _GROUP_ADVICE[kind])


_GROUP_ADVICE: Final = {
    "consumer": "Start one member with group.protocol=classic while Apache Kafka runs: that turns "
    "the group into a classic one and keeps its offsets; or delete it.",
    "share": "Delete them with kafka-share-groups --delete.",
    "streams": "Delete them with kafka-streams-groups --delete, or run the application once with "
    "group.protocol=classic.",
}


def _transactions(contents: Contents) -> Iterator[Reason]:
    ids = [f"{one.id} ({one.state}, {one.where})" for one in contents.transactional if one.is_open]
    if ids:
        yield Reason(
            "Transactions without an end",
            tuple(ids),
            "Start Apache Kafka until their producers have ended them or transaction.timeout.ms "
            "has passed.",
        )
    hanging = [
        f"{partition.name} from offset {one.first_offset} (producer {one.producer_id})"
        for partition in contents.partitions
        for one in partition.open_transactions
    ]
    if hanging:
        yield Reason(
            "Records of transactions without an end",
            tuple(hanging),
            "kafka-transactions find-hanging and abort, of Apache Kafka, end them.",
        )


def _directories(contents: Contents) -> Iterator[Reason]:
    meta = contents.meta
    if meta is None or meta.directory_id is None:
        return
    own = uuids.from_text(meta.directory_id)
    topics = contents.metadata.image.topics
    elsewhere = [
        one.name
        for one in contents.partitions
        if not one.is_there
        and {*topics[one.topic].partitions[one.partition].directories} - _NO_DIRECTORY - {own}
    ]
    if elsewhere:
        yield Reason(
            "Partitions whose logs are in other directories of log.dirs",
            tuple(elsewhere),
            "Move their directories into this one (Apache Kafka too finds them here), or let it "
            "move them with kafka-reassign-partitions.",
        )


def _damage(contents: Contents) -> Iterator[Reason]:
    """After a crash torn tails are what recovery is for."""
    if not contents.is_clean:
        return
    damaged = [one.damage for one in contents.partitions if one.damage]
    if damaged:
        yield Reason(
            "Damage, although the last stop was a clean one",
            tuple(damaged),
            "Copy the folder again, or remove .kafka_cleanshutdown from it to let recovery cut "
            "what is behind the damage.",
        )


_CONTENT_CHECKS: Final[Sequence[Callable[[Contents], Iterable[Reason]]]] = (
    _groups,
    _transactions,
    _directories,
    _damage,
)


# --- Apache Kafka ---------------------------------------------------------------------------------


def for_apache(contents: Contents) -> list[Reason]:
    """Why Apache Kafka 4.3 would not start on the folder."""
    stored = contents.metadata
    reasons = [*_features(stored, 0)]
    unknown = {
        f"type {record.type}"
        for record in stored.image.others.values()
        if isinstance(record, UnknownRecord)
    }
    if unknown:
        reasons.append(
            Reason(
                "Metadata records that Apache Kafka 4.3 does not know",
                tuple(sorted(unknown)),
                "Start the newer Apache Kafka that wrote them.",
            )
        )
    damaged = dict(stored.damaged)
    latest = max(stored.snapshots, default=None)
    if latest is not None and latest in damaged:
        reasons.append(
            Reason(
                "The latest snapshot of the metadata is damaged",
                (f"{latest.file}: {damaged[latest]}",),
                "Move it away: an older one or the log has what is needed; moldau up does that.",
            )
        )
    return reasons
