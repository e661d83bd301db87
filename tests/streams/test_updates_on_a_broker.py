"""Updates under both guarantees: what workers tell of windows and tables before they are killed,
and those after them, comes to what the records are."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.running.changelogs import end_of
from moldau.streams.running.worker import Worker
from tests.apache_kafka import ApacheKafka
from tests.streams.committed import places
from tests.streams.sales import KEEPING
from tests.streams.shop_worker import worker

pytestmark = pytest.mark.slow

RECORDS = 2000
KILLS = 5
MINUTE_MS = 60_000
GAP_MS = 2 * MINUTE_MS


class Visit(msgspec.Struct):
    of: str
    at: int  # ms


def visits(servers: str, name: str, guarantee: Any, folder: str) -> moldau.App:
    session_ms = 6000 if guarantee == "exactly_once" else 1000  # the least that brokers allow
    app = moldau.App(
        name,
        servers,
        checkpoint="100ms",
        guarantee=guarantee,
        state_dir=Path(folder),
        state_memory="100KB",
        config={"session.timeout.ms": session_ms, "heartbeat.interval.ms": 300, "log_level": 3},
    )
    topic = app.topic(f"{name}-in", Visit, key="of", event_time="at", unit="ms", lateness="1h")
    of_each = app.stream(topic).group_by("of")
    count = moldau.count()
    of_each.session("2m").agg(n=count).to(f"{name}-sessions", emit="updates")
    of_each.sliding("1m").agg(n=count).to(f"{name}-sliding", every="1m")
    of_each.agg(n=count).to(f"{name}-table", every="300ms")
    return app


def test_promise_06_at_least_once_what_is_told_comes_to_the_results(tmp_path: Path) -> None:
    with moldau.Broker(config={**KEEPING, "group.min.session.timeout.ms": 500}) as broker:
        told_and_killed(broker.bootstrap_servers, "told", "at_least_once", tmp_path)


@pytest.mark.apache
def test_promise_06_exactly_once_what_is_told_comes_to_the_results(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    told_and_killed(apache_kafka.bootstrap_servers, "told-once", "exactly_once", tmp_path)


def told_and_killed(servers: str, name: str, guarantee: str, folder: Path) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(f"{name}-in", 2, 1)])[f"{name}-in"].result(30)
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    arguments = f"{servers!r}, {name!r}, {guarantee!r}, {str(folder / 'state')!r}"
    text = f"from tests.streams.test_updates_on_a_broker import visits\napp = visits({arguments})\n"
    (folder / "shop.py").write_text(text)
    rng, begin = random.Random(6), (round(time.time()) - 4 * 3600) * 1000  # brokers take no later
    times: dict[str, list[int]] = {}
    told = 0
    for part in range(KILLS):
        with worker(folder) as process:
            for number in range(RECORDS // KILLS):
                since = (part * RECORDS // KILLS + number) * 7200_000 // RECORDS
                of, at = f"key-{rng.randrange(60)}", begin + since + rng.randrange(55 * MINUTE_MS)
                times.setdefault(of, []).append(at)
                producer.produce(f"{name}-in", msgspec.json.encode(Visit(of, at)), of)
            assert producer.flush(60) == 0
            told = until_told_more(admin, f"{name}-sessions", told)
            time.sleep(rng.random() * 2)  # where it is killed is to be anywhere
            process.kill()
            process.wait()
    app = visits(servers, name, guarantee, str(folder / "state"))
    app.until = "end"
    Worker(app).run()
    found = {topic: told_last(servers, f"{name}-{topic}") for topic in WINDOWS}
    for topic, windows in WINDOWS.items():
        expected = {(of, *one): n for of in times for one, n in windows(sorted(times[of])).items()}
        assert found[topic] == expected
    all_told = records(servers, f"{name}-sessions")
    assert any(value is None for _, value, _ in all_told)
    assert len(all_told) > len(found["sessions"])


def until_told_more(admin: AdminClient, topic: str, than: int) -> int:
    """How many records are committed there, when they are more than that."""
    until = time.monotonic() + 90
    while True:
        level = IsolationLevel.READ_COMMITTED
        told = sum(end_of(admin, one, level) for one in places(admin, topic))
        if told > than:
            return told
        assert time.monotonic() < until, f"{topic}: nothing comes behind {than}"
        time.sleep(0.1)


def sessions(times: list[int]) -> Counter[Any]:
    made: Counter[Any] = Counter()
    first = last = times[0]
    for number, at in enumerate(times):
        if at - last >= GAP_MS:
            first = at
        last = at
        if number + 1 == len(times) or times[number + 1] - at >= GAP_MS:
            made[first, last + GAP_MS] = sum(first <= one <= last for one in times)
    return made


def sliding(times: list[int]) -> Counter[Any]:
    made: Counter[Any] = Counter()
    for start in {at - MINUTE_MS for at in times} | {at + 1 for at in times}:
        within = sum(start <= one <= start + MINUTE_MS for one in times)
        if within:
            made[start, start + MINUTE_MS + 1] = within
    return made


WINDOWS: dict[str, Callable[[list[int]], Counter[Any]]] = {
    "sessions": sessions,
    "sliding": sliding,
    "table": lambda times: Counter({(): len(times)}),
}


def told_last(servers: str, topic: str) -> dict[Any, int]:
    """By key and window, without what was taken back."""
    last: dict[Any, int] = {}
    for key, value, headers in records(servers, topic):
        row = None if value is None else json.loads(value)
        told = row or {name: text.decode() for name, text in headers}
        names = [name for name in ("window_start", "window_end") if name in told]
        bounds = [round(datetime.fromisoformat(told[n]).timestamp() * 1000) for n in names]
        last.pop((key, *bounds), None)
        if row is not None:
            last[key, *bounds] = row["n"]
    return last


def records(servers: str, topic: str) -> list[Any]:
    """(key, value, headers) of those that are committed, in the order of each partition."""
    settings = {"bootstrap.servers": servers, "group.id": "reader", "enable.partition.eof": True}
    consumer = Consumer({**settings, "isolation.level": "read_committed"})
    there = places(AdminClient({"bootstrap.servers": servers}), topic)
    consumer.assign([TopicPartition(topic, one.partition, OFFSET_BEGINNING) for one in there])
    found, ends, until = [], 0, time.monotonic() + 60
    while ends < len(there):
        assert time.monotonic() < until, f"{topic}: it does not end"
        for one in consumer.consume(1000, 0.2):
            error = one.error()
            if error is None:
                found.append(((one.key() or b"").decode(), one.value(), one.headers() or []))
            else:
                assert error.code() == KafkaError._PARTITION_EOF
                ends += 1
    consumer.close()
    return found
