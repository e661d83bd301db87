"""The same programs, with the same claims, on an Apache Kafka of three brokers."""

from collections.abc import Callable
from functools import partial

import pytest
from confluent_kafka.admin import AdminClient

from tests.apache_kafka import ApacheKafka
from tests.examples import test_commits, test_group, test_orders, test_revenue

CLAIMS: dict[str, Callable[[str], None]] = {
    "keyed and reported": test_orders.test_orders_are_produced_keyed_and_reported,
    "printed, and not again": test_orders.test_orders_are_printed_from_the_first_and_not_again,
    "kafka-python": partial(
        test_orders.test_other_clients_produce_and_read_back, program="orders_kafka_python.py"
    ),
    "aiokafka": partial(
        test_orders.test_other_clients_produce_and_read_back, program="orders_aiokafka.py"
    ),
    "fast": test_orders.test_a_hundred_thousand_events_go_through_with_java_s_names,
    "failing message": test_commits.test_a_failing_message_is_not_committed_and_comes_again,
    "shipped": test_commits.test_every_order_is_shipped_and_only_then_committed,
    "eager": partial(
        test_group.test_one_leaves_and_one_joins_and_nothing_is_lost, assignor="range"
    ),
    "cooperative": partial(
        test_group.test_one_leaves_and_one_joins_and_nothing_is_lost, assignor="cooperative-sticky"
    ),
    "lag": test_group.test_the_lag_of_the_group_is_seen_to_shrink,
    "event time": test_revenue.test_a_minute_closes_when_event_time_says_so,
    "to the cent": test_revenue.test_what_the_producer_made_is_summed_to_the_cent,
}


@pytest.mark.slow
@pytest.mark.apache
@pytest.mark.timeout(300)
@pytest.mark.parametrize("claim", CLAIMS)
def test_what_the_examples_claim_holds_with_three_replicas(
    apache_cluster: ApacheKafka, claim: str
) -> None:
    servers = apache_cluster.bootstrap_servers
    before = set(replicas(servers))
    CLAIMS[claim](servers)
    made = {name: count for name, count in replicas(servers).items() if name not in before}
    assert set(made.values()) == {3}


def replicas(bootstrap_servers: str) -> dict[str, int]:
    """Topic and the replicas of each of its partitions."""
    topics = AdminClient({"bootstrap.servers": bootstrap_servers}).list_topics(timeout=60).topics
    return {
        name: len(topic.partitions[0].replicas)
        for name, topic in topics.items()
        if topic.partitions
    }
