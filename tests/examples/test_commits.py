"""Offsets are committed after the work, never before it."""

import json

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from tests.examples.programs import append, committed, create_topic, read, run


@pytest.mark.slow
def test_a_failing_message_is_not_committed_and_comes_again(bootstrap_servers: str) -> None:
    topic = create_topic(bootstrap_servers, partitions=1)
    append(bootstrap_servers, topic, 0, *(json.dumps({"order": n}) for n in range(10)))
    arguments = ("--topic", topic, "--group", topic, "--count", "10")
    lines = run("commit_after_success.py", bootstrap_servers, *arguments, "--failures", "2")
    failed = "failed, not committed: no payment for order 7"
    handled = [f"handled order {n}" for n in range(10)]
    assert lines == [*handled[:7], failed, failed, *handled[7:]]
    assert committed(bootstrap_servers, topic, topic, partitions=1) == {0: 10}


@pytest.mark.slow
def test_after_a_crash_the_failing_message_comes_first(bootstrap_servers: str) -> None:
    topic = create_topic(bootstrap_servers, partitions=1)
    append(bootstrap_servers, topic, 0, *(json.dumps({"order": n}) for n in range(10)))
    arguments = ("--topic", topic, "--group", topic)
    run("commit_after_success.py", bootstrap_servers, *arguments, "--stop-on-failure", exit_code=1)
    assert committed(bootstrap_servers, topic, topic, partitions=1) == {0: 7}
    restart = (*arguments, "--failures", "0", "--count", "3")
    lines = run("commit_after_success.py", bootstrap_servers, *restart)
    assert lines == ["handled order 7", "handled order 8", "handled order 9"]


def test_every_order_is_shipped_and_only_then_committed(bootstrap_servers: str) -> None:
    orders, shipments = create_topic(bootstrap_servers), create_topic(bootstrap_servers)
    run("produce_orders.py", bootstrap_servers, "--topic", orders, "--count", "300")
    arguments = ("--orders", orders, "--shipments", shipments, "--group", orders)
    run("ship_orders.py", bootstrap_servers, *arguments, "--count", "300")
    shipped = read(bootstrap_servers, shipments, 300)
    assert sorted(json.loads(r.value())["order"] for r in shipped) == list(range(300))
    assert all(json.loads(r.value())["customer"] == r.key().decode() for r in shipped)
    assert sum(committed(bootstrap_servers, orders, orders).values()) == 300


@pytest.mark.slow
def test_an_order_whose_shipment_is_refused_is_not_committed(bootstrap_servers: str) -> None:
    orders, shipments = create_topic(bootstrap_servers), create_topic(bootstrap_servers)
    # No shipment fits into this topic, so every delivery report is an error.
    limit_message_size(bootstrap_servers, shipments, 60)
    run("produce_orders.py", bootstrap_servers, "--topic", orders, "--count", "20")
    arguments = ("--orders", orders, "--shipments", shipments, "--group", orders)
    run("ship_orders.py", bootstrap_servers, *arguments, exit_code=1)
    assert committed(bootstrap_servers, orders, orders) == {}
    limit_message_size(bootstrap_servers, shipments, 1_000_000)
    run("ship_orders.py", bootstrap_servers, *arguments, "--count", "20")
    shipped = read(bootstrap_servers, shipments, 20)
    assert sorted(json.loads(r.value())["order"] for r in shipped) == list(range(20))


def limit_message_size(bootstrap_servers: str, topic: str, limit: int) -> None:
    from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ResourceType

    entry = ConfigEntry(
        "max.message.bytes", str(limit), incremental_operation=AlterConfigOpType.SET
    )
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)
