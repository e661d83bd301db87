"""What becomes of each config of Java's clients (Apache Kafka 4.3): one rule per name.

Names and defaults are those of ProducerConfig, ConsumerConfig and AdminClientConfig; the other
side is librdkafka's CONFIGURATION.md.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Value = str | int
Given = Mapping[str, str]


class Refused(Exception):
    """A value cannot be honoured; the message is the reason and the way out."""


@dataclass(frozen=True, slots=True)
class Rename:
    """librdkafka has the same under this name; empty: under its own name."""

    to: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """Left out with a warning; in silence for the values (lower case) of `unless`."""

    why: str
    unless: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Refuse:
    """Cannot be honoured; left out in silence for the values (lower case) of `unless`."""

    why: str
    unless: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Convert:
    """`function(value, all that is given)` gives librdkafka's configs or raises Refused."""

    function: Callable[[str, Given], dict[str, Value]]


Rule = Rename | Drop | Refuse | Convert


def as_text(value: object) -> str:
    """Java's notation: lower-case booleans, lists joined by commas."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(as_text(item) for item in value)
    return str(value)


def _number(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise Refused("is not a whole number") from None


def _at_least(to: str, least: int) -> Convert:
    """Java's "off" or "system default" is a number that librdkafka spells differently."""
    return Convert(lambda value, _given: {to: max(least, _number(value))})


def _buffer_memory(value: str, _given: Given) -> dict[str, Value]:
    """Bytes to kbytes, up; both bound what waits to be sent."""
    return {"queue.buffering.max.kbytes": max(1, -(-_number(value) // 1024))}


def _compression_level(codec: str, highest: int) -> Convert:
    """librdkafka has one level for all codecs, and no negative ones but -1, its default."""

    def convert(value: str, given: Given) -> dict[str, Value]:
        if given.get("compression.type") != codec:
            return {}
        level = _number(value)
        if not -1 <= level <= highest:
            raise Refused(f"librdkafka's compression.level for {codec} goes from -1 to {highest}")
        return {"compression.level": level}

    return Convert(convert)


def _partitioner(value: str, _given: Given) -> dict[str, Value]:
    if value == "":
        return {}
    raise Refused(
        "a Java class cannot run here: leave it out (keys are placed as Java does), or give "
        "produce() a partition"
    )


def _ignore_keys(value: str, _given: Given) -> dict[str, Value]:
    return {"partitioner": "random"} if value.lower() == "true" else {}


_ASSIGNORS = {
    "RangeAssignor": "range",
    "RoundRobinAssignor": "roundrobin",
    "CooperativeStickyAssignor": "cooperative-sticky",
}


def _assignors(value: str, _given: Given) -> dict[str, Value]:
    """One cooperative or any eager assignors: librdkafka cannot offer both kinds together.

    Java's default offers range and cooperative-sticky, to let a group be moved from one to the
    other; as long as both are offered such a group works eagerly, with range.
    """
    names = [part.strip().removeprefix("class ").rpartition(".")[2] for part in value.split(",")]
    unknown = [name for name in names if name not in _ASSIGNORS and name not in _ASSIGNORS.values()]
    if unknown:
        raise Refused(f"librdkafka has no {unknown[0]}: use one of {', '.join(_ASSIGNORS)}")
    kinds = [_ASSIGNORS.get(name, name) for name in names]
    eager = [kind for kind in kinds if kind != "cooperative-sticky"]
    return {"partition.assignment.strategy": ",".join(eager or kinds[:1])}


def _offset_reset(value: str, _given: Given) -> dict[str, Value]:
    if value.lower().startswith("by_duration"):
        raise Refused("librdkafka cannot reset by duration: seek with offsets_for_times()")
    return {"auto.offset.reset": "error" if value.lower() == "none" else value}


def _internal_topics(value: str, _given: Given) -> dict[str, Value]:
    if value.lower() == "false":
        return {}
    return {"topic.blacklist": "^__consumer_offsets$,^__transaction_state$"}


_JAAS = re.compile(
    r"(?P<login>\S+)\s+(?:required|requisite|sufficient|optional)\b(?P<options>.*)", re.DOTALL
)
_JAAS_OPTION = re.compile(r"(\w+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|'([^']*)'|([^\s;]+))")


def _jaas(value: str, _given: Given) -> dict[str, Value]:
    """User and password out of a PLAIN or SCRAM login module."""
    match = _JAAS.match(value.strip())
    login = match["login"].rpartition(".")[2] if match else ""
    if match is None or login not in ("PlainLoginModule", "ScramLoginModule"):
        raise Refused(
            f"{login or 'this'} is Java code: give librdkafka's own sasl.* configs instead"
        )
    options = {
        name: re.sub(r"\\(.)", r"\1", double) or single or bare
        for name, double, single, bare in _JAAS_OPTION.findall(match["options"])
    }
    if not {"username", "password"} <= options.keys():
        raise Refused("holds no username and password")
    return {"sasl.username": options["username"], "sasl.password": options["password"]}


def _oidc(to: str) -> Convert:
    """Java asks for tokens when it is told where; librdkafka wants to hear the method too."""
    return Convert(lambda value, _given: {"sasl.oauthbearer.method": "oidc", to: value})


def _assertion(to: str) -> Convert:
    """Asking with a signed assertion is a grant type of its own in librdkafka."""
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    return Convert(lambda value, _given: {"sasl.oauthbearer.grant.type": grant, to: value})


def _endpoint_identification(value: str, _given: Given) -> dict[str, Value]:
    return {"ssl.endpoint.identification.algorithm": value or "none"}


def _keystore(value: str, given: Given) -> dict[str, Value]:
    kind = given.get("ssl.keystore.type", "").upper()
    if kind == "PEM":
        return {"ssl.certificate.location": value, "ssl.key.location": value}
    if kind == "PKCS12" or (not kind and value.endswith((".p12", ".pfx"))):
        return {"ssl.keystore.location": value}
    raise Refused(
        "librdkafka reads no JKS: convert it with `keytool -importkeystore -deststoretype PKCS12` "
        "and say ssl.keystore.type=PKCS12"
    )


def _truststore(value: str, given: Given) -> dict[str, Value]:
    if given.get("ssl.truststore.type", "").upper() == "PEM":
        return {"ssl.ca.location": value}
    raise Refused(
        "librdkafka trusts PEM files only: export the certificates with `keytool -exportcert -rfc` "
        "and say ssl.truststore.type=PEM"
    )


def _same(*names: str) -> dict[str, Rule]:
    return {name: Rename() for name in names}


def _all(rule: Rule, *names: str) -> dict[str, Rule]:
    return dict.fromkeys(names, rule)


_JAVA_CLASS = Refuse("a Java class cannot run here")
_LOGIN = Drop("librdkafka refreshes logins on a schedule of its own")
_BROKER_SIDE = Drop("it is the brokers that check tokens")
_METRICS = Drop("librdkafka counts by itself: set statistics.interval.ms and stats_cb")
_JSSE = Drop("OpenSSL chooses this by itself")
_SERDE = Drop("confluent-kafka takes and gives bytes: encode and decode in your program")
_SHARE = Drop("only share consumers read it")

_SASL: dict[str, Rule] = {
    **_same(
        "sasl.mechanism",
        "sasl.kerberos.service.name",
        "sasl.kerberos.min.time.before.relogin",
        "sasl.oauthbearer.scope",
        "sasl.oauthbearer.sub.claim.name",
    ),
    "sasl.jaas.config": Convert(_jaas),
    **_all(
        _JAVA_CLASS,
        "sasl.client.callback.handler.class",
        "sasl.login.callback.handler.class",
        "sasl.login.class",
    ),
    "sasl.kerberos.kinit.cmd": Drop(
        "librdkafka's config of that name is a whole command line, Java's the path of kinit",
        ("", "/usr/bin/kinit"),
    ),
    **_all(
        _LOGIN,
        "sasl.kerberos.ticket.renew.jitter",
        "sasl.kerberos.ticket.renew.window.factor",
        "sasl.login.connect.timeout.ms",
        "sasl.login.read.timeout.ms",
        "sasl.login.refresh.buffer.seconds",
        "sasl.login.refresh.min.period.seconds",
        "sasl.login.refresh.window.factor",
        "sasl.login.refresh.window.jitter",
        "sasl.login.retry.backoff.max.ms",
        "sasl.login.retry.backoff.ms",
    ),
    "sasl.oauthbearer.token.endpoint.url": _oidc("sasl.oauthbearer.token.endpoint.url"),
    "sasl.oauthbearer.client.credentials.client.id": _oidc("sasl.oauthbearer.client.id"),
    "sasl.oauthbearer.client.credentials.client.secret": _oidc("sasl.oauthbearer.client.secret"),
    **{
        name: _assertion(name)
        for name in (
            "sasl.oauthbearer.assertion.algorithm",
            "sasl.oauthbearer.assertion.claim.aud",
            "sasl.oauthbearer.assertion.claim.exp.seconds",
            "sasl.oauthbearer.assertion.claim.iss",
            "sasl.oauthbearer.assertion.claim.jti.include",
            "sasl.oauthbearer.assertion.claim.nbf.seconds",
            "sasl.oauthbearer.assertion.claim.sub",
            "sasl.oauthbearer.assertion.file",
            "sasl.oauthbearer.assertion.private.key.file",
            "sasl.oauthbearer.assertion.private.key.passphrase",
        )
    },
    "sasl.oauthbearer.assertion.template.file": _assertion(
        "sasl.oauthbearer.assertion.jwt.template.file"
    ),
    "sasl.oauthbearer.header.urlencode": Refuse(
        "librdkafka cannot encode the client's name and secret for the header", ("", "false")
    ),
    "sasl.oauthbearer.jwt.retriever.class": Refuse(
        "a Java class cannot run here",
        ("", "org.apache.kafka.common.security.oauthbearer.defaultjwtretriever"),
    ),
    "sasl.oauthbearer.jwt.validator.class": Refuse(
        "a Java class cannot run here",
        ("", "org.apache.kafka.common.security.oauthbearer.defaultjwtvalidator"),
    ),
    **_all(
        _BROKER_SIDE,
        "sasl.oauthbearer.clock.skew.seconds",
        "sasl.oauthbearer.expected.audience",
        "sasl.oauthbearer.expected.issuer",
        "sasl.oauthbearer.jwks.endpoint.refresh.ms",
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms",
        "sasl.oauthbearer.jwks.endpoint.url",
        "sasl.oauthbearer.scope.claim.name",
    ),
}

_SSL: dict[str, Rule] = {
    **_same("ssl.key.password", "ssl.keystore.password"),
    "ssl.cipher.suites": Refuse(
        "Java and OpenSSL name cipher suites differently: add librdkafka's ssl.cipher.suites"
    ),
    "ssl.endpoint.identification.algorithm": Convert(_endpoint_identification),
    "ssl.engine.factory.class": _JAVA_CLASS,
    "ssl.keystore.certificate.chain": Rename("ssl.certificate.pem"),
    "ssl.keystore.key": Rename("ssl.key.pem"),
    "ssl.keystore.location": Convert(_keystore),
    # Read together with the location.
    "ssl.keystore.type": Convert(lambda _value, _given: {}),
    "ssl.truststore.type": Convert(lambda _value, _given: {}),
    "ssl.truststore.certificates": Rename("ssl.ca.pem"),
    "ssl.truststore.location": Convert(_truststore),
    "ssl.truststore.password": Drop("a PEM file of certificates has no password"),
    **_all(
        _JSSE,
        "ssl.enabled.protocols",
        "ssl.keymanager.algorithm",
        "ssl.protocol",
        "ssl.provider",
        "ssl.secure.random.implementation",
        "ssl.trustmanager.algorithm",
    ),
}

_EVERY: dict[str, Rule] = {
    **_same(
        "bootstrap.servers",
        "client.dns.lookup",
        "client.id",
        "enable.metrics.push",
        "metadata.max.age.ms",
        "metadata.recovery.rebootstrap.trigger.ms",
        "metadata.recovery.strategy",
        "reconnect.backoff.max.ms",
        "reconnect.backoff.ms",
        "retry.backoff.max.ms",
        "retry.backoff.ms",
        "security.protocol",
        "socket.connection.setup.timeout.ms",
    ),
    # librdkafka has a request.timeout.ms too: how long the broker may wait for its followers.
    "request.timeout.ms": Rename("socket.timeout.ms"),
    "connections.max.idle.ms": _at_least("connections.max.idle.ms", 0),
    "receive.buffer.bytes": _at_least("socket.receive.buffer.bytes", 0),
    "send.buffer.bytes": _at_least("socket.send.buffer.bytes", 0),
    "socket.connection.setup.timeout.max.ms": Drop(
        "librdkafka tries each address for socket.connection.setup.timeout.ms"
    ),
    "config.providers": Refuse("placeholders are not filled in: give the values themselves"),
    "security.providers": _JAVA_CLASS,
    **_all(
        _METRICS,
        "metric.reporters",
        "metrics.num.samples",
        "metrics.recording.level",
        "metrics.sample.window.ms",
    ),
    **_SASL,
    **_SSL,
}

_INTERCEPTORS: dict[str, Rule] = {"interceptor.classes": _JAVA_CLASS}

# What librdkafka takes where Java takes more; a value beyond it is moved to the end.
LIMITS: dict[str, tuple[int, int]] = {
    "auto.commit.interval.ms": (0, 86_400_000),
    "fetch.max.bytes": (0, 2_147_483_135),
    "fetch.wait.max.ms": (0, 300_000),
    "heartbeat.interval.ms": (1, 3_600_000),
    "linger.ms": (0, 900_000),
    "max.in.flight.requests.per.connection": (1, 1_000_000),
    "max.partition.fetch.bytes": (1, 1_000_000_000),
    "max.poll.interval.ms": (1, 86_400_000),
    "message.max.bytes": (1000, 1_000_000_000),
    "metadata.max.age.ms": (1, 86_400_000),
    "reconnect.backoff.max.ms": (0, 3_600_000),
    "reconnect.backoff.ms": (0, 3_600_000),
    "retry.backoff.max.ms": (1, 300_000),
    "retry.backoff.ms": (1, 300_000),
    "session.timeout.ms": (1, 3_600_000),
    "socket.connection.setup.timeout.ms": (1000, 2_147_483_647),
    "socket.timeout.ms": (10, 300_000),
    "transaction.timeout.ms": (1000, 2_147_483_647),
}

PRODUCER: dict[str, Rule] = {
    **_EVERY,
    **_INTERCEPTORS,
    **_same(
        "acks",
        "compression.type",
        "delivery.timeout.ms",
        "enable.idempotence",
        "linger.ms",
        "max.in.flight.requests.per.connection",
        "retries",
        "transaction.timeout.ms",
        "transactional.id",
    ),
    "batch.size": _at_least("batch.size", 1),
    "buffer.memory": Convert(_buffer_memory),
    "compression.gzip.level": _compression_level("gzip", 9),
    "compression.lz4.level": _compression_level("lz4", 12),
    "compression.zstd.level": _compression_level("zstd", 12),
    "key.serializer": _SERDE,
    "value.serializer": _SERDE,
    "max.block.ms": Drop(
        "produce() never blocks: when the buffer is full it raises BufferError at once; "
        "call poll() and try again"
    ),
    "max.request.size": Rename("message.max.bytes"),
    "metadata.max.idle.ms": Drop("librdkafka keeps the metadata of every topic it was told of"),
    "partitioner.adaptive.partitioning.enable": Drop("librdkafka does not weigh partitions"),
    "partitioner.availability.timeout.ms": Drop("librdkafka does not weigh partitions"),
    "partitioner.class": Convert(_partitioner),
    "partitioner.ignore.keys": Convert(_ignore_keys),
    "transaction.two.phase.commit.enable": Refuse(
        "librdkafka has no two-phase commit", ("", "false")
    ),
}

CONSUMER: dict[str, Rule] = {
    **_EVERY,
    **_INTERCEPTORS,
    **_same(
        "allow.auto.create.topics",
        "auto.commit.interval.ms",
        "check.crcs",
        "client.rack",
        "enable.auto.commit",
        "fetch.max.bytes",
        "fetch.min.bytes",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "group.remote.assignor",
        "heartbeat.interval.ms",
        "isolation.level",
        "max.partition.fetch.bytes",
        "max.poll.interval.ms",
        "session.timeout.ms",
    ),
    "auto.offset.reset": Convert(_offset_reset),
    "default.api.timeout.ms": Drop("every call takes a timeout of its own"),
    "exclude.internal.topics": Convert(_internal_topics),
    "fetch.max.wait.ms": Rename("fetch.wait.max.ms"),
    "internal.throw.on.fetch.stable.offset.unsupported": Drop("it is for Kafka Streams"),
    "key.deserializer": _SERDE,
    "value.deserializer": _SERDE,
    "max.poll.records": Drop("say it where you read: consume(num_messages=N)"),
    "partition.assignment.strategy": Convert(_assignors),
    "share.acknowledgement.mode": _SHARE,
    "share.acquire.mode": _SHARE,
}

ADMIN: dict[str, Rule] = {
    **_EVERY,
    "bootstrap.controllers": Refuse("librdkafka talks to brokers only: give bootstrap.servers"),
    "default.api.timeout.ms": Drop("every call takes a request_timeout of its own"),
    "retries": Drop("librdkafka tries an admin request again until its request_timeout"),
}
