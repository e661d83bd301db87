"""Apache Kafka's brokers learn a little later what their controller has decided, and do it later
still: what tests wait for before they ask another broker, or rely on what was decided."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import TypeVar

from moldau.client.connection import Connection
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages import alter_client_quotas as alter
from moldau.protocol.messages import describe_client_quotas as describe
from moldau.protocol.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from moldau.protocol.messages.metadata import MetadataRequest, MetadataResponse

T = TypeVar("T")

PATIENCE_S = 120
_CHANGE = frozenset({"--alter", "--create", "--delete"})
_LOADING = (ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_NOT_AVAILABLE)
# A client whom nobody knows, and a limit that nobody reaches.
_BEACON, _HIGH = "settled", 1e12


def settle(bootstrap_servers: str) -> None:
    """Returns when each of these brokers does all that was decided until now, and those of its
    coordinators that it has begun to load are loaded.

    A quota is set, and removed when all have seen it: a broker makes known what it has learnt, puts
    it into effect, and goes on to what comes next."""
    with closing(_Brokers(bootstrap_servers)) as brokers:
        for value in (_HIGH, None):
            brokers.limit(value)
            brokers.until(partial(_has_limit, value))
        brokers.until(_has_loaded)


def settling(
    lines: Iterable[T], words_of: Callable[[T], Iterable[str]], bootstrap_servers: str
) -> Iterator[T]:
    """Lines for tools: all brokers know of what one has changed before the next comes."""
    has_changed = False
    for line in lines:
        if has_changed:
            settle(bootstrap_servers)
        yield line
        has_changed = not _CHANGE.isdisjoint(words_of(line))


def until_in_sync(bootstrap_servers: str) -> None:
    """Returns when each of these brokers says that all replicas of all topics are in sync."""
    with closing(_Brokers(bootstrap_servers)) as brokers:
        brokers.until(_is_in_sync)


class _Brokers:
    """A connection to each."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._connections = [
            Connection(host, int(port), "settle", PATIENCE_S)
            for host, port in (one.rsplit(":", 1) for one in bootstrap_servers.split(","))
        ]

    def close(self) -> None:
        for one in self._connections:
            one.close()

    def limit(self, value: float | None) -> None:
        """None: none."""
        entity = alter.EntityData(entity_type="client-id", entity_name=_BEACON)
        change = alter.OpData(key="producer_byte_rate", value=value or 0.0, remove=value is None)
        request = alter.AlterClientQuotasRequest(
            entries=[alter.EntryData(entity=[entity], ops=[change])]
        )
        answer = self._connections[0].ask(request, alter.AlterClientQuotasResponse)
        assert answer.entries[0].error_code == 0, answer

    def until(self, holds: Callable[[Connection], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        for one in self._connections:
            while not holds(one):
                assert time.monotonic() < deadline, f"{one.address} does not settle"
                time.sleep(0.01)


def _has_limit(value: float | None, broker: Connection) -> bool:
    component = describe.ComponentData(entity_type="client-id", match_type=0, match=_BEACON)
    request = describe.DescribeClientQuotasRequest(components=[component])
    answer = broker.ask(request, describe.DescribeClientQuotasResponse)
    return (answer.entries[0].values[0].value if answer.entries else None) == value


def _has_loaded(broker: Connection) -> bool:
    answer = broker.ask(ListGroupsRequest(), ListGroupsResponse)
    return answer.error_code not in _LOADING


def _is_in_sync(broker: Connection) -> bool:
    answer = broker.ask(MetadataRequest(topics=None), MetadataResponse)
    return all(
        set(one.isr_nodes) == set(one.replica_nodes) and one.error_code == 0
        for topic in answer.topics
        for one in topic.partitions
    )
