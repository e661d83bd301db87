from __future__ import annotations

import re
from collections.abc import Generator, Iterator

import pytest

from moldau.server.embedded import Broker
from tests.apache_kafka import ApacheKafka
from tests.conformance.both import Both, Judge, Pair
from tests.conformance.brokers import CONFIG
from tests.conformance.ignored import Ledger

_judge = pytest.StashKey[Judge]()


@pytest.fixture(scope="session")
def ours() -> Iterator[Broker]:
    """Our broker for all stories of this process; `apache_kafka` is the other."""
    with Broker(config=CONFIG) as broker:
        yield broker


@pytest.fixture(scope="session")
def addresses(apache_kafka: ApacheKafka, ours: Broker) -> Pair:
    return Pair(apache_kafka.bootstrap_servers, ours.bootstrap_servers)


@pytest.fixture
def both(request: pytest.FixtureRequest, addresses: Pair) -> Iterator[Both]:
    """A client of the two brokers; what it finds different fails the story at its end."""
    item = request.node
    judge = Judge(Ledger(f"{item.path.stem}::{item.name}"))
    item.stash[_judge] = judge
    client = Both(addresses, judge, re.sub(r"[^a-zA-Z0-9]+", "-", item.name)[:80])
    yield client
    client.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A story ends with its verdict; what went wrong because of a difference comes after it."""
    failure: BaseException | None = None
    try:
        result = yield
    except Exception as error:
        failure = error
    judge = item.stash.get(_judge, None)
    if failure is not None and (judge is None or not judge.found):
        raise failure
    verdict = "" if judge is None else judge.verdict()
    if verdict:
        pytest.fail(f"Apache Kafka answers otherwise:\n{verdict}", pytrace=False)
    return result
