"""A topic with until="end" in a program that goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.client.admin import Admin
from moldau.streams.errors import StreamsError
from moldau.streams.running.worker import Worker
from moldau.streams.upkeep.progress import Upkeep
from tests.apache_kafka import ApacheKafka
from tests.streams.sales import Sale, row, sale
from tests.streams.test_state_on_a_broker import running
from tests.streams.test_windowed_sum import read
from tests.tools.test_worker import wait_for, written

KEPT = {"retention.ms": "-1"}  # results are as old as their windows


def test_its_windows_close_and_those_of_others_do_not() -> None:
    with moldau.testing.run(_apart(), partitions=2) as t:
        t["history"].send(sale(1), partition=0)
        t["live"].send(sale(1), partition=0)
        t["history"].end()
        assert t["history-counts"].values() == [row(0, "books", "1.10", 1)]
        assert t["live-counts"].values() == []
        t.end()
        assert t["live-counts"].values() == [row(0, "books", "1.10", 1)]


def test_it_is_read_no_farther() -> None:
    with moldau.testing.run(_apart()) as t:
        t["history"].end()
        t["history"].send(sale(1))
        t["live"].send(sale(1))
        t.end()
        assert t["history-counts"].values() == []
        assert len(t["live-counts"].values()) == 1


def test_it_holds_others_back_until_then() -> None:
    with moldau.testing.run(_together(), partitions=2) as t:
        t["history"].send(sale(1), partition=0)
        for partition in range(2):
            t["live"].send(sale(1), sale(61), partition=partition)
        assert t["counts"].values() == []
        t["history"].end()
        assert _orders(t) == [3]
        t["live"].send(sale(121), partition=0)
        assert _orders(t) == [3]  # the other partition is at second 61
        t["live"].send(sale(121), partition=1)
        assert _orders(t) == [3, 2]


def test_who_is_quiet_holds_nobody_back_when_the_others_have_ended() -> None:
    """What the quiet one had closed before stayed open until it spoke again."""
    with moldau.testing.run(_together()) as t:
        t["history"].send(sale(1))
        t["live"].send(sale(1), sale(61))
        t.advance("20s")
        t["history"].send(sale(2))
        t.advance("10s")
        assert t["counts"].values() == []
        t["history"].end()
        assert _orders(t) == [3]
        t["live"].send(sale(62), sale(121))
        assert _orders(t) == [3, 2]


def test_a_table_may_end_and_is_joined_to_what_comes() -> None:
    app = moldau.App("shop")
    names = app.topic("names", dict, key="of", until="end")
    sales = app.stream(app.topic("sales", dict, key="of"))
    sales.join(app.table(names), lambda sale, name: {**sale, "name": name["name"]}).to("out")
    with moldau.testing.run(app) as t:
        t["names"].send({"of": "a", "name": "Ann"})
        t["names"].end()
        for _ in range(2):  # the second makes the first one's time pass
            t.advance("1h")
            t["sales"].send({"of": "a"})
        assert [one["name"] for one in t["out"].values()] == ["Ann"]


def test_only_such_a_topic_ends_in_a_test() -> None:
    with (
        moldau.testing.run(_apart()) as t,
        pytest.raises(ValueError, match="topic 'live' is not one"),
    ):
        t["live"].end()


@pytest.mark.slow
def test_its_end_is_in_the_checkpoint(tmp_path: Path) -> None:
    with moldau.Broker() as broker:
        _restarted(broker.bootstrap_servers, state_dir=tmp_path)


@pytest.mark.slow
@pytest.mark.apache
def test_its_end_is_in_the_transaction(apache_kafka: ApacheKafka, tmp_path: Path) -> None:
    _restarted(apache_kafka.bootstrap_servers, state_dir=tmp_path, guarantee="exactly_once")


def _restarted(address: str, **settings: Any) -> None:
    """It gets more while the program runs, and before it runs again."""
    admin = AdminClient({"bootstrap.servers": address})
    topics = [NewTopic(one, 2, 1) for one in ("history", "live")]
    topics += [NewTopic(one, 1, 1, config=KEPT) for one in ("history-counts", "live-counts")]
    for made in admin.create_topics(topics).values():
        made.result(60)
    producer = Producer({"bootstrap.servers": address})

    def sell(topic: str, *seconds: float) -> None:
        for partition in range(2):
            for second in seconds:
                producer.produce(topic, msgspec.json.encode(sale(second)), partition=partition)
        assert producer.flush(60) == 0

    def app(until: Any = "end", of_live: Any = None) -> moldau.App:
        made = moldau.App("ending", address, checkpoint="50ms", **settings)
        _count(_read(made, "history", until=until), "history-counts")
        _count(_read(made, "live", until=of_live), "live-counts")
        return made

    sell("history", 1)
    with Admin(address) as asked:
        with running(app()):
            wait_for(lambda: written(asked, "history-counts", 1) >= 1)
            sell("history", 2)
            sell("live", 1, 61)
            wait_for(lambda: written(asked, "live-counts", 1) >= 1)
        before = written(asked, "live-counts", 1)
        with running(app()):
            sell("history", 3)
            sell("live", 121)
            wait_for(lambda: written(asked, "live-counts", 1) > before)
    lags = [one for one in Upkeep(app()).lags() if one.topic == "history"]
    assert [(one.end - (one.position or 0), one.lag) for one in lags] == [(2, 0)] * 2
    with pytest.raises(StreamsError, match=r"to its end before .* closed what"):
        Worker(app(until=None)).run()
    Worker(app(of_live="end")).run()  # now it ends
    assert _read_all(address, "history-counts") == [row(0, "books", "2.20", 2)]
    assert _read_all(address, "live-counts") == [
        row(minute, "books", "2.20", 2) for minute in range(3)
    ]
    with pytest.raises(StreamsError, match=r"history . has 2 records more"):
        Worker(app(of_live="end")).run()


def _read_all(address: str, topic: str) -> list[Any]:
    """Each once: at least once may say it again."""
    rows = sorted(read(address, topic), key=str)
    return [one for one, before in zip(rows, [None, *rows], strict=False) if one != before]


def _apart() -> moldau.App:
    """Each of two topics by category and minute."""
    app = moldau.App("shop")
    _count(_read(app, "history", until="end"), "history-counts")
    _count(_read(app, "live"), "live-counts")
    return app


def _together() -> moldau.App:
    app = moldau.App("shop", idle_after="30s")
    _count(_read(app, "history", until="end").merge(_read(app, "live")), "counts")
    return app


def _read(app: moldau.App, name: str, **settings: Any) -> Any:
    return app.stream(app.topic(name, Sale, event_time="timestamp", **settings))


def _count(sales: Any, to: str) -> None:
    windows = sales.group_by("category").tumbling("1m")
    windows.agg(revenue=moldau.sum("amount"), orders=moldau.count()).to(to)


def _orders(t: moldau.testing.Driver) -> list[int]:
    return [one["orders"] for one in t["counts"].values()]
