"""The topics and groups of one run: named, created, removed."""

import secrets
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from moldau.streams.running.membership import NO_LIMIT_S
from moldau.streams.running.new_topics import until_known
from moldau.tools.demo.clients import SESSION_SECONDS
from moldau.tools.demo.orders import PARTITIONS

TIMEOUT_SECONDS = 30
# What is asked of Kafka ends in a KafkaException by then, whatever has become of the broker.
IN_TIME = {"operation_timeout": TIMEOUT_SECONDS, "request_timeout": TIMEOUT_SECONDS}


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


class BrokerEnded(DemoError):
    """The broker that was started for the demo is gone, and its topics with it."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of one run. Nothing outside `prefix` is ever written."""

    prefix: str

    @property
    def orders(self) -> str:
        return f"{self.prefix}.orders"

    @property
    def shipments(self) -> str:
        return f"{self.prefix}.shipments"

    @property
    def revenue(self) -> str:
        return f"{self.prefix}.revenue"

    @property
    def names(self) -> list[str]:
        return [self.orders, self.shipments, self.revenue]

    @property
    def shipping_group(self) -> str:
        return f"{self.prefix}.shipping"

    @property
    def revenue_group(self) -> str:
        return f"{self.prefix}.revenue"


def unique_prefix() -> str:
    return f"demo-{secrets.token_hex(3)}"


def create(bootstrap_servers: str, topics: Topics) -> None:
    """Create all topics, with leaders; raises DemoError when that cannot be done."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    _must_answer(admin, bootstrap_servers)
    # Old event times are old record timestamps: retention would delete what is to be checked.
    config = {"retention.ms": "-1"}
    new = [NewTopic(name, num_partitions=PARTITIONS, config=config) for name in topics.names]
    created, refusals = [], []
    for name, future in admin.create_topics(new, **IN_TIME).items():
        try:
            future.result()
            created.append(name)
        except KafkaException as error:
            refusals.append(_why_not_created(name, error.args[0]))
    if refusals:
        if created:
            deleted = admin.delete_topics(created, **IN_TIME)
            for future in deleted.values():
                future.result()
        raise DemoError("; ".join(refusals))
    settings = {"bootstrap.servers": bootstrap_servers}
    until_known(admin, settings, topics.names, lambda text: print(f"moldau demo: {text}"))


def remove(bootstrap_servers: str, topics: Topics, internal: Sequence[str] = ()) -> None:
    """Remove topics and groups of the run, and the topics that its program keeps for itself;
    raises DemoError naming what stays behind."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    deleted = admin.delete_topics([*topics.names, *internal], **IN_TIME)
    stayed = _refusals(deleted)
    groups = [topics.shipping_group, topics.revenue_group]
    deadline = time.monotonic() + 2 * SESSION_SECONDS
    while refused := _refusals(admin.delete_consumer_groups(groups, request_timeout=NO_LIMIT_S)):
        # A member that was stopped while it joined cannot leave: its session has to run out.
        if time.monotonic() > deadline or not _all_non_empty(refused):
            break
        groups = list(refused)
        time.sleep(0.5)
    stayed |= refused
    if stayed:
        named = ", ".join(f"{name} ({error.str()})" for name, error in stayed.items())
        raise DemoError(f"could not remove {named}: try kafka-topics and kafka-consumer-groups")


def _refusals(futures: dict[str, Future[None]]) -> dict[str, KafkaError]:
    """What was not deleted, and why; what is gone already counts as deleted."""
    refusals = {}
    for name, future in futures.items():
        try:
            future.result(TIMEOUT_SECONDS)
        except TimeoutError:
            refusals[name] = KafkaError(KafkaError._TIMED_OUT)
        except KafkaException as error:
            if error.args[0].code() not in _GONE:
                refusals[name] = error.args[0]
    return refusals


def _all_non_empty(refusals: dict[str, KafkaError]) -> bool:
    return all(error.code() == KafkaError.NON_EMPTY_GROUP for error in refusals.values())


# A group that never committed, or a topic that somebody else removed.
_GONE = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.GROUP_ID_NOT_FOUND}


def _must_answer(admin: AdminClient, bootstrap_servers: str) -> None:
    try:
        admin.list_topics(timeout=10)
    except KafkaException as error:
        raise DemoError(
            f"no Kafka answers at {bootstrap_servers} ({error.args[0].str()}): start one with "
            "`moldau up`, or leave --bootstrap-server out"
        ) from error


def _why_not_created(name: str, error: KafkaError) -> str:
    if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
        return f"topic {name} exists, and the demo writes only its own: choose another --prefix"
    return f"topic {name} could not be created: {error.str()}"
