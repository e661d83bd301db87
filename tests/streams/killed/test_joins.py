"""Joins of all kinds, exactly once and at least once, with workers that are killed (promise 15)."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.apache_kafka import ApacheKafka
from tests.streams.killed.fates import Brokers, OneOfApache, OneOfOurs
from tests.streams.killed.joins import TOPICS, grouped, joins, priced, records, settled
from tests.streams.killed.survival import KILLS, MANY, Plan, survive
from tests.streams.killed.verdict import read


def judged(brokers: Brokers, folder: Path, guarantee: str, broker_every: int) -> None:
    kills = KILLS or 3
    plan = Plan(joins, TOPICS, "settled", records(10_000_000), kills, broker_every=broker_every)
    toll, _ = survive(brokers, folder, plan, guarantee=guarantee)
    servers, once = brokers.bootstrap_servers, guarantee == "exactly_once"
    assert toll.open or not once or kills < MANY
    orders, payments = all_of(servers, "orders"), all_of(servers, "payments")
    found = [(one["number"], one["product"], one["cents"]) for one in all_of(servers, "priced")]
    one_each(once, found, priced(orders))
    paid = [(one["number"], one["paid"] is not None) for one in all_of(servers, "settled")]
    one_each(once, paid, settled(orders, payments))
    rows: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for one in all_of(servers, "grouped"):
        rows[one["product"]].append((one["cents"], one["group"]))
    expected = grouped(all_of(servers, "prices"), all_of(servers, "groups"))
    assert rows == expected or not once
    for product, changes in expected.items():
        assert set(rows[product]) == set(changes)
        assert rows[product][-1] == changes[-1]


def one_each(once: bool, found: list[Any], expected: set[Any]) -> None:
    """Of each one; with repetitions where not exactly once."""
    assert set(found) - expected == set()
    assert expected - set(found) == set()
    assert not once or len(found) == len(expected)


def all_of(servers: str, topic: str) -> list[dict[str, Any]]:
    values = read(servers, topic)
    return [msgspec.json.decode(value) for part in sorted(values) for value in values[part]]


@pytest.mark.apache
@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_promise_15_joins_are_exactly_once(apache_kafka: ApacheKafka, tmp_path: Path) -> None:
    judged(OneOfApache(apache_kafka), tmp_path, "exactly_once", KILLS + 10)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(7200)
def test_promise_15_joins_lose_nothing(one_of_ours: OneOfOurs, tmp_path: Path) -> None:
    judged(one_of_ours, tmp_path, "at_least_once", 3)
