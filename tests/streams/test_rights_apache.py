"""Rights on Apache Kafka, whose authorizer says who may do what (docs/streams/rights.md)."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

import moldau
from moldau.streams.errors import StreamsError
from moldau.streams.running.worker import Worker
from moldau.streams.upkeep.dlq import DeadLetterTopic
from moldau.streams.upkeep.progress import Upkeep
from tests.apache_kafka import ApacheKafka
from tests.apache_kafka.cluster import bound
from tests.apache_kafka.logins import for_shop
from tests.conformance.brokers import CONFIG
from tests.streams.committed import values

pytestmark = [pytest.mark.apache, pytest.mark.slow, pytest.mark.timeout(300)]

USER = "User:shop"


class Right(NamedTuple):
    operation: str
    kind: ResourceType
    name: str
    is_prefix: bool = False

    @property
    def acl(self) -> AclBinding:
        pattern = ResourcePatternType.PREFIXED if self.is_prefix else ResourcePatternType.LITERAL
        operation = AclOperation[self.operation]
        allow = AclPermissionType.ALLOW
        return AclBinding(self.kind, self.name, pattern, USER, "*", operation, allow)


class Guarded:
    """A listener for whoever may do everything, and one for a user who may do what it is told."""

    def __init__(self, kafka: ApacheKafka, port: int) -> None:
        self.open = kafka.bootstrap_servers
        self.servers = f"localhost:{port}"
        self.admin = AdminClient({"bootstrap.servers": self.open})
        self.login = {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "shop",
            "sasl.password": "secret",
            "log_level": 0,
        }

    def allow(self, rights: Iterable[Right]) -> None:
        """These and no others."""
        every = AclBindingFilter(
            ResourceType.ANY,
            None,
            ResourcePatternType.ANY,
            None,
            None,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        acls = {one.acl for one in rights}
        before = set(self.admin.describe_acls(every).result(30))
        added, gone = list(acls - before), [_only(one) for one in before - acls]
        for done in (self.admin.create_acls(added) if added else {}).values():
            done.result(30)
        for done in (self.admin.delete_acls(gone) if gone else {}).values():
            done.result(30)
        until = time.monotonic() + 30
        while set(self.admin.describe_acls(every).result(30)) != acls:
            assert time.monotonic() < until
            time.sleep(0.02)


def _only(acl: AclBinding) -> AclBindingFilter:
    pattern, host = acl.resource_pattern_type, acl.host
    place = (acl.restype, acl.name, pattern, acl.principal, host)
    return AclBindingFilter(*place, acl.operation, acl.permission_type)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with closing(bound()) as held:
        port = held.getsockname()[1]
        config = {
            **CONFIG,
            **for_shop("SASL_PLAINTEXT", port),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        folder = tmp_path_factory.mktemp("guarded")
        with ApacheKafka(config=config, folder=folder, heap="512M") as kafka:
            yield Guarded(kafka, port)


class Shop:
    """Counts orders by customer, whose names are in a global table; every tenth is a bad one."""

    def __init__(self, guarded: Guarded, name: str, folder: Path, guarantee: Any) -> None:
        self.guarded, self.name = guarded, name
        self._folder, self._guarantee = folder, guarantee
        self.sent: Counter[str] = Counter()
        for topic in ("orders", "people"):
            made = guarded.admin.create_topics([NewTopic(self.topic(topic), 2, 1)])
            made[self.topic(topic)].result(30)

    def topic(self, name: str) -> str:
        """One that is not the program's own."""
        return f"{name}-of-{self.name}"

    @property
    def rights(self) -> list[Right]:
        """As the page says."""
        topic, own = ResourceType.TOPIC, f"{self.name}-"
        of_own = ("READ", "WRITE", "CREATE", "DELETE", "DESCRIBE_CONFIGS")
        return [
            Right("READ", topic, self.topic("orders")),
            Right("READ", topic, self.topic("people")),
            *(Right(one, topic, self.topic("totals")) for one in ("WRITE", "CREATE")),
            *(Right(one, topic, own, is_prefix=True) for one in of_own),
            Right("READ", ResourceType.GROUP, self.name),
            Right("WRITE", ResourceType.TRANSACTIONAL_ID, own, is_prefix=True),
        ]

    def app(self, **settings: Any) -> moldau.App:
        app = moldau.App(
            self.name,
            self.guarded.servers,
            guarantee=self._guarantee,
            checkpoint="200ms",
            state_dir=self._folder,
            config=self.guarded.login,
            **settings,
        )
        people = app.global_table(app.topic(self.topic("people"), dict))
        orders = app.stream(app.topic(self.topic("orders"), dict))
        named = orders.join(people, on="of")
        named.group_by("of").agg(orders=moldau.count()).to(self.topic("totals"))
        return app

    def sell(self, count: int) -> None:
        producer = Producer({"bootstrap.servers": self.guarded.open})
        for number in range(count):
            of = f"customer-{number % 3}"
            value = msgspec.json.encode({"of": of}) if number % 10 else b"no JSON"
            producer.produce(self.topic("orders"), value)
            producer.produce(self.topic("people"), msgspec.json.encode({"name": of}), of)
            self.sent[of] += bool(number % 10)
        assert producer.flush(30) == 0

    def run(self) -> list[str]:
        """To the end; what it has said."""
        said: list[str] = []
        Worker(self.app(until="end"), say=said.append).run()
        return said

    def counted(self) -> Counter[str]:
        reader = moldau.App(self.name, self.guarded.open)
        rows = values(reader, self.topic("totals"))
        return Counter({one["of"]: one["orders"] for one in rows})

    def refused(self, guarded: Guarded, without: Right) -> str:
        """What it says when it is started without that right."""
        guarded.allow(one for one in self.rights if one != without)
        with pytest.raises(StreamsError) as raised:
            self.run()
        return str(raised.value)


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_with_the_rights_on_the_page_it_runs_and_so_do_its_commands(
    guarded: Guarded, tmp_path: Path, guarantee: str
) -> None:
    shop = Shop(guarded, f"allowed-{guarantee}", tmp_path, guarantee)
    guarded.allow(shop.rights)
    shop.sell(50)
    assert shop.run() == []
    assert shop.counted() == shop.sent
    assert (
        sum(one.position or 0 for one in Upkeep(shop.app()).lags() if "orders" in one.topic) >= 50
    )
    letters = DeadLetterTopic(guarded.servers, f"{shop.name}-dlq", guarded.login)
    with closing(letters):
        assert len(list(letters.letters())) == 5
        assert list(letters.redrive()) == [5]
    guarded.allow([*shop.rights, Right("DELETE", ResourceType.GROUP, shop.name)])
    Upkeep(shop.app()).reset()
    assert Upkeep(shop.app()).to_reset() == []
    assert shop.run() == []


def test_what_is_missing_is_said_in_one_sentence(guarded: Guarded, tmp_path: Path) -> None:
    for number in range(2):  # the one makes what the other may
        shop = Shop(guarded, f"new-{number}", tmp_path, "exactly_once")
        right = [one for one in shop.rights if one.operation == "CREATE"][number]
        what = (
            rf"topic {right.name}\S* cannot be made: the program's user has no right CREATE on it"
        )
        assert re.fullmatch(what, shop.refused(guarded, right))
    shop = Shop(guarded, "refused", tmp_path, "exactly_once")
    for right in (one for one in shop.rights if one.operation in ("READ", "WRITE")):
        sentence = shop.refused(guarded, right)
        kind = right.kind.name.lower().replace("_", " ")
        what = (
            rf"refused: its user needs rights at {guarded.servers} that it does not have: "
            rf"(.*, )?{right.operation} on {kind} {right.name}"
        )
        assert re.match(what, sentence), (right, sentence)


def test_a_right_that_is_taken_away_stops_it_with_that_sentence(
    guarded: Guarded, tmp_path: Path
) -> None:
    for guarantee in ("at_least_once", "exactly_once"):
        shop = Shop(guarded, f"deprived-{guarantee}", tmp_path, guarantee)
        guarded.allow(shop.rights)
        shop.sell(10)
        worker = Worker(shop.app(), say=lambda _: None)
        lost = ("WRITE", f"{shop.name}-")
        guarded.allow(one for one in shop.rights if (one.operation, one.name) != lost)
        with pytest.raises(StreamsError, match=rf"WRITE on (topic|transactional id) {lost[1]}"):
            worker.run()


def test_nothing_is_forgotten_where_the_user_may_not_forget_all(
    guarded: Guarded, tmp_path: Path
) -> None:
    """A reset that left a changelog there which the user may not see would begin with its state."""
    shop = Shop(guarded, "hidden", tmp_path, "at_least_once")
    guarded.allow(shop.rights)
    shop.sell(10)
    shop.run()
    unseen = {one for one in shop.rights if one.is_prefix and one.kind is ResourceType.TOPIC}
    guarded.allow({*shop.rights} - unseen)
    with pytest.raises(StreamsError, match=r"DESCRIBE on topic hidden-.*-changelog"):
        Upkeep(shop.app()).reset()
    with pytest.raises(StreamsError, match="READ on topic hidden-dlq"):
        DeadLetterTopic(guarded.servers, "hidden-dlq", guarded.login)
    guarded.allow({*shop.rights} - {Right("READ", ResourceType.GROUP, shop.name)})
    with pytest.raises(StreamsError, match="READ on group hidden"):
        Upkeep(shop.app()).lags()
