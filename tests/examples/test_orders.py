"""Producers and consumers of order events, in confluent-kafka, kafka-python and aiokafka."""

import json
import re
import subprocess
from collections import defaultdict

import pytest

from tests.examples.programs import Running, command, committed, create_topic, read, run

pytestmark = pytest.mark.slow  # each starts a program


def test_orders_are_produced_keyed_and_reported(bootstrap_servers: str) -> None:
    topic = create_topic(bootstrap_servers)
    reports = run("produce_orders.py", bootstrap_servers, "--topic", topic, "--count", "200")
    records = read(bootstrap_servers, topic, 200)
    # Every delivery was reported with the place where the record is.
    assert sorted(reports) == sorted(
        f"{topic}[{r.partition()}]@{r.offset()} {r.key().decode()}" for r in records
    )
    # One customer's orders are in one partition, in the order in which they were sent.
    places: dict[bytes, set[int]] = defaultdict(set)
    numbers: dict[bytes, list[int]] = defaultdict(list)
    for record in sorted(records, key=lambda r: (r.partition(), r.offset())):
        places[record.key()].add(record.partition())
        numbers[record.key()].append(json.loads(record.value())["order"])
    assert len(places) > 6
    assert all(len(partitions) == 1 for partitions in places.values())
    assert all(of_customer == sorted(of_customer) for of_customer in numbers.values())
    assert sorted(n for of_customer in numbers.values() for n in of_customer) == list(range(200))


def test_orders_are_printed_from_the_first_and_not_again(bootstrap_servers: str) -> None:
    topic = create_topic(bootstrap_servers)
    group = f"printers-{topic}"
    run("produce_orders.py", bootstrap_servers, "--topic", topic, "--count", "50")
    arguments = ("--topic", topic, "--group", group)
    with Running("print_orders.py", bootstrap_servers, *arguments) as printing:
        printing.wait_for(lambda lines: len(lines) == 50)
        lines = printing.interrupt()
    assert sorted(numbers_in(lines)) == list(range(50))
    assert all(re.search(r" \d+\.\d\d$", line) for line in lines)
    # It committed on the way out: a second start goes on where it was.
    assert sum(committed(bootstrap_servers, topic, group).values()) == 50
    run("produce_orders.py", bootstrap_servers, "--topic", topic, "--first", "50", "--count", "5")
    again = run("print_orders.py", bootstrap_servers, *arguments, "--count", "5")
    assert sorted(numbers_in(again)) == list(range(50, 55))


@pytest.mark.parametrize("program", ["orders_kafka_python.py", "orders_aiokafka.py"])
def test_other_clients_produce_and_read_back(bootstrap_servers: str, program: str) -> None:
    topic = create_topic(bootstrap_servers)
    arguments = ("--topic", topic, "--group", topic, "--count", "40")
    lines = run(program, bootstrap_servers, *arguments)
    assert sorted(numbers_in(lines)) == list(range(40))
    assert len(read(bootstrap_servers, topic, 40)) == 40


def test_a_hundred_thousand_events_go_through_with_java_s_names(bootstrap_servers: str) -> None:
    topic = create_topic(bootstrap_servers)
    finished = subprocess.run(
        command("produce_fast.py", bootstrap_servers, "--topic", topic),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "100000 delivered, 0 failed" in finished.stdout
    assert "queue.buffering.max.kbytes=65536" in finished.stdout
    assert "compression.type=snappy" in finished.stdout
    assert "max.block.ms is dropped: " in finished.stderr
    records = read(bootstrap_servers, topic, 100_000)
    assert {json.loads(r.value())["event"] for r in records} == set(range(100_000))


@pytest.mark.parametrize(
    ("program", "option"),
    [
        ("print_orders.py", "--topic"),
        ("commit_after_success.py", "--topic"),
        ("group_member.py", "--topic"),
        ("ship_orders.py", "--orders"),
        ("revenue_per_minute.py", "--topic"),
    ],
)
def test_a_topic_that_is_not_there_is_told_in_a_line(
    bootstrap_servers: str, program: str, option: str
) -> None:
    finished = subprocess.run(
        command(program, bootstrap_servers, option, "not-there"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 1
    assert "not-there: Broker: Unknown topic" in finished.stderr
    assert finished.stderr.count("\n") == 1


def numbers_in(lines: list[str]) -> list[int]:
    return [int(match[1]) for line in lines if (match := re.search(r"\border (\d+)", line))]
