"""The cluster as its metadata log describes it: an immutable value.

`image.apply(records)` gives the next image and leaves this one as it is, so whoever holds an image
sees one moment of the cluster. A table is copied when the records first touch it, once for all of
them. What each record does is that of Apache Kafka's image classes (MetadataDelta, TopicsDelta).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from moldau.cluster.client_quotas import Entity, Quotas, entity
from moldau.cluster.kept import NOTHING, Kept, Key, keep
from moldau.cluster.records import Record
from moldau.protocol.messages import metadata_log as m

NO_LEADER: Final = -1
K = TypeVar("K")
V = TypeVar("V")


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


class ResourceType(IntEnum):
    """What configs belong to (ConfigResource.Type)."""

    UNKNOWN = 0
    TOPIC = 2
    BROKER = 4
    BROKER_LOGGER = 8
    CLIENT_METRICS = 16
    GROUP = 32


class Endpoint(NamedTuple):
    """A listener of a broker. The security protocol is Kafka's number: 0 is PLAINTEXT."""

    host: str
    port: int
    security_protocol: int = 0


class BrokerImage(NamedTuple):
    id: int
    epoch: int
    incarnation_id: bytes
    listeners: Mapping[str, Endpoint]
    rack: str | None
    fenced: bool
    in_controlled_shutdown: bool
    log_dirs: tuple[bytes, ...]
    cordoned_log_dirs: tuple[bytes, ...] = ()
    # The features that it knows, with their lowest and highest level.
    features: Mapping[str, tuple[int, int]] = _nothing()

    @property
    def active(self) -> bool:
        """May it lead partitions, and be in their in-sync replicas?"""
        return not (self.fenced or self.in_controlled_shutdown)


class PartitionImage(NamedTuple):
    """One partition; its index is its place in TopicImage.partitions."""

    leader: int
    leader_epoch: int
    isr: tuple[int, ...]
    replicas: tuple[int, ...]
    partition_epoch: int
    directories: tuple[bytes, ...] = ()
    elr: tuple[int, ...] = ()
    last_known_elr: tuple[int, ...] = ()
    adding_replicas: tuple[int, ...] = ()
    removing_replicas: tuple[int, ...] = ()
    leader_recovery_state: int = 0


class TopicImage(NamedTuple):
    name: str
    id: bytes
    partitions: tuple[PartitionImage, ...]


class ClusterImage(NamedTuple):
    """Everything that the metadata log says. Do not change its tables: they are shared."""

    brokers: Mapping[int, BrokerImage] = _nothing()
    features: Mapping[str, int] = _nothing()
    topics: Mapping[str, TopicImage] = _nothing()
    topics_by_id: Mapping[bytes, TopicImage] = _nothing()
    # By resource type and name; the cluster's default for all brokers is (BROKER, "").
    configs: Mapping[tuple[int, str], Mapping[str, str]] = _nothing()
    next_producer_id: int = 0
    client_quotas: Quotas = _nothing()
    # Records that nothing here interprets (access control, what is newer).
    others: Kept = NOTHING

    def apply(self, records: Iterable[Record]) -> ClusterImage:
        """Raises InconsistentMetadata when a record names what does not exist."""
        draft = _Draft(self)
        for record in records:
            handler = _HANDLERS.get(type(record))
            if handler is None:
                draft.keep(record)
            else:
                handler(draft, record)
        return draft.finish()

    def config(self, resource_type: int, name: str) -> Mapping[str, str]:
        """What was set dynamically for a resource, by config name."""
        return self.configs.get((resource_type, name), _nothing())

    def partition(self, topic: str, index: int) -> PartitionImage | None:
        found = self.topics.get(topic)
        if found is None or not 0 <= index < len(found.partitions):
            return None
        return found.partitions[index]


class InconsistentMetadata(ValueError):
    """The metadata log contradicts itself. The text names the record and what is missing."""


class _Draft:
    """An image under change. `None` stands for a table that is still the old image's."""

    def __init__(self, image: ClusterImage) -> None:
        self.image = image
        self.brokers: dict[int, BrokerImage] | None = None
        self.features: dict[str, int] | None = None
        self.configs: dict[tuple[int, str], Mapping[str, str]] | None = None
        self.changed_configs: dict[tuple[int, str], dict[str, str]] = {}
        self.names: dict[str, TopicImage] | None = None
        self.ids: dict[bytes, TopicImage] | None = None
        # The partitions of topics that are touched, by topic id.
        self.partitions: dict[bytes, list[PartitionImage]] = {}
        self.next_producer_id = image.next_producer_id
        self.client_quotas: dict[Entity, Mapping[str, float]] | None = None
        self.others: dict[Key, Record] | None = None

    def keep(self, record: Record) -> None:
        if self.others is None:
            self.others = dict(self.image.others)
        keep(self.others, record)

    def topic_ids(self) -> dict[bytes, TopicImage]:
        """The topics by id, to be changed; the names follow in `finish`."""
        if self.ids is None:
            self.ids = dict(self.image.topics_by_id)
            self.names = dict(self.image.topics)
        return self.ids

    def topic_partitions(self, record: Any) -> list[PartitionImage]:
        partitions = self.partitions.get(record.topic_id)
        if partitions is None:
            topic = self.topic_ids().get(record.topic_id)
            if topic is None:
                raise InconsistentMetadata(f"{record!r} belongs to no topic that exists")
            partitions = self.partitions[record.topic_id] = list(topic.partitions)
        return partitions

    def broker(self, broker_id: int, epoch: int) -> BrokerImage:
        brokers = self.image.brokers if self.brokers is None else self.brokers
        found = brokers.get(broker_id)
        if found is None or found.epoch != epoch:
            raise InconsistentMetadata(
                f"a record changes broker {broker_id} of epoch {epoch}, but that broker is "
                + ("not registered" if found is None else f"registered with epoch {found.epoch}")
            )
        return found

    def put_broker(self, broker: BrokerImage) -> None:
        if self.brokers is None:
            self.brokers = dict(self.image.brokers)
        self.brokers[broker.id] = broker

    def finish(self) -> ClusterImage:
        image = self.image
        names, ids = image.topics, image.topics_by_id
        if self.names is not None and self.ids is not None:
            names, ids = self.names, self.ids
            for topic_id, partitions in self.partitions.items():
                topic = ids[topic_id]._replace(partitions=tuple(partitions))
                ids[topic_id] = names[topic.name] = topic
        return ClusterImage(
            brokers=_either(self.brokers, image.brokers),
            features=_either(self.features, image.features),
            topics=names,
            topics_by_id=ids,
            configs=_either(self.configs, image.configs),
            next_producer_id=self.next_producer_id,
            client_quotas=_either(self.client_quotas, image.client_quotas),
            others=_either(self.others, image.others),
        )


def _either(changed: dict[K, V] | None, old: Mapping[K, V]) -> Mapping[K, V]:
    return old if changed is None else changed


# --- what each record does ------------------------------------------------------------------------


def _register_broker(draft: _Draft, record: m.RegisterBrokerRecord) -> None:
    listeners = {e.name: Endpoint(e.host, e.port, e.security_protocol) for e in record.end_points}
    draft.put_broker(
        BrokerImage(
            id=record.broker_id,
            epoch=record.broker_epoch,
            incarnation_id=bytes(record.incarnation_id),
            listeners=listeners,
            rack=record.rack,
            fenced=record.fenced,
            in_controlled_shutdown=record.in_controlled_shutdown,
            log_dirs=tuple(record.log_dirs),
            cordoned_log_dirs=tuple(record.cordoned_log_dirs or ()),
            features={
                f.name: (f.min_supported_version, f.max_supported_version) for f in record.features
            },
        )
    )


def _unregister_broker(draft: _Draft, record: m.UnregisterBrokerRecord) -> None:
    draft.broker(record.broker_id, record.broker_epoch)
    if draft.brokers is None:
        draft.brokers = dict(draft.image.brokers)
    del draft.brokers[record.broker_id]


def _fence_broker(draft: _Draft, record: m.FenceBrokerRecord) -> None:
    draft.put_broker(draft.broker(record.id, record.epoch)._replace(fenced=True))


def _unfence_broker(draft: _Draft, record: m.UnfenceBrokerRecord) -> None:
    draft.put_broker(draft.broker(record.id, record.epoch)._replace(fenced=False))


def _change_broker(draft: _Draft, record: m.BrokerRegistrationChangeRecord) -> None:
    """`fenced`: 1 fences, -1 unfences; `in_controlled_shutdown`: 1 begins it; 0 changes nothing."""
    broker = draft.broker(record.broker_id, record.broker_epoch)
    if record.fenced:
        broker = broker._replace(fenced=record.fenced > 0)
    if record.in_controlled_shutdown:
        broker = broker._replace(in_controlled_shutdown=record.in_controlled_shutdown > 0)
    if record.log_dirs:
        broker = broker._replace(log_dirs=tuple(record.log_dirs))
    if record.cordoned_log_dirs is not None:
        broker = broker._replace(cordoned_log_dirs=tuple(record.cordoned_log_dirs))
    draft.put_broker(broker)


def _feature_level(draft: _Draft, record: m.FeatureLevelRecord) -> None:
    if draft.features is None:
        draft.features = dict(draft.image.features)
    if record.feature_level:
        draft.features[record.name] = record.feature_level
    else:
        draft.features.pop(record.name, None)


def _topic(draft: _Draft, record: m.TopicRecord) -> None:
    topic = TopicImage(record.name, bytes(record.topic_id), ())
    ids = draft.topic_ids()
    ids[topic.id] = topic
    assert draft.names is not None
    draft.names[topic.name] = topic
    draft.partitions[topic.id] = []


def _remove_topic(draft: _Draft, record: m.RemoveTopicRecord) -> None:
    topic = draft.topic_ids().pop(record.topic_id, None)
    if topic is None:
        raise InconsistentMetadata(f"{record!r} removes a topic that does not exist")
    assert draft.names is not None
    del draft.names[topic.name]
    draft.partitions.pop(topic.id, None)
    key = (int(ResourceType.TOPIC), topic.name)
    if draft.changed_configs.pop(key, None) is not None or key in draft.image.configs:
        _configs(draft).pop(key, None)


def _configs(draft: _Draft) -> dict[tuple[int, str], Mapping[str, str]]:
    if draft.configs is None:
        draft.configs = dict(draft.image.configs)
    return draft.configs


def _config(draft: _Draft, record: m.ConfigRecord) -> None:
    """A null value takes the config away."""
    key = (record.resource_type, record.resource_name)
    tables = _configs(draft)
    values = draft.changed_configs.get(key)
    if values is None:
        values = draft.changed_configs[key] = dict(tables.get(key, ()))
    if record.value is None:
        values.pop(record.name, None)
    else:
        values[record.name] = record.value
    if values:
        tables[key] = values
    else:
        tables.pop(key, None)


def _partition(draft: _Draft, record: m.PartitionRecord) -> None:
    replicas, isr = tuple(record.replicas), tuple(record.isr)
    partition = PartitionImage(
        leader=record.leader,
        leader_epoch=record.leader_epoch,
        isr=replicas if isr == replicas else isr,
        replicas=replicas,
        partition_epoch=record.partition_epoch,
        directories=tuple(map(bytes, record.directories)),
        elr=tuple(record.eligible_leader_replicas or ()),
        last_known_elr=tuple(record.last_known_elr or ()),
        adding_replicas=tuple(record.adding_replicas),
        removing_replicas=tuple(record.removing_replicas),
        leader_recovery_state=record.leader_recovery_state,
    )
    partitions = draft.topic_partitions(record)
    index = record.partition_id
    if index == len(partitions):
        partitions.append(partition)
    elif 0 <= index < len(partitions):
        partitions[index] = partition
    else:
        raise InconsistentMetadata(f"{record!r} leaves a gap: {len(partitions)} partitions exist")


_CHANGES: Final = (
    ("isr", "isr"),
    ("replicas", "replicas"),
    ("directories", "directories"),
    ("removing_replicas", "removing_replicas"),
    ("adding_replicas", "adding_replicas"),
    ("eligible_leader_replicas", "elr"),
    ("last_known_elr", "last_known_elr"),
)


def _change_partition(draft: _Draft, record: m.PartitionChangeRecord) -> None:
    """Fields that are null stay as they are; any leader that is named begins a leader epoch
    (PartitionRegistration.merge)."""
    partitions = draft.topic_partitions(record)
    if not 0 <= record.partition_id < len(partitions):
        raise InconsistentMetadata(f"{record!r} changes a partition that does not exist")
    old = partitions[record.partition_id]
    new: dict[str, Any] = {"partition_epoch": old.partition_epoch + 1}
    if record.leader != -2:
        new["leader"] = record.leader
        new["leader_epoch"] = old.leader_epoch + 1
    if record.leader_recovery_state != -1:
        new["leader_recovery_state"] = record.leader_recovery_state
    for field, ours in _CHANGES:
        values = getattr(record, field)
        if values is not None:
            new[ours] = tuple(values)
    partitions[record.partition_id] = old._replace(**new)


def _clear_elr(draft: _Draft, record: m.ClearElrRecord) -> None:
    """Forgets the eligible leaders of a topic, or of all when no name is given."""
    for topic in tuple(draft.topic_ids().values()):
        if record.topic_name in ("", topic.name):
            record_of_topic = m.PartitionChangeRecord(topic_id=topic.id)
            partitions = draft.topic_partitions(record_of_topic)
            partitions[:] = [
                p._replace(elr=(), last_known_elr=(), partition_epoch=p.partition_epoch + 1)
                if p.elr or p.last_known_elr
                else p
                for p in partitions
            ]


def _producer_ids(draft: _Draft, record: m.ProducerIdsRecord) -> None:
    draft.next_producer_id = record.next_producer_id


def _client_quota(draft: _Draft, record: m.ClientQuotaRecord) -> None:
    if draft.client_quotas is None:
        draft.client_quotas = dict(draft.image.client_quotas)
    whom = entity(record.entity)
    values = dict(draft.client_quotas.get(whom, {}))
    if record.remove:
        values.pop(record.key, None)
    else:
        values[record.key] = record.value
    if values:
        draft.client_quotas[whom] = values
    else:
        draft.client_quotas.pop(whom, None)


def _ignored(draft: _Draft, record: Record) -> None:
    """Says nothing about the cluster."""


_HANDLERS: Final[dict[type, Any]] = {
    m.RegisterBrokerRecord: _register_broker,
    m.UnregisterBrokerRecord: _unregister_broker,
    m.FenceBrokerRecord: _fence_broker,
    m.UnfenceBrokerRecord: _unfence_broker,
    m.BrokerRegistrationChangeRecord: _change_broker,
    m.FeatureLevelRecord: _feature_level,
    m.TopicRecord: _topic,
    m.RemoveTopicRecord: _remove_topic,
    m.ConfigRecord: _config,
    m.PartitionRecord: _partition,
    m.PartitionChangeRecord: _change_partition,
    m.ClearElrRecord: _clear_elr,
    m.ProducerIdsRecord: _producer_ids,
    m.ClientQuotaRecord: _client_quota,
    m.NoOpRecord: _ignored,
    # Transactions of a stored log are sorted out before (replay.py), and what is decided here
    # is written whole.
    m.BeginTransactionRecord: _ignored,
    m.EndTransactionRecord: _ignored,
    m.AbortTransactionRecord: _ignored,
}
