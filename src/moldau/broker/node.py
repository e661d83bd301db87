"""One node's brain: it is fed with what happens and drained of what should be done.

Inputs: `opened`, `frame`, `drained`, `closed`, `synced`, `tick`. Output: `drain()`, and
`next_deadline()` for the next `tick`. Nothing here waits, and no time or chance is taken from
anywhere: the same inputs give the same outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from moldau.broker.answers import Answers
from moldau.broker.controller import Controller
from moldau.broker.fetch_session import Sessions
from moldau.broker.groups.coordinator import GroupCoordinator
from moldau.broker.loggers import REQUEST, Loggers
from moldau.broker.outbox import Outbox
from moldau.broker.partition import Partition
from moldau.broker.quotas.connections import ConnectionQuotas
from moldau.broker.quotas.meter import Meter, Permits, client_window
from moldau.broker.wire import Wire
from moldau.cluster.create_topics import auto_topics
from moldau.cluster.topic_names import CONSUMER_OFFSETS
from moldau.cluster.view import View
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.create_topics import CreatableTopic, CreatableTopicConfig

if TYPE_CHECKING:
    from moldau.broker.request import Connection, Request
    from moldau.cluster.client_quotas import Quotas
    from moldau.cluster.image import ClusterImage, Endpoint
    from moldau.protocol.config.layers import BrokerConfigs
    from moldau.protocol.schema import Message
    from moldau.storage.log import Log
    from moldau.storage.manager import LogManager

ALL = -1


class Dice(Protocol):
    """What the node needs of random.Random."""

    def randbytes(self, n: int) -> bytes: ...

    def random(self) -> float: ...

    def getrandbits(self, k: int) -> int: ...


class NewTopic(Protocol):
    """A topic to create at start, unless it is there."""

    @property
    def name(self) -> str: ...

    @property
    def partitions(self) -> int: ...

    @property
    def replication_factor(self) -> int: ...

    @property
    def cleanup_policy(self) -> str | None: ...


class Settings(Protocol):
    """What the node needs to know of how it was started."""

    @property
    def node_id(self) -> int: ...

    @property
    def broker(self) -> Mapping[str, Any]: ...

    @property
    def configs(self) -> BrokerConfigs: ...

    @property
    def create_topics(self) -> Sequence[NewTopic]: ...


class Node(Wire):
    def __init__(
        self,
        settings: Settings,
        logs: LogManager,
        rng: Dice,
        loggers: Loggers,
        stopwatch: Callable[[], int],
        now_ms: int,
    ) -> None:
        """`stopwatch` counts nanoseconds; it is asked only where clients' time is limited."""
        super().__init__(loggers[REQUEST].warn)
        self.loggers = loggers
        self.now_ms = now_ms
        self.settings = settings
        self.logs = logs
        self.rng = rng
        self.partitions: dict[tuple[str, int], Partition] = {}
        self.generation = 0  # counts changes of what this node leads
        self._led: dict[Log, Partition] = {}
        broker = settings.broker
        self.fetch_max_bytes: int = broker["fetch.max.bytes"]
        self.sessions = Sessions(
            broker["max.incremental.fetch.session.cache.slots"], lambda: rng.getrandbits(31)
        )
        sync = broker["moldau.sync"]
        self._synced_acks = {"never": (), "acks-all": (ALL,), "always": (ALL, 1)}[sync]
        self._meter = Meter(self, loggers, broker, stopwatch)
        self.connection_quotas = ConnectionQuotas(client_window(broker))
        self.connection_quotas.configure(settings.configs)
        self.controller = Controller(self)
        self.groups = GroupCoordinator(self)
        self.answers = Answers()
        # Ids for producers that are reserved on disk and not yet handed out.
        self.producer_ids = range(0)

    @property
    def cluster_id(self) -> str:
        return self.logs.cluster_id

    def start(self, listeners: Mapping[str, Endpoint]) -> None:
        """Reads what is stored; from then on the node serves."""
        self.controller.start(listeners, self.logs.was_clean)
        self.logs.set_aside_strays()
        self.controller.create_missing(
            CreatableTopic(
                name=topic.name,
                num_partitions=topic.partitions,
                replication_factor=topic.replication_factor,
                configs=[]
                if topic.cleanup_policy is None
                else [CreatableTopicConfig(name="cleanup.policy", value=topic.cleanup_policy)],
            )
            for topic in self.settings.create_topics
        )

    def stop(self) -> None:
        """Nothing more will come. The logs are closed behind it, which puts them on disk."""
        self.controller.stop()

    def ensure_offsets_topic(self) -> bool:
        """Is there a place for groups? It is made when first asked for, as in Apache Kafka."""
        if CONSUMER_OFFSETS not in self.image.topics:
            request = auto_topics(self.controller.configs, [CONSUMER_OFFSETS])
            self.controller.create_missing(request.topics)
        return CONSUMER_OFFSETS in self.image.topics

    # --- what is where ----------------------------------------------------------------------

    @property
    def image(self) -> ClusterImage:
        return self.controller.image

    def partition(self, topic: str | None, index: int) -> Partition | None:
        """To be asked something, or written to."""
        found = self.partitions.get((topic, index))  # type: ignore[arg-type]
        if found is None and topic is not None:
            return self.controller.opening.asked(topic, index)
        return found

    def why_missing(self, topic: str | None, index: int) -> ErrorCode:
        """What to say when `partition` gives none. There may be one whose log is not open yet;
        clients ask again then."""
        if topic is not None and self.image.partition(topic, index) is not None:
            return ErrorCode.NOT_LEADER_OR_FOLLOWER
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION

    def topic_name(self, topic_id: bytes) -> str | None:
        topic = self.image.topics_by_id.get(topic_id)
        return None if topic is None else topic.name

    def lead(self, partition: Partition) -> None:
        """This node leads the partition from now on."""
        self.generation += 1
        self.partitions[partition.topic, partition.index] = partition
        self.watch(partition)

    def watch(self, partition: Partition) -> None:
        """Who waits for the syncs of that partition's log is told of them."""
        self._led[partition.log] = partition

    def resign(self, topic: str, index: int) -> Partition | None:
        """The partition is gone: who waits for its end is told so."""
        self.generation += 1
        partition = self.partitions.pop((topic, index), None)
        if partition is not None:
            del self._led[partition.log]
            partition.appended(1 << 62)
            if partition.sync_waiters:
                # Its records need not be on disk once its deletion is.
                metadata = self.controller.metadata
                self.when_synced(
                    [(metadata, metadata.log.log_end_offset)], partition.sync_waiters.release
                )
        return partition

    def fenced(self, partition: Partition, epoch: int) -> ErrorCode:
        """Does the client know another leader epoch (-1: it does not say)? KIP-320."""
        if epoch in (-1, partition.leader_epoch):
            return ErrorCode.NONE
        if epoch < partition.leader_epoch:
            return ErrorCode.FENCED_LEADER_EPOCH
        return ErrorCode.UNKNOWN_LEADER_EPOCH

    def advertised(self, connection: Connection) -> tuple[str, int]:
        """Our address for whoever is on that connection: the one that its listener advertises,
        else the one that it dialled, which it can surely reach."""
        return connection.advertised or connection.local_address

    def view(self, connection: Connection, image: ClusterImage | None = None) -> View:
        """The cluster, now or as an image will have it, as that client sees it."""
        own = (self.settings.node_id, self.advertised(connection))
        return View(image or self.image, connection.listener, own)

    # --- measuring --------------------------------------------------------------------------

    def limit_clients(self, quotas: Quotas) -> None:
        self._meter.limit(quotas)
        self.connection_quotas.limit(quotas)
        self.measure_if_wanted()

    def limit_connections(self, configs: BrokerConfigs) -> None:
        """As these say; those that are too many then are closed, idle and old ones first."""
        self.connection_quotas.configure(configs)
        excess = self.connection_quotas.excess
        if excess:
            chosen = sorted(self.connections, key=lambda one: (bool(one.inflight), one.id))
            for connection in chosen[:excess]:
                self.close(connection, "fewer connections are allowed now (max.connections)")

    def permits(self, request: Request, strict_since: int) -> Permits:
        """How many partitions the request may create or delete."""
        return Permits() if self.meter is None else self.meter.permits(request, strict_since)

    def measure_if_wanted(self) -> None:
        """Quotas or levels of loggers have changed."""
        if self._meter.is_wanted != (self.meter is not None):
            self.meter = self._meter if self._meter.is_wanted else None
            self.generation += 1  # what connections remember to do unmeasured is over

    # --- durability -------------------------------------------------------------------------

    def sync_before_reply(self, acks: int) -> bool:
        return acks in self._synced_acks

    def respond_when_synced(
        self, request: Request, response: Message, written: list[tuple[Partition, int]]
    ) -> None:
        """Answers when each partition is on disk up to the offset given with it."""
        self.when_synced(written, lambda: self.respond(request, response))

    def when_synced(self, written: list[tuple[Partition, int]], call: Callable[[], None]) -> None:
        """Calls back when each partition is on disk up to the offset given with it."""
        missing = [(p, offset) for p, offset in written if p.log.synced_offset < offset]
        metadata = self.controller.metadata
        # A record on disk is worth nothing while the topic that it belongs to is not.
        born = max((p.created_at for p, _ in written), default=0)
        if born > metadata.log.synced_offset:
            missing.append((metadata, born))
        if not missing or not self._synced_acks:
            call()
            return
        left = len(missing)

        def one_less() -> None:
            nonlocal left
            left -= 1
            if not left:
                call()

        for partition, offset in missing:
            partition.sync_waiters.add(offset, one_less)
            self.outbox.syncs[partition.log] = None

    def synced(self, log: Log, offset: int) -> None:
        """The log is on disk up to that offset."""
        log.synced(offset)
        partition = self._led.get(log)
        if partition is not None:
            partition.sync_waiters.synced(offset)

    # --- time -------------------------------------------------------------------------------

    def clock_moved(self, by_ms: int) -> None:
        """Somebody set the clock, or the machine slept. Everything here that waits does so until a
        date; that would come at once, or a day late."""
        self.now_ms += by_ms
        self.timers.clock_moved(by_ms)
        self.groups.clock_moved(by_ms)
        self.sessions.clock_moved(by_ms)
        self._meter.clock_moved(by_ms)
        self.connection_quotas.clock_moved(by_ms)
        self.logs.clock_moved(by_ms, self.now_ms)

    def tick(self, now_ms: int) -> None:
        super().tick(now_ms)
        self.controller.opening.round_begins()
        deadline = self.logs.deadline
        if deadline is not None and deadline <= now_ms:
            self.logs.tick(now_ms)

    def drain(self) -> Outbox:
        outbox = super().drain()
        for log in self.logs.take_wanted_syncs():
            outbox.syncs[log] = None
        return outbox

    def next_deadline(self) -> int | None:
        """When `tick` should be called at the latest, ms since 1970; None: no reason to."""
        logs, timers = self.logs.deadline, super().next_deadline()
        if logs is None or timers is None:
            return logs if timers is None else timers
        return min(logs, timers)
