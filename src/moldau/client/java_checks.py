"""Which values Java's clients (Apache Kafka 4.3) take for their configs; why not others.

Types, ranges and words are those of ProducerConfig.configDef() and ConsumerConfig.configDef(), the
sentences those of ConfigDef.java. A name that both clients have is the same in both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

# Name, type, and what is allowed: LOW..HIGH, words (~ in any case), ! not empty.
_TABLE = """
acks STRING all,-1,0,1
allow.auto.create.topics BOOLEAN
auto.commit.interval.ms INT 0..
batch.size INT 0..
buffer.memory LONG 0..
check.crcs BOOLEAN
client.dns.lookup STRING use_all_dns_ips,resolve_canonical_bootstrap_servers_only
compression.gzip.level INT
compression.lz4.level INT 1..17
compression.type STRING none,gzip,snappy,lz4,zstd
compression.zstd.level INT -131072..22
connections.max.idle.ms LONG
default.api.timeout.ms INT 0..
delivery.timeout.ms INT 0..
enable.auto.commit BOOLEAN
enable.idempotence BOOLEAN
enable.metrics.push BOOLEAN
exclude.internal.topics BOOLEAN
fetch.max.bytes INT 0..
fetch.max.wait.ms INT 0..
fetch.min.bytes INT 0..
group.instance.id STRING !
group.protocol STRING ~CONSUMER,CLASSIC
heartbeat.interval.ms INT
isolation.level STRING read_committed,read_uncommitted
linger.ms LONG 0..
max.block.ms LONG 0..
max.in.flight.requests.per.connection INT 1..
max.partition.fetch.bytes INT 0..
max.poll.interval.ms INT 1..
max.poll.records INT 1..
max.request.size INT 0..
metadata.max.age.ms LONG 0..
metadata.max.idle.ms LONG 5000..
metadata.recovery.rebootstrap.trigger.ms LONG 0..
metadata.recovery.strategy STRING ~REBOOTSTRAP,NONE
metrics.num.samples INT 1..
metrics.recording.level STRING INFO,DEBUG,TRACE
metrics.sample.window.ms LONG 0..
partitioner.adaptive.partitioning.enable BOOLEAN
partitioner.availability.timeout.ms LONG 0..
partitioner.ignore.keys BOOLEAN
receive.buffer.bytes INT -1..
reconnect.backoff.max.ms LONG 0..
reconnect.backoff.ms LONG 0..
request.timeout.ms INT 0..
retries INT 0..
retry.backoff.max.ms LONG 0..
retry.backoff.ms LONG 0..
sasl.kerberos.min.time.before.relogin LONG
sasl.kerberos.ticket.renew.jitter DOUBLE
sasl.kerberos.ticket.renew.window.factor DOUBLE
sasl.login.connect.timeout.ms INT
sasl.login.read.timeout.ms INT
sasl.login.refresh.buffer.seconds SHORT 0..3600
sasl.login.refresh.min.period.seconds SHORT 0..900
sasl.login.refresh.window.factor DOUBLE 0.5..1.0
sasl.login.refresh.window.jitter DOUBLE 0.0..0.25
sasl.login.retry.backoff.max.ms LONG
sasl.login.retry.backoff.ms LONG
sasl.oauthbearer.assertion.algorithm STRING ~ES256,RS256
sasl.oauthbearer.assertion.claim.exp.seconds INT 0..86400
sasl.oauthbearer.assertion.claim.jti.include BOOLEAN
sasl.oauthbearer.assertion.claim.nbf.seconds INT 0..3600
sasl.oauthbearer.clock.skew.seconds INT
sasl.oauthbearer.header.urlencode BOOLEAN
sasl.oauthbearer.jwks.endpoint.refresh.ms LONG
sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms LONG
sasl.oauthbearer.jwks.endpoint.retry.backoff.ms LONG
security.protocol STRING ~SASL_SSL,PLAINTEXT,SSL,SASL_PLAINTEXT
send.buffer.bytes INT -1..
session.timeout.ms INT
share.acknowledgement.mode STRING implicit,explicit
share.acquire.mode STRING ~BATCH_OPTIMIZED,RECORD_LIMIT
socket.connection.setup.timeout.max.ms LONG
socket.connection.setup.timeout.ms LONG
transaction.timeout.ms INT
transaction.two.phase.commit.enable BOOLEAN
transactional.id STRING !
"""
_BITS = {"SHORT": 15, "INT": 31, "LONG": 63}
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_RESETS = ("latest", "earliest", "none")
_DURATION = re.compile(r"by_duration:-?P(?=.)[0-9DTHMS.+-]+", re.IGNORECASE)


def refusals(config: Mapping[str, str]) -> dict[str, str]:
    """Java's sentence for every value that it does not take, by the name of the config."""
    found = {name: _why_not(name, value.strip()) for name, value in config.items()}
    return {
        name: f"Invalid value {config[name]} for configuration {name}: {why}"
        for name, why in found.items()
        if why
    }


def _why_not(name: str, value: str) -> str:
    """Nothing for a value that is taken, or a config that is not looked at."""
    if name == "auto.offset.reset" and not _is_reset(value):
        return "it must be earliest, latest, none, or of the form by_duration:PnDTnHnMn.nS"
    rule = _rules().get(name)
    return _refusal(value, *rule) if rule else ""


def _is_reset(value: str) -> bool:
    return value.lower() in _RESETS or _DURATION.fullmatch(value) is not None


@cache
def _rules() -> dict[str, tuple[str, str]]:
    rows = (line.split() for line in _TABLE.split("\n") if line)
    return {name: (kind, "".join(allowed)) for name, kind, *allowed in rows}


def _refusal(value: str, kind: str, allowed: str) -> str:
    """Why, or nothing."""
    if kind == "BOOLEAN":
        is_one = value.lower() in ("true", "false")
        return "" if is_one else "Expected value to be either true or false"
    if kind == "STRING":
        return _bad_word(value, allowed)
    number = _number(value, kind)
    if number is None:
        return f"Not a number of type {kind}"
    low, _, high = allowed.partition("..")
    if low and number < float(low):
        return f"Value must be at least {low}"
    if high and number > float(high):
        return f"Value must be no more than {high}"
    return ""


def _bad_word(value: str, allowed: str) -> str:
    if allowed == "!":
        return "" if value else "String must be non-empty"
    words = allowed.lstrip("~").split(",")
    if allowed.startswith("~"):
        if value.upper() in words:
            return ""
        return f"String must be one of (case insensitive): {', '.join(words)}"
    return "" if value in words else f"String must be one of: {', '.join(words)}"


def _number(value: str, kind: str) -> float | None:
    if kind == "DOUBLE":
        try:
            return float(value)
        except ValueError:
            return None
    if not _WHOLE.fullmatch(value) or int(value) >> _BITS[kind] not in (0, -1):
        return None
    return int(value)
