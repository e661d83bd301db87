"""The cluster as a client on one listener sees it (Apache Kafka: KRaftMetadataCache)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from moldau.cluster.image import NO_LEADER, BrokerImage, ClusterImage, PartitionImage
from moldau.protocol.errors import ErrorCode

# Everything that may be done to a topic and to the cluster, as bits of AclOperation: without an
# authorizer everybody may do all of it.
ALL_TOPIC_OPERATIONS: Final = 3576
ALL_CLUSTER_OPERATIONS: Final = 8096


class SeenBroker(NamedTuple):
    id: int
    host: str
    port: int
    rack: str | None
    fenced: bool


class SeenPartition(NamedTuple):
    """`leader` is -1, with an error, when the client cannot reach the leader."""

    error: ErrorCode
    leader: int
    replicas: Sequence[int]
    isr: Sequence[int]
    offline: list[int]


class View:
    """`own` is this broker's id and the address at which the client finds it."""

    def __init__(
        self, image: ClusterImage, listener: str, own: tuple[int, tuple[str, int]]
    ) -> None:
        self.image = image
        self.listener = listener
        self._own_id, self._own_address = own

    def brokers(self, *, fenced: bool) -> list[SeenBroker]:
        """Those that have this listener; the fenced ones only if they are wanted."""
        return [
            SeenBroker(broker.id, *self._address(broker), broker.rack, broker.fenced)
            for broker in self.image.brokers.values()
            if self._has_listener(broker) and (fenced or not broker.fenced)
        ]

    def _has_listener(self, broker: BrokerImage | None) -> bool:
        return broker is not None and (
            broker.id == self._own_id or self.listener in broker.listeners
        )

    def _address(self, broker: BrokerImage) -> tuple[str, int]:
        if broker.id == self._own_id:
            return self._own_address
        endpoint = broker.listeners[self.listener]
        return endpoint.host, endpoint.port

    def partition(self, partition: PartitionImage, version: int) -> SeenPartition:
        """As Metadata answers it: version 0 knows no dead replicas, and an error for missing
        listeners came with version 6."""
        replicas: Sequence[int] = partition.replicas
        isr: Sequence[int] = partition.isr
        if version == 0:
            replicas = [broker_id for broker_id in replicas if self._alive(broker_id)]
            isr = [broker_id for broker_id in isr if self._alive(broker_id)]
        offline = self.offline(partition)
        leader = self.image.brokers.get(partition.leader)
        if not self._has_listener(leader):
            error = ErrorCode.LEADER_NOT_AVAILABLE
            if leader is not None and version >= 6:
                error = ErrorCode.LISTENER_NOT_FOUND
            return SeenPartition(error, NO_LEADER, replicas, isr, offline)
        missing = len(replicas) < len(partition.replicas) or len(isr) < len(partition.isr)
        error = ErrorCode.REPLICA_NOT_AVAILABLE if missing else ErrorCode.NONE
        return SeenPartition(error, partition.leader, replicas, isr, offline)

    def _alive(self, broker_id: int) -> bool:
        broker = self.image.brokers.get(broker_id)
        return broker is not None and not broker.fenced and self._has_listener(broker)

    def offline(self, partition: PartitionImage) -> list[int]:
        return [broker_id for broker_id in partition.replicas if not self._alive(broker_id)]
