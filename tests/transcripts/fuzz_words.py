"""What random command lines are made of: for each tool its actions, options and their values."""

# ruff: noqa: E501  (tables)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

Values = Sequence[str] | None  # None: the option takes no value; "" among them: it stands alone


class Grammar(NamedTuple):
    """`actions` are drawn one at a time (now and then none or two), `often` with each command
    but for one in ten, `options` now and then. `changing` options change the broker."""

    actions: Sequence[Sequence[str]]
    often: Mapping[str, Values]
    options: Mapping[str, Values]
    changing: Sequence[str] = ()
    always: Mapping[str, Values] = {}
    stdin: Sequence[str] = ()
    notes: Sequence[str] = ()  # as in stories: what is made the same before it is compared

    def draw(self, rng: Random, tool: str, servers: str) -> tuple[list[str], str | None]:
        count = rng.choice((1,) * 14 + (0, 2))
        words = [word for action in rng.choices(self.actions, k=count) for word in action]
        words += self._one(rng, "--bootstrap-server", (servers,)) if rng.random() < 0.97 else []
        for name, values in self.always.items():
            words += self._one(rng, name, values)
        for name, values in self.often.items():
            words += self._one(rng, name, values) if rng.random() < 0.85 else []
        for name in rng.choices(list(self.options), k=rng.choice((0, 0, 1, 1, 2, 3, 4))):
            words += self._one(rng, name, self.options[name])
        if rng.random() < 0.02:
            words += rng.choice((["--nonsense"], ["more"], ["--", "x"], ["-x"]))
        return [tool, *words], (rng.choice(self.stdin) if self.stdin else None)

    def _one(self, rng: Random, name: str, values: Values) -> list[str]:
        if values is None:
            return [name]
        value = rng.choice(values)
        if value == "":
            return [name]
        return [f"{name}={value}"] if rng.random() < 0.1 else [name, value]

    def changes(self, words: Sequence[str]) -> bool:
        return any(word.partition("=")[0] in self.changing for word in words)


_TOPIC_NAMES = (
    "orders", "other", "victim", "victim", "none", "empty_one", "or.*", "orders,other", ".*",
    "__consumer_offsets", "a b", "[", '"orders"', "", "new", "new.dot",
)  # fmt: skip
_CONFIG = ("short.properties", "odd.properties", "none.properties")

_TOPICS = Grammar(
    actions=(["--list"], ["--describe"], ["--describe"], ["--create"], ["--alter"], ["--delete"]),
    often={"--topic": ("orders", "other", "victim", "victim", "none", "new", "new", "new.dot",
                       "or.*", "orders,other", ".*e.*", "__consumer_offsets", "a b", "[", '"orders"')},
    options={
        "--topic": _TOPIC_NAMES,
        "--topic-id": ("AAAAAAAAAAAAAAAAAAAAAA", "short", "sXGmn2zRQbO4yJdXwPXxxx"),
        "--config": ("retention.ms=5000", "nonsense=1", "retention.ms", "cleanup.policy=compact",
                     "retention.ms=x", "min.insync.replicas=0", "segment.bytes=9", "x=y=z", "compression.type=lzx",
                     "retention.ms=-1,segment.bytes=2000000", "cleanup.policy=[compact,delete]"),
        "--delete-config": ("retention.ms",),
        "--partitions": ("1", "2", "3", "0", "-1", "x", "5", "2147483648"),
        "--replication-factor": ("1", "2", "0", "-1", "x", "99999"),
        "--replica-assignment": ("1", "1,1", "2", "1:2", "1:1", "x", "1,1:1", "1,1,1"),
        "--under-replicated-partitions": None,
        "--unavailable-partitions": None,
        "--under-min-isr-partitions": None,
        "--at-min-isr-partitions": None,
        "--topics-with-overrides": None,
        "--if-exists": None,
        "--if-not-exists": None,
        "--exclude-internal": None,
        "--partition-size-limit-per-response": ("1", "2000", "0", "x"),
        "--command-config": _CONFIG,
    },
    changing=("--create", "--alter", "--delete"),
)  # fmt: skip

_GROUPS = Grammar(
    actions=(
        ["--list"], ["--describe"], ["--describe"], ["--describe"], ["--delete"],
        ["--reset-offsets"], ["--reset-offsets", "--dry-run"], ["--reset-offsets", "--execute"],
        ["--reset-offsets", "--dry-run"], ["--delete-offsets"], ["--validate-regex", "a.*"],
    ),
    often={},
    options={
        "--group": ("g", "g", "h", "live", "nobody", "fresh"),
        "--topic": ("orders", "other", "orders:0", "orders:0,1", "orders:9", "orders:x", "none", "none:0", "orders:",
                    "victim", "empty_one"),
        "--all-topics": None,
        "--all-groups": None,
        "--dry-run": None,
        "--execute": None,
        "--export": None,
        "--to-offset": ("3", "0", "99", "-1", "x"),
        "--from-file": ("one.csv", "two.csv", "bad.csv", "none.csv"),
        "--to-datetime": ("2023-11-14T22:13:23.000", "2023-11-14T22:13:23.000Z", "2023-11-14",
                          "2030-01-01T00:00:00.000", "2023-11-14T23:13:23.000+01:00", "x",
                          "2023-11-14T23:13:23.000+0100"),
        "--by-duration": ("P9999D", "PT1H", "1h", "PT-1H", "P1DT2H3M4.5S", "pt5m"),
        "--to-earliest": None,
        "--to-latest": None,
        "--to-current": None,
        "--shift-by": ("1", "-1", "50", "-50", "x", "+1"),
        "--members": None,
        "--verbose": None,
        "--offsets": None,
        "--state": ("", "Stable", "stable,empty", "Empty", "nonsense"),
        "--type": ("", "classic", "consumer", "Classic,Consumer", "share", "nonsense"),
        "--timeout": ("5000", "x", "20000"),
        "--command-config": _CONFIG,
    },
    changing=("--delete", "--reset-offsets", "--delete-offsets"),
)  # fmt: skip


class _GroupsGrammar(Grammar):
    """What an action needs is drawn with it more often than not."""

    def draw(self, rng: Random, tool: str, servers: str) -> tuple[list[str], str | None]:
        words, stdin = super().draw(rng, tool, servers)

        def add(name: str) -> None:
            words.extend(self._one(rng, name, self.options[name]))

        if "--list" not in words and rng.random() < 0.9:
            for _ in range(rng.choice((1, 1, 1, 2))):
                add("--all-groups" if rng.random() < 0.2 else "--group")
        if {"--reset-offsets", "--delete-offsets"} & set(words) and rng.random() < 0.9:
            for _ in range(rng.choice((1, 1, 2))):
                add(
                    "--topic"
                    if rng.random() < 0.7 or "--delete-offsets" in words
                    else "--all-topics"
                )
        if "--reset-offsets" in words and rng.random() < 0.9:
            add(rng.choice(("--to-offset", "--from-file", "--to-datetime", "--by-duration", "--to-earliest",
                            "--to-latest", "--to-current", "--shift-by")))  # fmt: skip
        if "--describe" in words and rng.random() < 0.5:
            add(rng.choice(("--members", "--state", "--offsets", "--verbose")))
        return words, stdin


_ENTITIES = (
    ("--entity-type", "topics", "--entity-name", "victim"),
    ("--topic", "victim"),
    ("--topic", "none"),
    ("--entity-type", "topics"),
    ("--entity-type", "brokers", "--entity-name", "1"),
    ("--entity-type", "brokers", "--entity-default"),
    ("--broker", "1"),
    ("--broker-defaults",),
    ("--broker-logger", "1"),
    ("--broker", "x"),
    ("--entity-type", "clients", "--entity-name", "c1"),
    ("--entity-type", "clients", "--entity-default"),
    ("--entity-type", "clients"),
    ("--client", "c1"),
    ("--client-defaults",),
    ("--entity-type", "users", "--entity-name", "alice"),
    ("--entity-type", "users"),
    ("--user", "alice", "--client", "c1"),
    ("--user", "alice", "--client-defaults"),
    ("--user-defaults",),
    ("--user", "bob"),
    ("--ip", "127.0.0.1"),
    ("--ip-defaults",),
    ("--entity-type", "ips"),
    ("--ip", "not an ip!"),
    ("--entity-type", "groups", "--entity-name", "g"),
    ("--group", "g"),
    ("--group", "nobody"),
    ("--entity-type", "groups"),
    ("--entity-type", "client-metrics"),
    ("--client-metrics", "m1"),
    ("--entity-type", "client-metrics", "--entity-name", "m1"),
    ("--entity-type", "nonsense", "--entity-name", "x"),
    ("--entity-type", "topics", "--entity-default"),
    ("--entity-name", "x"),
    ("--entity-type", "users", "--entity-type", "clients"),
    ("--entity-type", "users", "--entity-default", "--entity-type", "clients", "--entity-default"),
    ("--entity-type", "users", "--entity-name", "alice", "--entity-type", "ips", "--entity-name", "1.2.3.4"),
    ("--entity-type", "topics", "--entity-name", "victim", "--entity-type", "brokers", "--entity-name", "1"),
)  # fmt: skip
_ADDED = (
    "retention.ms=5000", "retention.ms=5000,segment.bytes=2000000", "nonsense=1", "retention.ms=x",
    "cleanup.policy=[compact,delete]", "retention.ms", "retention.ms=", "producer_byte_rate=5",
    "producer_byte_rate=x", "producer_byte_rate=0", "request_percentage=20.5", "connection_creation_rate=3",
    "controller_mutation_rate=1", "consumer.session.timeout.ms=50000", "consumer.session.timeout.ms=1",
    "share.auto.offset.reset=earliest", "interval.ms=1000", "interval.ms=1", "metrics=org.apache.kafka.",
    "match=client_id=x", "log.cleaner.threads=2", "log.retention.ms=77777", "kafka.server.KafkaApis=DEBUG",
    "kafka.server.KafkaApis=LOUD", "SCRAM-SHA-256=[iterations=8192,password=x]", "SCRAM-SHA-256=[password=y]",
    "SCRAM-SHA-512=x", "broker.id=3", "max.connections=1000", "leader.replication.throttled.replicas=*",
    "leader.replication.throttled.replicas=0:1", "a=b=c", " retention.ms = 6000 ",
    "compression.type=lzx", "min.insync.replicas=3", "message.timestamp.type=LogAppendTime",
)  # fmt: skip
_CONFIGS = Grammar(
    actions=(["--describe"], ["--describe"], ["--describe", "--all"], ["--alter"], ["--alter"], ["--alter"]),
    often={},
    options={
        "--all": None,
        "--add-config-file": ("configs.properties", "none.properties"),
        "--add-config": _ADDED,
        "--delete-config": ("retention.ms", "segment.bytes", "nonsense", "producer_byte_rate", "a,b", "interval.ms",
                            "retention.ms,segment.bytes", "SCRAM-SHA-256", "kafka.server.KafkaApis", ""),
        "--command-config": _CONFIG,
    },
    changing=("--alter",),
)  # fmt: skip


class _ConfigsGrammar(Grammar):
    def draw(self, rng: Random, tool: str, servers: str) -> tuple[list[str], str | None]:
        words, stdin = super().draw(rng, tool, servers)
        if rng.random() < 0.96:
            words += rng.choice(_ENTITIES)
        if "--alter" in words and rng.random() < 0.9:
            name = rng.choice(("--add-config", "--add-config", "--delete-config"))
            words += self._one(rng, name, self.options[name])
        return words, stdin


_OFFSETS = Grammar(
    actions=([],),
    often={},
    options={
        "--topic": ("orders", "other", "none", "or.*", "orders,other", "[", "victim", "empty_one", ""),
        "--topic-partitions": ("orders:0", "orders:0-2", "orders", "orders:1-", "orders:-2", ":0", "or.*:1", "orders:x",
                               "orders:0,other:0", "none:0", "orders:2-1", "orders:,other", "[:0"),
        "--partitions": ("0", "0,1", "1-2", "x", "9", "-1", ",", ""),
        "--time": ("-1", "-2", "-3", "-4", "-5", "-6", "-7", "latest", "earliest", "max-timestamp", "earliest-local",
                   "latest-tiered", "earliest-pending-upload", "1700000003000", "0", "9999999999999", "x", "LATEST"),
        "--exclude-internal-topics": None,
        "--command-config": _CONFIG,
    },
)  # fmt: skip

_CONSUMER_PROPERTIES = (
    "print.timestamp=true", "print.key=true", "print.offset=true", "print.partition=true", "print.epoch=true",
    "print.headers=true", "print.value=false", "print.delivery=true", "key.separator=|", "line.separator=;",
    "headers.separator=/", "null.literal=NULL", "nonsense=1", "print.key", "print.key=maybe",
    "key.deserializer=org.apache.kafka.common.serialization.StringDeserializer",
    "value.deserializer=org.apache.kafka.common.serialization.LongDeserializer",
    "value.deserializer=org.apache.kafka.common.serialization.ByteArrayDeserializer",
    "value.deserializer=nonsense", "headers.deserializer=org.apache.kafka.common.serialization.StringDeserializer",
)  # fmt: skip
_CONSUMER = Grammar(
    actions=([],),
    always={"--timeout-ms": ("2000", "2500"), "--topic": ("orders", "orders", "other", "none")},
    often={"--max-messages": ("1", "2", "3", "3", "0", "100"),
           "--partition": ("0", "1", "1", "2", "9", "-1", "x"), "--offset": ("earliest", "0", "3", "latest", "-1", "x", "99", "1")},
    options={
        "--include": ("or.*", "other", "["),
        "--from-beginning": None,
        "--group": ("x1",),
        "--formatter-property": _CONSUMER_PROPERTIES,
        "--property": _CONSUMER_PROPERTIES,
        "--formatter": ("org.apache.kafka.tools.consumer.DefaultMessageFormatter",
                        "org.apache.kafka.tools.consumer.LoggingMessageFormatter",
                        "org.apache.kafka.tools.consumer.NoOpMessageFormatter",
                        "org.apache.kafka.tools.consumer.OffsetsMessageFormatter",
                        "kafka.tools.DefaultMessageFormatter", "nonsense"),
        "--formatter-config": ("print.properties", "none.properties"),
        "--command-property": ("client.id=x", "auto.offset.reset=earliest", "nonsense", "max.poll.records=1",
                               "auto.offset.reset=none", "isolation.level=read_committed"),
        "--consumer-property": ("client.id=x", "auto.offset.reset=latest", "group.id=y1"),
        "--consumer.config": _CONFIG,
        "--command-config": _CONFIG,
        "--skip-message-on-error": None,
        "--enable-systest-events": None,
        "--isolation-level": ("read_committed", "read_uncommitted", "x"),
        "--key-deserializer": ("org.apache.kafka.common.serialization.StringDeserializer",
                               "org.apache.kafka.common.serialization.IntegerDeserializer", "nonsense"),
        "--value-deserializer": ("org.apache.kafka.common.serialization.StringDeserializer",
                                 "org.apache.kafka.common.serialization.IntegerDeserializer", "nonsense"),
    },
)  # fmt: skip

_READER_PROPERTIES = (
    "parse.key=true", "key.separator=:", "parse.headers=true", "headers.delimiter=|", "headers.separator=;",
    "headers.key.separator=/", "null.marker=NULL", "ignore.error=true", "ignore.error=maybe", "key.separator=",
    "parse.key", "nonsense=1", "parse.key=TRUE",
)  # fmt: skip
_PRODUCER = Grammar(
    actions=([],),
    always={"--topic": ("victim", "victim", "victim", "a b")},
    often={},
    options={
        "--sync": None,
        "--compression-codec": ("", "none", "gzip", "snappy", "lz4", "zstd", "x"),
        "--batch-size": ("100", "0", "-1", "x"),
        "--message-send-max-retries": ("0", "5", "x"),
        "--retry-backoff-ms": ("10", "x"),
        "--timeout": ("10", "0", "x", "-1"),
        "--request-required-acks": ("-1", "all", "0", "1", "2", "x"),
        "--request-timeout-ms": ("5000", "x"),
        "--metadata-expiry-ms": ("1000", "x"),
        "--max-block-ms": ("5000", "x"),
        "--max-memory-bytes": ("1000000", "0", "x"),
        "--max-partition-memory-bytes": ("1000", "x"),
        "--line-reader": ("org.apache.kafka.tools.LineMessageReader", "kafka.tools.ConsoleProducer$LineMessageReader", "x"),
        "--socket-buffer-size": ("10000", "x", "-1"),
        "--property": _READER_PROPERTIES,
        "--reader-property": _READER_PROPERTIES,
        "--reader-config": ("parse.properties", "none.properties"),
        "--command-property": ("linger.ms=1", "acks=all", "acks=0", "nonsense", "client.id=me", "compression.type=lzx",
                               "enable.idempotence=false", "enable.idempotence=true", "max.in.flight.requests.per.connection=6"),
        "--producer-property": ("linger.ms=1", "acks=1"),
        "--producer.config": _CONFIG,
        "--command-config": _CONFIG,
    },
    changing=(),
    stdin=("a:1\nb:2\n", "x\n", "h/v|k:v\n", "h:v\tk\tv\n", "", "NULL:NULL\n", "no end", "\n\n", "k\tv\n"),
)  # fmt: skip

_KAFKA_GROUPS = Grammar(
    actions=(["--list"],),
    often={},
    options={
        "--group-type": ("classic", "consumer", "share", "streams", "Classic", "x", ""),
        "--protocol": ("consumer", "range", "x", ""),
        "--consumer": None,
        "--share": None,
        "--streams": None,
        "--command-config": _CONFIG,
    },
)
_LOG_DIRS = Grammar(
    actions=(["--describe"],),
    often={},
    options={
        "--broker-list": ("1", "1,1", "x", "", ","),
        "--topic-list": ("orders", "other", "orders,other", "none", "a b", ","),
        "--command-config": _CONFIG,
    },
)
_DELETE = Grammar(
    actions=([],),
    often={"--offset-json-file": ("delete.json", "bad.json", "twice.json", "none.json", "one.csv")},
    options={"--command-config": _CONFIG},
    changing=("--offset-json-file",),
)

_CLUSTER = Grammar(
    actions=(["cluster-id"], ["list-endpoints"], ["unregister"]),
    often={},
    options={
        "--id": ("7", "x", "-1"),
        "-i": ("7", "99999999999"),
        "--config": _CONFIG,
        "--command-config": _CONFIG,
        "--include-fenced-brokers": None,
        "--include": None,
    },
)


class _FeaturesGrammar(Grammar):
    """The connection stands before the action."""

    def draw(self, rng: Random, tool: str, servers: str) -> tuple[list[str], str | None]:
        words, stdin = super().draw(rng, tool, servers)
        where = ["--bootstrap-server", servers]
        if words[2:4] == where and rng.random() < 0.9:
            words = [tool, *where, words[1], *words[4:]]
        return words, stdin


_FEATURES = Grammar(
    actions=(["describe"], ["upgrade", "--dry-run"], ["downgrade", "--dry-run"],
             ["disable", "--dry-run"], ["version-mapping"], ["feature-dependencies"]),
    often={},
    options={
        "--feature": ("group.version=1", "group.version=0", "metadata.version=20", "nonsense=1", "group.version",
                      "share.version=9", "transaction.version=x", "kraft.version=1", "group.version=-1", "=1"),
        "--release-version": ("4.3-IV0", "4.3", "3.9-IV0", "x", "3.0-IV1", "4.4-IV0"),
        "--metadata": ("4.3-IV0", "3.9", "x", "3.3-IV0"),
        "--unsafe": None,
        "--dry-run": None,
        "--node-id": ("1", "x", "-2"),
        "--command-config": _CONFIG,
    },
)  # fmt: skip
_PERF = Grammar(
    actions=([],),
    always={"--topic": ("victim",), "--num-records": ("5", "1", "0", "-1", "x", "20")},
    often={"--throughput": ("-1", "1000", "0", "x", "0.5e4"), "--record-size": ("10", "1", "0", "-5", "x")},
    options={
        "--record-size": ("10",),
        "--payload-file": ("one.csv", "none.csv", "/dev/null"),
        "--payload-monotonic": None,
        "--payload-delimiter": (",", "\\n", ""),
        "--producer-props": ("acks=1", "acks", "a=b=c", "linger.ms=x"),
        "--command-property": ("acks=1", "acks", "batch.size=10", "client.id=me"),
        "--producer.config": _CONFIG,
        "--command-config": _CONFIG,
        "--transactional-id": ("t1",),
        "--transaction-duration-ms": ("100", "0", "x"),
        "--warmup-records": ("1", "5", "-1", "x"),
        "--reporting-interval": ("5000", "0", "x"),
    },
    notes=("numbers",),
)  # fmt: skip
_VERIFIABLE = Grammar(
    actions=([],),
    always={"--max-messages": ("0", "1", "3", "3", "x")},
    often={"--topic": ("victim",)},
    options={
        "--throughput": ("-1", "100", "x", "0"),
        "--acks": ("-1", "0", "1", "2", "x", "all"),
        "--producer.config": _CONFIG,
        "--command-config": _CONFIG,
        "--message-create-time": ("1700000000000", "-1", "x"),
        "--value-prefix": ("7", "-1", "x"),
        "--repeating-keys": ("2", "0", "1", "x"),
        "--topic": ("a b", "victim"),
    },
    notes=("numbers", "events"),
)  # fmt: skip

TOOLS: Mapping[str, Grammar] = {
    "kafka-broker-api-versions": Grammar(([],), {}, {"--command-config": _CONFIG}),
    "kafka-cluster": _CLUSTER,
    "kafka-features": _FeaturesGrammar(*_FEATURES),
    "kafka-producer-perf-test": _PERF,
    "kafka-verifiable-producer": _VERIFIABLE,
    "kafka-topics": _TOPICS,
    "kafka-consumer-groups": _GroupsGrammar(*_GROUPS),
    "kafka-configs": _ConfigsGrammar(*_CONFIGS),
    "kafka-get-offsets": _OFFSETS,
    "kafka-console-consumer": _CONSUMER,
    "kafka-console-producer": _PRODUCER,
    "kafka-groups": _KAFKA_GROUPS,
    "kafka-log-dirs": _LOG_DIRS,
    "kafka-delete-records": _DELETE,
}
