"""Metadata, DescribeTopicPartitions, DescribeCluster, ApiVersions: what a client learns first."""

from __future__ import annotations

import pytest

from moldau.protocol.schema import ZERO_UUID
from tests.conformance.both import Both
from tests.conformance.requests import UNKNOWN_ID

pytestmark = pytest.mark.apache


def names(*wanted: str | None) -> list[dict[str, str | None]]:
    return [{"name": name} for name in wanted]


def test_a_topic_in_every_version(both: Both) -> None:
    topic = both.topic(3)
    for version in range(14):
        both.ask("Metadata", version, topics=names(topic), allow_auto_topic_creation=False)
        if version:
            both.ask("Metadata", version, topics=[])


def test_unknown_and_bad_names(both: Both) -> None:
    topic = both.topic()
    wanted = names("nope", "a b", "", topic, "nope", "x" * 250, "..")
    for version in range(14):
        both.ask("Metadata", version, topics=wanted, allow_auto_topic_creation=False)


def test_kafka_s_own_topics(both: Both) -> None:
    both.group()
    wanted = names("__consumer_offsets", "__cluster_metadata")
    both.ask("Metadata", topics=wanted, allow_auto_topic_creation=False)


def test_what_may_be_done(both: Both) -> None:
    topic = both.topic()
    for version in range(8, 14):
        for cluster in (False, True):
            both.ask(
                "Metadata",
                version,
                topics=names(topic, "nope"),
                allow_auto_topic_creation=False,
                include_topic_authorized_operations=True,
                include_cluster_authorized_operations=cluster and version < 11,
            )


def test_topics_by_id(both: Both) -> None:
    topic = both.topic(2)
    known = {"topic_id": both.topic_id(topic), "name": None}
    unknown = {"topic_id": UNKNOWN_ID, "name": None}
    for version in (12, 13):
        both.ask("Metadata", version, topics=[known, unknown])
        both.ask("Metadata", version, topics=[known, unknown, {"name": "ignored"}])
        both.ask("Metadata", version, topics=[known, known])
        both.ask("Metadata", version, topics=[unknown], include_topic_authorized_operations=True)


def test_a_topic_without_name_and_id(both: Both) -> None:
    for version in (12, 13):
        both.ask("Metadata", version, topics=[{"topic_id": ZERO_UUID, "name": None}])


def test_a_topic_that_comes_to_be_by_being_asked_for(both: Both) -> None:
    for version in (3, 9, 13):
        name = both.unused_name()
        both.ask("Metadata", version, topics=names(name))
        both.until_led(name, 1)
        both.ask("Metadata", version, topics=names(name))


def test_ids_and_null_before_their_time(both: Both) -> None:
    topic = both.topic()
    known = {"topic_id": both.topic_id(topic), "name": topic}
    for version in (10, 11):
        both.ask("Metadata", version, topics=[known], allow_auto_topic_creation=False)
        both.ask("Metadata", version, topics=names(None), allow_auto_topic_creation=False)


def test_partitions_by_pages(both: Both) -> None:
    one, two = sorted([both.topic(2), both.topic(3)])
    ask = both.ask
    name = "DescribeTopicPartitions"
    ask(name, topics=names(one, "nope", "a b"), response_partition_limit=2000)
    ask(name, topics=names(two, one, two), response_partition_limit=2000)
    for limit in (-1, 0, 1, 2, 3, 4, 5, 2001):
        ask(name, topics=names(one, two), response_partition_limit=limit)
    for topic, index in ((one, 0), (one, 1), (one, 5), (two, 0), (two, 2), ("zz", 0), ("", 0)):
        cursor = {"topic_name": topic, "partition_index": index}
        ask(name, topics=names(one, two), response_partition_limit=3, cursor=cursor)
    cursor = {"topic_name": one, "partition_index": -1}
    ask(name, topics=names(one), response_partition_limit=3, cursor=cursor)


def test_cluster(both: Both) -> None:
    for version in range(3):
        for operations in (False, True):
            both.ask(
                "DescribeCluster",
                version,
                endpoint_type=1,
                include_cluster_authorized_operations=operations,
            )
    for version in (1, 2):
        for endpoints in (2, 9):
            both.ask("DescribeCluster", version, endpoint_type=endpoints)
    both.ask("DescribeCluster", endpoint_type=1, include_fenced_brokers=True)


def test_versions(both: Both) -> None:
    for version in range(5):
        both.ask("ApiVersions", version, client_software_name="j", client_software_version="1.0")
    both.ask("ApiVersions", client_software_name="a" * 300, client_software_version="a.b-c")


@pytest.mark.parametrize("software", ["", "a b", "-a", "a-", "a.", ".a", "ü", "a_b"])
def test_names_of_software(both: Both, software: str) -> None:
    both.ask("ApiVersions", client_software_name=software, client_software_version="1")
    both.ask("ApiVersions", client_software_name="a", client_software_version=software)
