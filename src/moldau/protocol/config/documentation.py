"""What configs are for, in sentences of our own: for DescribeConfigs and docs/configuration.md.

Imported only where somebody asks for documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from moldau.protocol.config.broker import BROKER
from moldau.protocol.config.effects import EFFECTIVE, reason
from moldau.protocol.config.topic import BROKER_SYNONYMS

_TOPIC: Final = """
cleanup.policy: delete drops old segments, compact keeps the last record of each key.
compression.gzip.level: Level for gzip when the broker compresses: 1 to 9, or -1 for its default.
compression.lz4.level: Level for lz4 when the broker compresses: 1 to 17.
compression.type: Codec in which batches are stored; producer keeps what was sent.
compression.zstd.level: Level for zstd when the broker compresses.
delete.retention.ms: How long the mark of a deleted key stays in a compacted topic.
file.delete.delay.ms: How long files of deleted segments stay on disk.
flush.messages: Sync the log to disk after this many records.
flush.ms: Sync the log to disk after this long.
follower.replication.throttled.replicas: Replicas whose fetching is slowed, as partition:broker.
index.interval.bytes: One index entry for so many bytes of log.
internal.segment.bytes: Segment size for Kafka's own tests.
leader.replication.throttled.replicas: Replicas whose serving is slowed, as partition:broker.
local.retention.bytes: What stays local of a topic in remote storage; -2 is retention.bytes.
local.retention.ms: How long data stays local of a topic in remote storage; -2 is retention.ms.
max.compaction.lag.ms: A record is compacted at the latest after this long.
max.message.bytes: Largest batch that the topic takes, after compression.
message.timestamp.after.max.ms: How far a record's time may lie ahead of the broker's clock.
message.timestamp.before.max.ms: How far a record's time may lie behind the broker's clock.
message.timestamp.type: Whether records carry the producer's time or the broker's.
min.cleanable.dirty.ratio: Share of the log that must be uncompacted before it is compacted.
min.compaction.lag.ms: A record stays uncompacted at least this long.
min.insync.replicas: Copies that must be in sync before acks=all is answered.
preallocate: Whether a segment's file gets its full size at once.
remote.log.copy.disable: Keep a topic's remote data, and copy no more.
remote.log.delete.on.disable: Delete a topic's remote data when remote storage is turned off.
remote.storage.enable: Whether a topic's old segments move to remote storage.
retention.bytes: A partition larger than this loses its oldest segments; -1 never.
retention.ms: Segments whose records are all older are deleted; -1 never.
segment.bytes: A segment of this size is closed and a new one begun.
segment.index.bytes: Largest size of a segment's index.
segment.jitter.ms: A random part up to this long by which segments are closed earlier.
segment.ms: A segment this old is closed and a new one begun.
unclean.leader.election.enable: Whether a replica that missed records may lead.
"""
_BROKER: Final = """
advertised.listeners: What clients are told to dial; without it, what they dialled.
auto.create.topics.enable: Whether asking for an unknown topic creates it.
broker.id: Older name of node.id.
broker.rack: A name for where the broker stands; clients may prefer the near one.
connections.max.idle.ms: A connection that is silent this long is closed.
controller.listener.names: Listeners of these names are for controllers, and skipped here.
controller.quota.window.num: How many samples of partitions created and deleted are kept.
controller.quota.window.size.seconds: How long each of those samples is.
default.replication.factor: Copies of a topic that is created without saying how many.
delete.topic.enable: Whether topics can be deleted.
fetch.max.bytes: Most bytes in the answer to one fetch.
group.initial.rebalance.delay.ms: How long a new group waits for more members.
group.max.session.timeout.ms: Longest session timeout that a member may ask for.
group.max.size: Most members of a group.
group.min.session.timeout.ms: Shortest session timeout that a member may ask for.
internal.metadata.log.segment.bytes: As metadata.log.segment.bytes, smaller than that allows.
listener.security.protocol.map: Which security protocol each listener name stands for.
listeners: Addresses to listen on, as NAME://host:port; an empty host is every interface.
log.dir: The folder for data when log.dirs is not set.
log.dirs: The folder for data.
log.flush.offset.checkpoint.interval.ms: How often recovery points are written to disk.
log.flush.scheduler.interval.ms: How often logs are looked at for a sync that is due.
log.flush.start.offset.checkpoint.interval.ms: How often log start offsets are written to disk.
log.initial.task.delay.ms: How long after the start old segments are first looked for.
log.retention.check.interval.ms: How often old segments are looked for.
log.retention.hours: As log.retention.ms, in hours.
log.retention.minutes: As log.retention.ms, in minutes.
log.roll.hours: As log.roll.ms, in hours.
log.roll.jitter.hours: As log.roll.jitter.ms, in hours.
max.connection.creation.rate: Most new connections per second; further ones are taken later.
max.connections: Most connections at a time; further ones are closed.
max.connections.per.ip: Most connections at a time of one address; further ones are closed.
max.connections.per.ip.overrides: The same for single addresses, as address:count.
max.incremental.fetch.session.cache.slots: Most fetch sessions that are remembered.
max.request.partition.size.limit: Most partitions in one answer of DescribeTopicPartitions.
metadata.log.max.record.bytes.between.snapshots: Bytes of metadata after which a snapshot is due.
metadata.log.max.snapshot.interval.ms: How long after a snapshot the next is due; 0 is never.
metadata.log.segment.bytes: Size at which a segment of the metadata log is full.
metadata.log.segment.ms: Age at which a segment of the metadata log is closed.
metadata.max.retention.bytes: Size of metadata log and snapshots above which the oldest go.
metadata.max.retention.ms: Age above which snapshots and what only they need of the log go.
moldau.sync: Which produce requests wait for the disk: acks-all, always (acks=1 too) or never.
node.id: The number of this broker.
num.partitions: Partitions of a topic that is created without saying how many.
offset.metadata.max.bytes: Longest text that may be committed beside an offset.
offsets.retention.check.interval.ms: How often expired offsets are looked for.
offsets.retention.minutes: How long offsets of an empty group are kept.
offsets.topic.num.partitions: Partitions of __consumer_offsets.
offsets.topic.replication.factor: Copies of __consumer_offsets.
offsets.topic.segment.bytes: Segment size of __consumer_offsets.
producer.id.expiration.check.interval.ms: How often forgotten producers are looked for.
producer.id.expiration.ms: How long an idle idempotent producer is remembered.
quota.window.num: How many samples of what clients use are kept for their quotas.
quota.window.size.seconds: How long each of those samples is.
socket.listen.backlog.size: How many connections may wait to be accepted. Unset: as many as can.
socket.request.max.bytes: Largest request; a larger one loses its connection.
"""


def _sentences(text: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text.split("\n") if line)


_TOPIC_SENTENCES: Final[Mapping[str, str]] = _sentences(_TOPIC)
_BROKER_SENTENCES: Final[Mapping[str, str]] = {
    BROKER_SYNONYMS[name]: sentence
    for name, sentence in _TOPIC_SENTENCES.items()
    if name in BROKER_SYNONYMS
} | _sentences(_BROKER)


def topic_sentence(name: str) -> str | None:
    return _TOPIC_SENTENCES.get(name)


def broker_sentence(name: str) -> str | None:
    """What the config does, or why it does nothing here."""
    if name not in BROKER:
        return None
    effect = BROKER[name].effect
    if effect == EFFECTIVE:
        return _BROKER_SENTENCES[name]
    word = "Refused" if effect.startswith("refused") else "No effect"
    return f"{word}: {reason(effect)}."
