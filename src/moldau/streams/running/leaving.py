"""How a consumer leaves its group."""

from __future__ import annotations

from confluent_kafka import Consumer


def leave(consumer: Consumer) -> None:
    """And closes it. librdkafka tells the group only of a member that has partitions to give up:
    another would be waited for until its session is over, by all at their next rebalance.
    Unsubscribed before it is closed, that one is told of too."""
    if not consumer.assignment():
        consumer.unsubscribe()
    consumer.close()
