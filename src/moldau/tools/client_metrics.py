"""Java's client metrics, as far as librdkafka counts the same (its STATISTICS.md). Rates and
averages are those of the whole run; Java's are of the last minute.

Apache Kafka: clients/…/internals/SenderMetricsRegistry, FetchMetricsRegistry,
network/Selector.SelectorMetrics, tools/ToolsUtils.printMetrics.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

_INTERVAL_MS = 100
_LAST_WORD_S = 2.0
# A consumer's connection to its coordinator is that of a node of its own, in Java too.
_COORDINATORS = 2_147_483_647
Tags = tuple[tuple[str, object], ...]


class _Mean:
    """Of windows that librdkafka begins anew with each of its reports."""

    def __init__(self) -> None:
        self.count = self.total = self.most = 0

    def add(self, window: Mapping[str, int]) -> None:
        self.count += window["cnt"]
        self.total += window["sum"]
        self.most = max(self.most, window["max"] if window["cnt"] else 0)

    def named(self, name: str, unit: float = 1.0) -> Iterator[tuple[str, float]]:
        yield f"{name}-avg", _ratio(self.total, self.count) / unit
        yield f"{name}-max", self.most / unit if self.count else float("nan")


class ClientMetrics:
    """What one client reported. Its configuration gets `config`; `kind` is producer or consumer."""

    def __init__(self, kind: str, client_id: str) -> None:
        self._kind = kind
        self._client: Tags = (("client-id", client_id),)
        self._began = time.monotonic()
        self._last: dict[str, Any] = {}
        self._means: dict[object, _Mean] = defaultdict(_Mean)
        self._reports = 0
        self._elapsed = 0.0
        self._found: dict[str, float] = {}

    @property
    def config(self) -> dict[str, Any]:
        return {"statistics.interval.ms": _INTERVAL_MS, "stats_cb": self._report}

    def _report(self, text: str) -> None:
        self._last = json.loads(text)
        self._reports += 1
        for name, broker in self._last["brokers"].items():
            for what in ("rtt", "int_latency", "throttle"):
                self._means[what].add(broker[what])
            self._means["rtt", name].add(broker["rtt"])
        for topic in self._last["topics"].values():
            self._means["batchsize"].add(topic["batchsize"])

    def of_producer(self, poll: Callable[[float], object], failed: int) -> None:
        """When all is sent; `poll` serves the client, `failed` are records not delivered."""
        self._hear_the_end(poll)
        if self._last:
            self._connections()
            self._produced(failed)

    def of_consumer(self, poll: Callable[[float], object], records: int, size: int) -> None:
        """When all is read: so many records and bytes. librdkafka counts what it has fetched, Java
        what it has handed over."""
        self._hear_the_end(poll)
        if self._last:
            self._connections()
            self._consumed(records, size)

    def print(self) -> None:
        width = max(map(len, self._found), default=0)
        print(f"\n{'Metric Name':<{width}}   Value")
        for name in sorted(self._found):
            print(f"{name:<{width}} : {self._found[name]:.3f}")

    def _hear_the_end(self, poll: Callable[[float], object]) -> None:
        reports, deadline = self._reports, time.monotonic() + _LAST_WORD_S
        while self._reports == reports and time.monotonic() < deadline:
            poll(_INTERVAL_MS / 1000)
        self._elapsed = time.monotonic() - self._began

    # --- what is known

    def _connections(self) -> None:
        last, group = self._last, f"{self._kind}-metrics"
        brokers = self._brokers()
        self._put(group, [("connection-count", sum(b["state"] == "UP" for b in brokers))])
        self._count(group, "connection-creation", sum(b["connects"] for b in brokers))
        self._count(group, "connection-close", sum(b["disconnects"] for b in brokers))
        self._count(group, "network-io", last["tx"] + last["rx"])
        self._traffic(group, last["tx"], last["tx_bytes"], last["rx"], last["rx_bytes"])
        for broker in brokers:
            self._node(broker)

    def _node(self, broker: Mapping[str, Any]) -> None:
        number = broker["nodeid"]
        if broker["source"] == "logical":
            if number < 0:
                return
            number = _COORDINATORS - number
        group, tags = f"{self._kind}-node-metrics", (("node-id", f"node-{number}"),)
        self._traffic(group, broker["tx"], broker["txbytes"], broker["rx"], broker["rxbytes"], tags)
        self._put(group, self._means["rtt", broker["name"]].named("request-latency", 1e3), tags)

    def _traffic(
        self, group: str, sent: int, sent_bytes: int, read: int, read_bytes: int, tags: Tags = ()
    ) -> None:
        self._count(group, "request", sent, tags)
        self._count(group, "outgoing-byte", sent_bytes, tags)
        self._count(group, "response", read, tags)
        self._count(group, "incoming-byte", read_bytes, tags)
        self._put(group, [("request-size-avg", _ratio(sent_bytes, sent))], tags)

    def _produced(self, failed: int) -> None:
        last, group = self._last, "producer-metrics"
        self._count(group, "record-send", last["txmsgs"])
        self._count(group, "record-error", failed)
        self._put(group, self._means["batchsize"].named("batch-size"))
        self._put(group, self._means["int_latency"].named("record-queue-time", 1e3))
        self._put(group, self._means["rtt"].named("request-latency", 1e3))
        self._put(group, self._means["throttle"].named("produce-throttle-time"))
        ages = [topic["metadata_age"] / 1e3 for topic in last["topics"].values()]
        singles = {
            "record-size-avg": _ratio(last["txmsg_bytes"], last["txmsgs"]),
            "records-per-request-avg": _ratio(last["txmsgs"], self._asked("Produce")),
            "requests-in-flight": sum(b["waitresp_cnt"] for b in self._brokers()),
            "buffer-total-bytes": last["msg_size_max"],
            "buffer-available-bytes": last["msg_size_max"] - last["msg_size"],
            "metadata-age": min(ages, default=float("nan")),
        }
        self._put(group, singles.items())
        for name, topic in last["topics"].items():
            tags = (("topic", name),)
            partitions = topic["partitions"].values()
            group = "producer-topic-metrics"
            self._count(group, "record-send", sum(p["txmsgs"] for p in partitions), tags)
            self._count(group, "byte", sum(p["txbytes"] for p in partitions), tags)

    def _consumed(self, records: int, size: int) -> None:
        group, fetches = "consumer-fetch-manager-metrics", self._asked("Fetch")
        self._count(group, "records-consumed", records)
        self._count(group, "bytes-consumed", size)
        self._count(group, "fetch", fetches)
        self._put(group, self._means["throttle"].named("fetch-throttle-time"))
        self._put(group, [("records-per-request-avg", _ratio(records, fetches))])
        self._grouped(self._last.get("cgrp"))

    def _grouped(self, group: Mapping[str, Any] | None) -> None:
        if group is None:
            return
        name = "consumer-coordinator-metrics"
        self._put(name, [("assigned-partitions", group["assignment_size"])])
        for metric, request in _OF_GROUPS.items():
            self._count(name, metric, self._asked(request))

    # --- how it is put

    def _brokers(self) -> list[dict[str, Any]]:
        return list(self._last["brokers"].values())

    def _asked(self, request: str) -> int:
        return sum(broker["req"].get(request, 0) for broker in self._brokers())

    def _count(self, group: str, name: str, total: int, tags: Tags = ()) -> None:
        rate = total / self._elapsed if self._elapsed else 0.0
        self._put(group, [(f"{name}-total", total), (f"{name}-rate", rate)], tags)

    def _put(self, group: str, metrics: Iterable[tuple[str, float]], tags: Tags = ()) -> None:
        said = ", ".join(f"{name}={value}" for name, value in self._client + tags)
        for name, value in metrics:
            self._found[f"{group}:{name}:{{{said}}}"] = float(value)


_OF_GROUPS = {
    "heartbeat": "Heartbeat",
    "join": "JoinGroup",
    "sync": "SyncGroup",
    "commit": "OffsetCommit",
}


def _ratio(total: float, count: float) -> float:
    return total / count if count else float("nan")
