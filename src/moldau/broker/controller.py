"""The controller's body on this node: the metadata log, the image made of it, and the logs that
follow from the image.

`cluster` decides; what it decided is appended to `__cluster_metadata-0`, replayed into the next
image at once, and answered when it is on disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from errno import EIO
from typing import TYPE_CHECKING, Any

from moldau.broker.loggers import CONTROLLER
from moldau.broker.metadata_journal import MetadataJournal
from moldau.broker.opening import Opening
from moldau.broker.partition import Partition
from moldau.broker.stored_metadata import load_metadata
from moldau.broker.takeover.check import check_contents, check_metadata_are_there
from moldau.cluster.boot import (
    ForeignFolder,
    Incarnation,
    records_for_start,
    records_for_stop,
)
from moldau.cluster.changes import changes
from moldau.cluster.configs import effective, topic_values
from moldau.cluster.create_topics import create_topics
from moldau.cluster.image import ClusterImage, Endpoint, InconsistentMetadata, TopicImage
from moldau.cluster.records import Record
from moldau.cluster.topic_names import INTERNAL
from moldau.protocol.messages.create_topics import (
    CreatableTopic,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from moldau.protocol.primitives import Malformed
from moldau.protocol.records import CorruptBatch
from moldau.storage.config import LogConfig
from moldau.storage.disk import DiskError
from moldau.storage.log import Refused
from moldau.storage.manager import FolderError

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request
    from moldau.cluster.decided import Decided
    from moldau.protocol.config.layers import BrokerConfigs


class Controller:
    """The active controller, in the only broker there is. Its log is open from `start` on."""

    _journal: MetadataJournal
    metadata: Partition

    def __init__(self, node: Node) -> None:
        self._node = node
        self._log = node.loggers[CONTROLLER]
        self.image = ClusterImage()
        self.configs: BrokerConfigs = node.settings.configs
        self.opening = Opening(node)

    @property
    def epoch(self) -> int:
        """The leader epoch of the metadata log, one higher at each start."""
        return self.metadata.leader_epoch

    @property
    def end_offset(self) -> int:
        return self.metadata.log.log_end_offset

    # --- start ------------------------------------------------------------------------------

    def start(self, listeners: Mapping[str, Endpoint], clean: bool) -> None:
        """Replays the metadata log, registers this broker and opens its logs. Raises FolderError
        when the log cannot be continued."""
        try:
            self._start(listeners, clean)
        except (ForeignFolder, InconsistentMetadata, Malformed, CorruptBatch) as error:
            raise FolderError(
                f"The metadata of the folder {self._node.logs.data_dir} cannot be used: {error}"
            ) from error

    def _start(self, listeners: Mapping[str, Endpoint], clean: bool) -> None:
        node, settings = self._node, self._node.settings
        check_metadata_are_there(node.logs)
        stored = load_metadata(node.logs.disk, node.logs.data_dir)
        taken = check_contents(node.logs, settings.node_id, stored)
        if taken is not None:
            self._log.info(taken)
        node.logs.begin()
        self._journal = MetadataJournal(node, stored)
        self.metadata = self._journal.partition
        self._take(stored.image)
        self._expect(self._journal.begin())
        incarnation = Incarnation(
            settings.node_id,
            listeners,
            settings.broker["broker.rack"],
            [node.logs.directory_id],
        )
        records = records_for_start(
            self.image,
            self.configs,
            incarnation,
            node.rng,
            next_offset=self.end_offset,
            in_transaction=stored.in_transaction,
            clean=clean,
            bootstrap=stored.bootstrap,
        )
        self._expect(self._write(records))
        node.logs.broker_epoch = self.image.brokers[settings.node_id].epoch
        node.when_synced([(self.metadata, self.end_offset)], lambda: None)
        self.opening.serves = True

    def _expect(self, refused: Refused | None) -> None:
        """A broker that cannot register itself would tell clients that there is none."""
        if refused is not None:
            raise DiskError(EIO, refused.message, self._node.logs.data_dir)

    def stop(self) -> None:
        """The last words of a clean stop; a log that cannot take them loses nothing."""
        if not self._node.logs.sync_failed:
            self._write(records_for_stop(self.image, self._node.settings.node_id))

    def create_missing(self, topics: Iterable[CreatableTopic]) -> None:
        """Topics that nobody waits for: those of KAFKA_CREATE_TOPICS, and the broker's own. What
        is there stays as it is; what cannot be is said in the log."""
        wanted = [topic for topic in topics if topic.name not in self.image.topics]
        request = CreateTopicsRequest(topics=wanted)
        decided = create_topics(self.image, self.configs, self._node.rng, request)
        assert isinstance(decided.response, CreateTopicsResponse)
        for result in decided.response.topics:
            if result.error_code:
                self._log.warn(f"topic {result.name} is not created: {result.error_message}")
        refused = self._write(decided.records) if decided.records else None
        if refused is not None:
            self._log.warn(f"topics are not created: {refused.message}")

    # --- decisions --------------------------------------------------------------------------

    def submit(self, decided: Decided, request: Request) -> None:
        """Writes what was decided and answers the request when it is on disk."""
        if decided.records:
            refused = self._write(decided.records)
            if refused is not None:
                self._node.respond(request, decided.refuse(refused.code, refused.message))
                return
        self._node.respond_when_synced(
            request, decided.response, [(self.metadata, self.end_offset)]
        )

    def _write(self, records: Sequence[Record]) -> Refused | None:
        refused = self._journal.write(records, self.image.features)
        if refused is None:
            self._take(self.image.apply(records))
            self._journal.written(self.image)
        return refused

    # --- what follows from the image ----------------------------------------------------------

    def _take(self, image: ClusterImage) -> None:
        """The cluster is as this image says, from now on."""
        before, self.image = self.image, image
        differing = changes(before, self.image)
        node_id = self._node.settings.node_id
        self.configs = effective(self.image, self.configs, node_id)
        for topic in differing.removed:
            self._close(topic)
        self.opening.lead((*differing.created, *(after for _, after in differing.altered)))
        self._tell_of_cleaning({topic.name for topic in differing.created}, differing.configured)
        if self.image.client_quotas is not before.client_quotas:
            self._node.limit_clients(self.image.client_quotas)
        if differing.brokers_configured:
            self._node.limit_connections(self.configs)
            expiration: Any = self.configs.values["producer.id.expiration.ms"]
            self._node.logs.expire_producers_after(expiration)
        self._reconfigure(
            self.image.topics if differing.brokers_configured else differing.configured
        )

    def _tell_of_cleaning(self, created: Iterable[str], configured: Iterable[str]) -> None:
        """Who asks for compaction is told, at each start too, what becomes of it here."""
        named = sorted(
            name
            for name in {*created, *configured} - INTERNAL
            if name in self.image.topics and self.log_config(name).is_compacted
        )
        if named:
            self._log.info(
                f"cleanup.policy=compact: keys are demanded, and nothing is cleaned or deleted "
                f"yet; cleaning comes later. Topics: {', '.join(named)}"
            )

    def _close(self, topic: TopicImage) -> None:
        self.opening.forget(topic.name)
        for index in range(len(topic.partitions)):
            self._node.resign(topic.name, index)
            self._node.logs.delete(topic.name, index, self._node.now_ms)
        self._node.groups.topic_deleted(topic.name, topic.id)

    def _reconfigure(self, topics: Iterable[str]) -> None:
        for name in topics:
            config = self.log_config(name)
            for index in range(len(self.image.topics[name].partitions)):
                partition = self._node.partitions.get((name, index))
                if partition is not None:
                    partition.log.reconfigure(config)

    def log_config(self, topic: str) -> LogConfig:
        return LogConfig.of_topic(topic_values(self.image, self.configs, topic))
