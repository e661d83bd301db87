"""Broker config names that Kafka once knew (0.7 to 4.2), and prefixes that plug-ins own.

Gathered from KafkaConfig of every release. 4.3's own names are in broker.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# What became of groups of names.
_MEANINGS: Final = {
    "host": "replaced by listeners, which it sets here when that is not given",
    "advertised": "replaced by advertised.listeners, which it sets here when that is not given",
    "advertised-port": "replaced by advertised.listeners; it counts beside advertised.host.name",
    "generation": "brokers no longer draw their ids; node.id is 1 unless you say otherwise",
    "versions": "older formats are gone; Moldau serves what Kafka 4.3 serves",
    "timestamps": "replaced by log.message.timestamp.before.max.ms and its twin .after.max.ms",
    "check": "replaced by log.retention.check.interval.ms",
    "per-topic": "replaced by configs of the topic itself; set them with kafka-configs",
    "shutdown": "a clean stop needs no retries",
    "controller": "the controller shares the broker's process and queue",
    "imbalance": "one broker leads every partition",
    "lag": "replicas are judged by replica.lag.time.max.ms, and one broker has none",
    "quota": "default quotas are set while the broker runs: kafka-configs --client-defaults",
    "passwords": "dynamic passwords were encrypted for ZooKeeper; there is neither here",
    "acks": "offsets are always committed with acks=all",
    "metrics": "JMX is a thing of the Java machine",
    "groups": "decided by the versions of features today",
    "quorum": "the metadata log is kept as Moldau sees fit",
    "zookeeper": "Kafka left ZooKeeper with 4.0; Moldau keeps its metadata in its own log",
    "token": "renamed to delegation.token.secret.key",
    "threads": "there are no thread pools here to size",
}
# A name in the last column is what it is called today.
_NAMES: Final = """
advertised.host.name 2.8 advertised
advertised.port 2.8 advertised-port
auto.include.jmx.reporter 3.9 metrics
broker.id.generation.enable 3.9 generation
brokerid 0.7 node.id
control.plane.listener.name 3.9 controller
controlled.shutdown.max.retries 3.9 shutdown
controlled.shutdown.retry.backoff.ms 3.9 shutdown
controller.message.queue.size 0.8 controller
delegation.token.master.key 3.9 token
eligible.leader.replicas.enable 3.9 groups
enable.zookeeper 0.7 zookeeper
group.coordinator.new.enable 4.0 groups
group.share.enable 4.2 groups
group.share.max.groups 4.0 groups
host.name 2.8 host
hostname 0.7 listeners
inter.broker.protocol.version 3.9 versions
internal.metadata.max.fetch.size.in.bytes 4.2 quorum
leader.imbalance.per.broker.percentage 3.9 imbalance
log.cleanup.interval.mins 0.8.0 check
log.default.flush.interval.ms 0.7 log.flush.interval.ms
log.default.flush.scheduler.interval.ms 0.7 log.flush.scheduler.interval.ms
log.file.size 0.7 log.segment.bytes
log.flush.interval 0.7 log.flush.interval.messages
log.flush.interval.ms.per.topic 0.8.0 per-topic
log.message.downconversion.enable 3.9 versions
log.message.format.version 3.9 versions
log.message.timestamp.difference.max.ms 3.9 timestamps
log.retention.bytes.per.topic 0.8.0 per-topic
log.retention.hours.per.topic 0.8.0 per-topic
log.retention.size 0.7 log.retention.bytes
log.roll.hours.per.topic 0.8.0 per-topic
log.segment.bytes.per.topic 0.8.0 per-topic
max.message.size 0.7 message.max.bytes
max.socket.request.bytes 0.7 socket.request.max.bytes
max.topic.name.length 0.7 versions
metadata.log.segment.min.bytes 4.0 quorum
monitoring.period.secs 0.7 metrics
num.threads 0.7 threads
offsets.commit.required.acks 3.9 acks
password.encoder.cipher.algorithm 3.9 passwords
password.encoder.iterations 3.9 passwords
password.encoder.key.length 3.9 passwords
password.encoder.keyfactory.algorithm 3.9 passwords
password.encoder.old.secret 3.9 passwords
password.encoder.secret 3.9 passwords
port 2.8 host
quota.consumer.default 2.8 quota
quota.producer.default 2.8 quota
replica.lag.max.messages 0.8 lag
reserved.broker.max.id 3.9 generation
share.fetch.max.fetch.records 4.0 groups
socket.receive.buffer 0.7 socket.receive.buffer.bytes
socket.send.buffer 0.7 socket.send.buffer.bytes
topic.flush.intervals.ms 0.7 per-topic
topic.log.file.size 0.7 per-topic
topic.log.retention.hours 0.7 per-topic
topic.log.retention.size 0.7 per-topic
topic.log.roll.hours 0.7 per-topic
topic.partition.count.map 0.7 per-topic
unstable.metadata.versions.enable 3.7 groups
zk.connect 0.7 zookeeper
zk.connectiontimeout.ms 0.7 zookeeper
zk.sessiontimeout.ms 0.7 zookeeper
zk.synctime.ms 0.7 zookeeper
zookeeper.clientCnxnSocket 3.9 zookeeper
zookeeper.connect 3.9 zookeeper
zookeeper.connection.timeout.ms 3.9 zookeeper
zookeeper.max.in.flight.requests 3.9 zookeeper
zookeeper.metadata.migration.enable 3.9 zookeeper
zookeeper.metadata.migration.min.batch.size 3.9 zookeeper
zookeeper.session.timeout.ms 3.9 zookeeper
zookeeper.set.acl 3.9 zookeeper
zookeeper.ssl.cipher.suites 3.9 zookeeper
zookeeper.ssl.client.enable 3.9 zookeeper
zookeeper.ssl.crl.enable 3.9 zookeeper
zookeeper.ssl.enabled.protocols 3.9 zookeeper
zookeeper.ssl.endpoint.identification.algorithm 3.9 zookeeper
zookeeper.ssl.keystore.location 3.9 zookeeper
zookeeper.ssl.keystore.password 3.9 zookeeper
zookeeper.ssl.keystore.type 3.9 zookeeper
zookeeper.ssl.ocsp.enable 3.9 zookeeper
zookeeper.ssl.protocol 3.9 zookeeper
zookeeper.ssl.truststore.location 3.9 zookeeper
zookeeper.ssl.truststore.password 3.9 zookeeper
zookeeper.ssl.truststore.type 3.9 zookeeper
zookeeper.sync.time.ms 3.1 zookeeper
"""

# Beginnings of names that plug-ins and other distributions read for themselves.
PLUG_IN_PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "allow.everyone.if.no.acl.found": "a setting of Kafka's authorizer",
        "super.users": "a setting of Kafka's authorizer",
        "authorizer.": "settings of authorizers",
        "client.quota.": "settings of quota plug-ins",
        "confluent.": "settings of Confluent's distribution",
        "cruise.control.": "settings of Cruise Control's reporter",
        "kafka.csv.metrics.": "settings of metrics reporters",
        "kafka.metrics.": "settings of metrics reporters",
        "metric.reporters.": "settings of metrics reporters",
        "metrics.": "settings of metrics reporters",
        "principal.builder.": "settings of principal builders",
        "remote.log.": "settings of remote storage plug-ins",
        "rlmm.config.": "settings of remote storage plug-ins",
        "rsm.config.": "settings of remote storage plug-ins",
        "strimzi.": "settings of Strimzi's plug-ins",
        "zookeeper.": "settings of a ZooKeeper client",
    }
)


def _historic() -> dict[str, tuple[str, str]]:
    rows = (line.split() for line in _NAMES.split("\n") if line)
    return {name: (last, _meaning(word)) for name, last, word in rows}


def _meaning(word: str) -> str:
    return _MEANINGS.get(word) or f"called {word} today; set that"


# Name to (last release that knew it, what it means today).
HISTORIC: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(_historic())


def plug_in(name: str) -> str | None:
    """Whose setting a name is that Kafka itself never defined; None if nobody's."""
    for prefix, whose in PLUG_IN_PREFIXES.items():
        if name.startswith(prefix):
            return whose
    return None
