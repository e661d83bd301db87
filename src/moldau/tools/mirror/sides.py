"""The brokers of one cluster, for data: who leads which partition, and a connection to each."""

from __future__ import annotations

from collections.abc import Iterable

from moldau.client.admin import Admin, BrokerAddress
from moldau.client.connection import Connection
from moldau.protocol.uuids import ZERO, to_text

TopicPartition = tuple[str, int]
_CONNECT_S = 10.0


def topic_id(name: str, uuid: bytes) -> str:
    """What tells a topic from one that is created later under its name: its id, where the cluster
    has ids (Kafka 2.8), else its name."""
    return name if uuid == ZERO else to_text(uuid)


class Side:
    """`ids`: as this cluster told them at the last `refresh`, or as they were pinned."""

    def __init__(self, admin: Admin, *, drops_unsent: bool = False) -> None:
        self.admin = admin
        self.ids: dict[str, bytes] = {}
        self.leaders: dict[TopicPartition, int] = {}
        self._drops_unsent = drops_unsent
        self._addresses: dict[int, BrokerAddress] = {}
        self._connections: dict[int, Connection] = {}

    def close(self) -> None:
        for node in list(self._connections):
            self.drop(node)

    def refresh(self, topics: Iterable[str]) -> dict[str, bytes]:
        """Asks who leads what. The ids of the topics that are there now."""
        names = sorted(topics)
        found = self.admin.call(
            "metadata", self.admin.anyone, lambda c: self.admin.metadata(c, names)
        )
        self._addresses = {
            b.node_id: BrokerAddress(b.node_id, b.host, b.port) for b in found.brokers
        }
        self.leaders = {
            (t.name or "", p.partition_index): p.leader_id
            for t in found.topics
            for p in t.partitions
        }
        return {t.name or "": t.topic_id for t in found.topics if not t.error_code}

    def connection(self, node: int) -> Connection:
        """Raises Unreachable, WrongPeer."""
        if node not in self._connections:
            _, host, port = self._addresses[node]
            connection = Connection(host, port, self.admin.settings.client_id, _CONNECT_S)
            if self._drops_unsent:
                connection.drop_unsent()
            self._connections[node] = connection
        return self._connections[node]

    def drop(self, node: int) -> None:
        """The connection is not to be used again: something is wrong with it, or under way."""
        if node in self._connections:
            self._connections.pop(node).close()

    def by_leader(self, places: Iterable[TopicPartition]) -> dict[int, list[TopicPartition]]:
        """Those that have a leader that is known."""
        led: dict[int, list[TopicPartition]] = {}
        for place in places:
            leader = self.leaders.get(place, -1)
            if leader in self._addresses:
                led.setdefault(leader, []).append(place)
        return led
