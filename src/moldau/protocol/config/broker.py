"""The broker configs of Apache Kafka 4.3, what Moldau makes of each, and its own few.

Sources: AbstractKafkaConfig.CONFIG_DEF, QuotaConfig.brokerQuotaConfigs and
DynamicBrokerConfig.dynamicConfigUpdateModes of Apache Kafka 4.3.1. The effects are explained
in effects.py; docs/configuration.md is generated from both.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from moldau.protocol.config.definition import Definition, table

_WORDS: Final = {
    "codecs": "in:uncompressed,zstd,lz4,snappy,gzip,producer",
    "protocol-map": "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
    "policies": "of:compact,delete",
    "timestamps": "in:CreateTime,LogAppendTime",
    "DefaultKafkaPrincipalBuilder": "org.apache.kafka.common.security.authenticator"
    ".DefaultKafkaPrincipalBuilder",
    "DefaultJwtRetriever": "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever",
    "DefaultJwtValidator": "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator",
    "protocols": "in:PLAINTEXT,SSL,SASL_PLAINTEXT,SASL_SSL",
    "client-auth": "in:required,requested,none",
    "migrations": "icase:DISABLED,DOWNGRADE,UPGRADE,BIDIRECTIONAL",
    "DefaultStatePersister": "org.apache.kafka.server.share.persister.DefaultStatePersister",
    "roles": "of!:broker,controller",
    "group-protocols": "classic,consumer,streams",
    "groups": "of!:consumer,classic,share,streams",
    "JmxReporter": "org.apache.kafka.common.metrics.JmxReporter",
    "TopicBasedRemoteLogMetadataManager": "org.apache.kafka.server.log.remote.metadata.storage"
    ".TopicBasedRemoteLogMetadataManager",
}

_TABLE: Final = """
[effective]
advertised.listeners                         list   -          list!
auto.create.topics.enable                    bool   true       -
broker.id                                    int    -1         -
broker.rack                                  string -          -
compression.gzip.level                       int    -1         gzip     cluster
compression.lz4.level                        int    9          1..17    cluster
compression.type                             string producer   *codecs  cluster
compression.zstd.level                       int    3          -131072..22 cluster
connections.max.idle.ms                      long   600000     -
controller.listener.names                    list   -          list!
controller.quota.window.num                  int    11         >=1
controller.quota.window.size.seconds         int    1          >=1
default.replication.factor                   int    1          -
delete.topic.enable                          bool   true       -
fetch.max.bytes                              int    57671680   >=1024
group.initial.rebalance.delay.ms             int    3000       -
group.max.session.timeout.ms                 int    1800000    -
group.max.size                               int    maxint     >=1
group.min.session.timeout.ms                 int    6000       -
internal.metadata.log.segment.bytes          int    -          -        internal
listener.security.protocol.map               string *protocol-map -        broker
listeners                                    list   PLAINTEXT://:9092 list!    broker
log.cleanup.policy                           list   delete     *policies cluster
log.dir                                      list   /tmp/kafka-logs list!
log.dirs                                     list   -          list!
log.flush.interval.messages                  long   max        >=1      cluster
log.flush.interval.ms                        long   -          -        cluster
log.flush.offset.checkpoint.interval.ms      int    60000      >=0
log.flush.scheduler.interval.ms              long   max        -
log.index.interval.bytes                     int    4096       >=0      cluster
log.index.size.max.bytes                     int    10485760   >=4      cluster
log.initial.task.delay.ms                    long   30000      >=0      internal
log.message.timestamp.after.max.ms           long   3600000    >=0      cluster
log.message.timestamp.before.max.ms          long   max        >=0      cluster
log.message.timestamp.type                   string CreateTime *timestamps cluster
log.retention.bytes                          long   -1         -        cluster
log.retention.check.interval.ms              long   300000     >=1
log.retention.hours                          int    168        -
log.retention.minutes                        int    -          -
log.retention.ms                             long   -          -        cluster
log.roll.hours                               int    168        >=1
log.roll.jitter.hours                        int    0          >=0
log.roll.jitter.ms                           long   -          -        cluster
log.roll.ms                                  long   -          -        cluster
log.segment.bytes                            int    1073741824 >=1048576 cluster
log.segment.delete.delay.ms                  long   60000      >=0      cluster
max.connection.creation.rate                 int    maxint     >=0      cluster
max.connections                              int    maxint     >=0      cluster
max.connections.per.ip                       int    maxint     >=0      cluster
max.connections.per.ip.overrides             string ''         -        cluster
max.incremental.fetch.session.cache.slots    int    1000       >=0
max.request.partition.size.limit             int    2000       >=1
message.max.bytes                            int    1048588    >=0      cluster
metadata.log.max.record.bytes.between.snapshots long   20971520   >=1
metadata.log.max.snapshot.interval.ms        long   3600000    >=0
metadata.log.segment.bytes                   int    1073741824 >=8388608
metadata.log.segment.ms                      long   604800000  -
metadata.max.retention.bytes                 long   104857600  -
metadata.max.retention.ms                    long   604800000  -
min.insync.replicas                          int    1          >=1      cluster
node.id                                      int    -          >=0
num.partitions                               int    1          >=1
offset.metadata.max.bytes                    int    4096       -
offsets.retention.check.interval.ms          long   600000     >=1
offsets.retention.minutes                    int    10080      >=1
offsets.topic.num.partitions                 int    50         >=1
offsets.topic.replication.factor             short  3          >=1
offsets.topic.segment.bytes                  int    104857600  >=1
producer.id.expiration.ms                    int    86400000   >=1      cluster
quota.window.num                             int    11         >=1
quota.window.size.seconds                    int    1          >=1
socket.listen.backlog.size                   int    50         >=1
socket.request.max.bytes                     int    104857600  >=1

[refused: security]
authorizer.class.name                        string ''         -
connections.max.reauth.ms                    long   0          -
delegation.token.secret.key                  password -          -
principal.builder.class                      class  *DefaultKafkaPrincipalBuilder -        broker
sasl.client.callback.handler.class           class  -          -
sasl.enabled.mechanisms                      list   GSSAPI     list     broker
sasl.jaas.config                             password -          -        broker
sasl.kerberos.kinit.cmd                      string /usr/bin/kinit -        broker
sasl.kerberos.min.time.before.relogin        long   60000      -        broker
sasl.kerberos.principal.to.local.rules       list   DEFAULT    list     broker
sasl.kerberos.service.name                   string -          -        broker
sasl.kerberos.ticket.renew.jitter            double 0.05       -        broker
sasl.kerberos.ticket.renew.window.factor     double 0.8        -        broker
sasl.login.callback.handler.class            class  -          -
sasl.login.class                             class  -          -
sasl.login.connect.timeout.ms                int    -          -
sasl.login.read.timeout.ms                   int    -          -
sasl.login.refresh.buffer.seconds            short  300        -        broker
sasl.login.refresh.min.period.seconds        short  60         -        broker
sasl.login.refresh.window.factor             double 0.8        -        broker
sasl.login.refresh.window.jitter             double 0.05       -        broker
sasl.login.retry.backoff.max.ms              long   10000      -
sasl.login.retry.backoff.ms                  long   100        -
sasl.mechanism.controller.protocol           string GSSAPI     -
sasl.mechanism.inter.broker.protocol         string GSSAPI     -        broker
sasl.oauthbearer.assertion.algorithm         string RS256      icase:ES256,RS256
sasl.oauthbearer.assertion.claim.aud         string -          -
sasl.oauthbearer.assertion.claim.exp.seconds int    300        0..86400
sasl.oauthbearer.assertion.claim.iss         string -          -
sasl.oauthbearer.assertion.claim.jti.include bool   false      -
sasl.oauthbearer.assertion.claim.nbf.seconds int    60         0..3600
sasl.oauthbearer.assertion.claim.sub         string -          -
sasl.oauthbearer.assertion.file              string -          -
sasl.oauthbearer.assertion.private.key.file  string -          -
sasl.oauthbearer.assertion.private.key.passphrase password -          -
sasl.oauthbearer.assertion.template.file     string -          -
sasl.oauthbearer.client.credentials.client.id string -          -
sasl.oauthbearer.client.credentials.client.secret password -          -
sasl.oauthbearer.clock.skew.seconds          int    30         -
sasl.oauthbearer.expected.audience           list   ''         list
sasl.oauthbearer.expected.issuer             string -          -
sasl.oauthbearer.jwks.endpoint.refresh.ms    long   3600000    -
sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms long   10000      -
sasl.oauthbearer.jwks.endpoint.retry.backoff.ms long   100        -
sasl.oauthbearer.jwks.endpoint.url           string -          -
sasl.oauthbearer.jwt.retriever.class         class  *DefaultJwtRetriever -
sasl.oauthbearer.jwt.validator.class         class  *DefaultJwtValidator -
sasl.oauthbearer.scope                       string -          -
sasl.oauthbearer.scope.claim.name            string scope      -
sasl.oauthbearer.sub.claim.name              string sub        -
sasl.oauthbearer.token.endpoint.url          string -          -
sasl.server.callback.handler.class           class  -          -
sasl.server.max.receive.size                 int    524288     -
security.inter.broker.protocol               string PLAINTEXT  *protocols
security.providers                           string -          -
ssl.allow.dn.changes                         bool   false      -
ssl.allow.san.changes                        bool   false      -
ssl.cipher.suites                            list   ''         list     broker
ssl.client.auth                              string none       *client-auth broker
ssl.enabled.protocols                        list   TLSv1.2,TLSv1.3 list     broker
ssl.endpoint.identification.algorithm        string https      -        broker
ssl.engine.factory.class                     class  -          -        broker
ssl.key.password                             password -          -        broker
ssl.keymanager.algorithm                     string SunX509    -        broker
ssl.keystore.certificate.chain               password -          -        broker
ssl.keystore.key                             password -          -        broker
ssl.keystore.location                        string -          -        broker
ssl.keystore.password                        password -          -        broker
ssl.keystore.type                            string JKS        -        broker
ssl.principal.mapping.rules                  string DEFAULT    -
ssl.protocol                                 string TLSv1.3    -        broker
ssl.provider                                 string -          -        broker
ssl.secure.random.implementation             string -          -        broker
ssl.trustmanager.algorithm                   string PKIX       -        broker
ssl.truststore.certificates                  password -          -        broker
ssl.truststore.location                      string -          -        broker
ssl.truststore.password                      password -          -        broker
ssl.truststore.type                          string JKS        -        broker

[refused: plug-in]
alter.config.policy.class.name               class  -          -
client.quota.callback.class                  class  -          -
create.topic.policy.class.name               class  -          -

[refused: folders]
cordoned.log.dirs                            list   ''         list     broker
metadata.log.dir                             string -          -

[refused: providers]
config.providers                             list   ''         list     cluster

[none: transactions]
add.partitions.to.txn.retry.backoff.max.ms   int    100        >=0
add.partitions.to.txn.retry.backoff.ms       int    20         >=1
transaction.abort.timed.out.transaction.cleanup.interval.ms int    10000      >=1
transaction.max.timeout.ms                   int    900000     >=1
transaction.partition.verification.enable    bool   true       -        cluster
transaction.remove.expired.transaction.cleanup.interval.ms int    3600000    >=1
transaction.state.log.load.buffer.size       int    5242880    >=1
transaction.state.log.min.isr                int    2          >=1
transaction.state.log.num.partitions         int    50         >=1
transaction.state.log.replication.factor     short  3          >=1
transaction.state.log.segment.bytes          int    104857600  >=1
transaction.two.phase.commit.enable          bool   false      -
transactional.id.expiration.ms               int    604800000  >=1

[none: groups-later]
group.consumer.assignment.interval.ms        int    1000       >=0      cluster
group.consumer.assignors                     list   uniform,range list!
group.consumer.heartbeat.interval.ms         int    5000       >=1
group.consumer.max.assignment.interval.ms    int    15000      >=0
group.consumer.max.heartbeat.interval.ms     int    15000      >=1
group.consumer.max.session.timeout.ms        int    60000      >=1
group.consumer.max.size                      int    maxint     >=1
group.consumer.migration.policy              string bidirectional *migrations
group.consumer.min.assignment.interval.ms    int    0          >=0
group.consumer.min.heartbeat.interval.ms     int    5000       >=1
group.consumer.min.session.timeout.ms        int    45000      >=1
group.consumer.regex.refresh.interval.ms     int    600000     >=10000  internal
group.consumer.session.timeout.ms            int    45000      >=1
group.share.assignment.interval.ms           int    1000       >=0      cluster
group.share.assignors                        list   simple     list!
group.share.delivery.count.limit             int    5          2..10
group.share.heartbeat.interval.ms            int    5000       >=1
group.share.initialize.retry.interval.ms     int    30000      >=1      internal
group.share.max.assignment.interval.ms       int    15000      >=0
group.share.max.delivery.count.limit         int    10         5..25
group.share.max.heartbeat.interval.ms        int    15000      >=1
group.share.max.partition.max.record.locks   int    4000       2000..10000
group.share.max.record.lock.duration.ms      int    60000      30000..3600000
group.share.max.session.timeout.ms           int    60000      >=1
group.share.max.share.sessions               int    2000       >=1
group.share.max.size                         int    200        1..1000
group.share.min.assignment.interval.ms       int    0          >=0
group.share.min.delivery.count.limit         int    2          2..5
group.share.min.heartbeat.interval.ms        int    5000       >=1
group.share.min.partition.max.record.locks   int    100        100..2000
group.share.min.record.lock.duration.ms      int    15000      1000..30000
group.share.min.session.timeout.ms           int    45000      >=1
group.share.partition.max.record.locks       int    2000       100..10000
group.share.persister.class.name             string *DefaultStatePersister -        internal
group.share.record.lock.duration.ms          int    30000      1000..3600000
group.share.session.timeout.ms               int    45000      >=1
group.streams.assignment.interval.ms         int    1000       >=0      cluster
group.streams.heartbeat.interval.ms          int    5000       >=1
group.streams.initial.rebalance.delay.ms     int    3000       >=0
group.streams.max.assignment.interval.ms     int    15000      >=0
group.streams.max.heartbeat.interval.ms      int    15000      >=1
group.streams.max.session.timeout.ms         int    60000      >=1
group.streams.max.size                       int    maxint     >=1
group.streams.max.standby.replicas           int    2          >=0
group.streams.min.assignment.interval.ms     int    0          >=0
group.streams.min.heartbeat.interval.ms      int    5000       >=1
group.streams.min.session.timeout.ms         int    45000      >=1
group.streams.num.standby.replicas           int    0          >=0
group.streams.session.timeout.ms             int    45000      >=1
share.coordinator.append.linger.ms           int    -1         >=-1
share.coordinator.cached.buffer.max.bytes    int    1048588    >=524288 cluster
share.coordinator.cold.partition.snapshot.interval.ms int    300000     >=1      internal
share.coordinator.load.buffer.size           int    5242880    >=1
share.coordinator.snapshot.update.records.per.snapshot int    500        0..500
share.coordinator.state.topic.compression.codec int    0          -
share.coordinator.state.topic.min.isr        short  2          >=1
share.coordinator.state.topic.num.partitions int    50         >=1
share.coordinator.state.topic.prune.interval.ms int    300000     >=1      internal
share.coordinator.state.topic.replication.factor short  3          >=1
share.coordinator.state.topic.segment.bytes  int    104857600  >=1
share.coordinator.threads                    int    1          >=1
share.coordinator.write.timeout.ms           int    5000       >=1
share.fetch.purgatory.purge.interval.requests int    1000       -

[none: cleaner]
log.cleaner.backoff.ms                       long   15000      >=0      cluster
log.cleaner.dedupe.buffer.size               long   134217728  -        cluster
log.cleaner.delete.retention.ms              long   86400000   >=0      cluster
log.cleaner.enable                           bool   true       -
log.cleaner.io.buffer.load.factor            double 0.9        -        cluster
log.cleaner.io.buffer.size                   int    524288     >=0      cluster
log.cleaner.io.max.bytes.per.second          double 1.7976931348623157E308 -        cluster
log.cleaner.max.compaction.lag.ms            long   max        >=1      cluster
log.cleaner.min.cleanable.ratio              double 0.5        0..1     cluster
log.cleaner.min.compaction.lag.ms            long   0          >=0      cluster
log.cleaner.threads                          int    1          >=0      cluster

[none: replication]
alter.log.dirs.replication.quota.window.num  int    11         >=1
alter.log.dirs.replication.quota.window.size.seconds int    1          >=1
auto.leader.rebalance.enable                 bool   true       -
controlled.shutdown.enable                   bool   true       -
follower.replication.throttled.rate          long   max        >=0      dynamic
inter.broker.listener.name                   string -          -
leader.imbalance.check.interval.seconds      long   300        >=1
leader.replication.throttled.rate            long   max        >=0      dynamic
log.dir.failure.timeout.ms                   long   30000      >=1
num.replica.alter.log.dirs.threads           int    -          -
num.replica.fetchers                         int    1          >=1      cluster
replica.alter.log.dirs.io.max.bytes.per.second long   max        >=0      dynamic
replica.fetch.backoff.ms                     int    1000       >=0
replica.fetch.max.bytes                      int    1048576    >=0
replica.fetch.min.bytes                      int    1          -
replica.fetch.response.max.bytes             int    10485760   >=0
replica.fetch.wait.max.ms                    int    500        -
replica.high.watermark.checkpoint.interval.ms long   5000       -
replica.lag.time.max.ms                      long   30000      -
replica.selector.class                       string -          -
replica.socket.receive.buffer.bytes          int    65536      -
replica.socket.timeout.ms                    int    30000      -
replication.quota.window.num                 int    11         >=1
replication.quota.window.size.seconds        int    1          >=1
request.timeout.ms                           int    30000      -
socket.connection.setup.timeout.max.ms       long   30000      -
socket.connection.setup.timeout.ms           long   10000      -
unclean.leader.election.enable               bool   false      -        cluster
unclean.leader.election.interval.ms          long   300000     >=1      internal

[none: quorum]
broker.heartbeat.interval.ms                 int    2000       -
broker.session.timeout.ms                    int    9000       -
controller.performance.always.log.threshold.ms long   2000       >=0      internal
controller.performance.sample.period.ms      long   60000      >=100    internal
controller.quorum.append.linger.ms           int    25         >=0
controller.quorum.auto.join.enable           bool   false      -
controller.quorum.bootstrap.servers          list   ''         -
controller.quorum.election.backoff.max.ms    int    1000       >=0
controller.quorum.election.timeout.ms        int    1000       >=0
controller.quorum.fetch.max.bytes            int    1048576    >=1
controller.quorum.fetch.snapshot.max.bytes   int    1048576    >=1
controller.quorum.fetch.timeout.ms           int    2000       >=0
controller.quorum.request.timeout.ms         int    2000       >=0
controller.quorum.retry.backoff.ms           int    20         >=0
controller.quorum.voters                     list   ''         -
controller.socket.timeout.ms                 int    30000      -
early.start.listeners                        list   -          list
initial.broker.registration.timeout.ms       int    60000      -
process.roles                                list   -          *roles

[none: metadata-log]
internal.metadata.delete.delay.millis        long   60000      -        internal
internal.metadata.max.batch.size.in.bytes    int    8388608    -        internal
metadata.max.idle.interval.ms                int    500        >=0

[none: threads]
log.flush.start.offset.checkpoint.interval.ms int    60000      >=0
producer.id.expiration.check.interval.ms     int    600000     >=1      internal
background.threads                           int    10         >=1      cluster
delete.records.purgatory.purge.interval.requests int    1          -
fetch.purgatory.purge.interval.requests      int    1000       -
group.coordinator.append.linger.ms           int    -1         >=-1
group.coordinator.background.threads         int    2          >=1
group.coordinator.cached.buffer.max.bytes    int    1048588    >=524288 cluster
group.coordinator.rebalance.protocols        list   *group-protocols *groups
group.coordinator.threads                    int    4          >=1
num.io.threads                               int    8          >=1      cluster
num.network.threads                          int    3          >=1      cluster
num.recovery.threads.per.data.dir            int    2          >=1      cluster
producer.purgatory.purge.interval.requests   int    1000       -
queued.max.request.bytes                     long   -1         -
queued.max.requests                          int    500        >=1

[none: offsets-log]
offsets.commit.timeout.ms                    int    5000       >=1
offsets.load.buffer.size                     int    5242880    >=1
offsets.topic.compression.codec              int    0          -

[none: operating-system]
log.preallocate                              bool   false      -        cluster
socket.receive.buffer.bytes                  int    102400     -
socket.send.buffer.bytes                     int    102400     -

[none: metrics]
kafka.metrics.polling.interval.secs          int    10         >=1
kafka.metrics.reporters                      list   ''         list
metric.reporters                             list   *JmxReporter list     cluster
metrics.num.samples                          int    2          >=1
metrics.recording.level                      string INFO       -
metrics.sample.window.ms                     long   30000      >=1
telemetry.max.bytes                          int    1048576    >=1

[none: remote-storage]
follower.fetch.last.tiered.offset.enable     bool   false      -        cluster
log.local.retention.bytes                    long   -2         >=-2     cluster
log.local.retention.ms                       long   -2         >=-2     cluster
remote.fetch.max.wait.ms                     int    500        >=1      cluster
remote.list.offsets.request.timeout.ms       long   30000      >=1      cluster
remote.log.index.file.cache.total.size.bytes long   1073741824 >=1      cluster
remote.log.index.file.cache.ttl.ms           long   900000     >=-1     internal
remote.log.manager.copier.thread.pool.size   int    10         >=1      cluster
remote.log.manager.copy.max.bytes.per.second long   max        >=1      cluster
remote.log.manager.copy.quota.window.num     int    11         >=1
remote.log.manager.copy.quota.window.size.seconds int    1          >=1
remote.log.manager.expiration.thread.pool.size int    10         >=1      cluster
remote.log.manager.fetch.max.bytes.per.second long   max        >=1      cluster
remote.log.manager.fetch.quota.window.num    int    11         >=1
remote.log.manager.fetch.quota.window.size.seconds int    1          >=1
remote.log.manager.follower.thread.pool.size int    2          >=1      cluster
remote.log.manager.task.interval.ms          long   30000      >=1
remote.log.manager.task.retry.backoff.max.ms long   30000      >=1      internal
remote.log.manager.task.retry.backoff.ms     long   500        >=1      internal
remote.log.manager.task.retry.jitter         double 0.2        0..0.5   internal
remote.log.manager.thread.pool.size          int    2          >=1
remote.log.metadata.custom.metadata.max.bytes int    128        >=0
remote.log.metadata.manager.class.name       string *TopicBasedRemoteLogMetadataManager nonempty
remote.log.metadata.manager.class.path       string -          -
remote.log.metadata.manager.impl.prefix      string rlmm.config. nonempty
remote.log.metadata.manager.listener.name    string -          nonempty
remote.log.reader.max.pending.tasks          int    100        >=1
remote.log.reader.threads                    int    10         >=1      cluster
remote.log.storage.manager.class.name        string -          nonempty
remote.log.storage.manager.class.path        string -          -
remote.log.storage.manager.impl.prefix       string rsm.config. nonempty
remote.log.storage.system.enable             bool   false      -

[none: security]
connection.failed.authentication.delay.ms    int    100        >=0
delegation.token.expiry.check.interval.ms    long   3600000    >=1
delegation.token.expiry.time.ms              long   86400000   >=1
delegation.token.max.lifetime.ms             long   604800000  >=1

[none: internal]
server.max.startup.time.ms                   long   max        >=0      internal
unstable.api.versions.enable                 bool   false      -        internal
unstable.feature.versions.enable             bool   false      -        internal
"""

# Where Moldau's default is not Kafka's, and why.
DIFFERENCES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "node.id": ("1", "Kafka has no default; one broker needs no thought about its number"),
        "broker.id": ("1", "another name of node.id"),
        "listeners": ("PLAINTEXT://localhost:9092", "nothing but this machine, until you ask"),
        "group.initial.rebalance.delay.ms": ("0", "the first consumer waits for no others"),
        "offsets.topic.replication.factor": ("1", "one broker cannot hold three copies"),
        "transaction.state.log.replication.factor": ("1", "one broker cannot hold three copies"),
        "transaction.state.log.min.isr": ("1", "one broker is all there is in sync"),
        "share.coordinator.state.topic.replication.factor": (
            "1",
            "one broker cannot hold three copies",
        ),
        "share.coordinator.state.topic.min.isr": ("1", "one broker is all there is in sync"),
        "process.roles": ("broker,controller", "one process is both"),
        "controller.listener.names": ("CONTROLLER", "listeners of this name are skipped"),
    }
)
_OWN: Final = """
[effective]
moldau.sync                                  string acks-all   *syncs   static
"""
_OWN_WORDS: Final = {"syncs": "in:acks-all,always,never"}


def _with_our_default(definition: Definition) -> Definition:
    difference = DIFFERENCES.get(definition.name)
    return definition._replace(default=difference[0]) if difference else definition


KAFKA: Final[Mapping[str, Definition]] = MappingProxyType(table(_TABLE, _WORDS))
BROKER: Final[Mapping[str, Definition]] = MappingProxyType(
    {name: _with_our_default(row) for name, row in KAFKA.items()} | table(_OWN, _OWN_WORDS)
)
