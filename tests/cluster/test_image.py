"""What each metadata record does to the image."""

from __future__ import annotations

import pytest

from moldau.cluster.changes import changes
from moldau.cluster.image import ClusterImage, InconsistentMetadata, ResourceType
from moldau.cluster.records import UnknownRecord, decode_record, encode_record
from moldau.cluster.replay import committed
from moldau.protocol.messages import metadata_log as m
from moldau.protocol.schema import Message
from tests.cluster.situations import cluster, topic, with_topics

ID = b"0123456789abcdef"


def test_old_image_stays_as_it_was() -> None:
    before = with_topics(cluster(1), topic("a"))
    after = with_topics(before, topic("b", retention_ms="5"))
    assert list(before.topics) == ["a"]
    assert list(after.topics) == ["a", "b"]
    assert before.config(ResourceType.TOPIC, "b") == {}
    assert after.config(ResourceType.TOPIC, "b") == {"retention.ms": "5"}


def test_topics_are_found_by_name_and_by_id() -> None:
    image = with_topics(cluster(1), topic("a", 3))
    found = image.topics["a"]
    assert image.topics_by_id[found.id] is found
    assert len(found.partitions) == 3
    assert image.partition("a", 2) is found.partitions[2]
    assert image.partition("a", 3) is None
    assert image.partition("b", 0) is None


def test_removed_topic_takes_its_configs_along() -> None:
    image = with_topics(cluster(1), topic("a", retention_ms="5"), topic("b"))
    gone = image.topics["a"].id
    after = image.apply([m.RemoveTopicRecord(topic_id=gone)])
    assert list(after.topics) == ["b"]
    assert gone not in after.topics_by_id
    assert not after.configs


def test_topic_configured_and_removed_in_one_batch_leaves_nothing() -> None:
    image = cluster(1).apply(
        [
            m.TopicRecord(name="a", topic_id=ID),
            m.ConfigRecord(resource_type=2, resource_name="a", name="x", value="1"),
            m.RemoveTopicRecord(topic_id=ID),
            m.TopicRecord(name="a", topic_id=ID[::-1]),
        ]
    )
    assert image.topics["a"].id == ID[::-1]
    assert not image.configs


def test_null_takes_a_config_away() -> None:
    def config(value: str | None) -> m.ConfigRecord:
        return m.ConfigRecord(resource_type=4, resource_name="", name="x", value=value)

    image = ClusterImage().apply([config("1"), config("2")])
    assert image.config(ResourceType.BROKER, "") == {"x": "2"}
    assert not image.apply([config(None)]).configs


def test_named_leader_begins_an_epoch_and_nothing_else_does() -> None:
    image = with_topics(cluster(1, 2), topic("a", replicas=2))
    topic_id = image.topics["a"].id
    same = image.topics["a"].partitions[0].leader
    change = m.PartitionChangeRecord(partition_id=0, topic_id=topic_id, leader=same)
    elected = image.apply([change]).topics["a"].partitions[0]
    assert (elected.leader_epoch, elected.partition_epoch) == (1, 1)
    change = m.PartitionChangeRecord(partition_id=0, topic_id=topic_id, isr=[same])
    shrunk = image.apply([change]).topics["a"].partitions[0]
    assert (shrunk.leader_epoch, shrunk.partition_epoch, shrunk.isr) == (0, 1, (same,))
    assert sorted(shrunk.replicas) == [1, 2]


def test_eligible_leaders_are_cleared_by_topic_or_everywhere() -> None:
    image = with_topics(cluster(1), topic("a"), topic("b"))
    image = image.apply(
        m.PartitionChangeRecord(
            partition_id=0, topic_id=t.id, eligible_leader_replicas=[1], last_known_elr=[1]
        )
        for t in image.topics.values()
    )
    one = image.apply([m.ClearElrRecord(topic_name="a")])
    assert [t.partitions[0].elr for t in one.topics.values()] == [(), (1,)]
    both = image.apply([m.ClearElrRecord(topic_name="")])
    assert [t.partitions[0].last_known_elr for t in both.topics.values()] == [(), ()]


def test_fencing_and_controlled_shutdown() -> None:
    image = cluster(1)
    assert image.brokers[1].active

    def after(record: Message) -> tuple[bool, bool]:
        broker = image.apply([record]).brokers[1]
        return broker.fenced, broker.in_controlled_shutdown

    change = m.BrokerRegistrationChangeRecord
    assert after(m.FenceBrokerRecord(id=1, epoch=101)) == (True, False)
    assert after(change(broker_id=1, broker_epoch=101, fenced=1)) == (True, False)
    leaving = change(broker_id=1, broker_epoch=101, in_controlled_shutdown=1)
    assert after(leaving) == (False, True)
    assert not image.apply([leaving]).brokers[1].active


@pytest.mark.parametrize(
    "record",
    [
        m.FenceBrokerRecord(id=1, epoch=7),
        m.UnregisterBrokerRecord(broker_id=2, broker_epoch=102),
        m.RemoveTopicRecord(topic_id=ID),
        m.PartitionRecord(partition_id=0, topic_id=ID),
        m.PartitionChangeRecord(partition_id=0, topic_id=ID),
    ],
)
def test_record_about_what_does_not_exist_is_an_error(record: Message) -> None:
    with pytest.raises(InconsistentMetadata):
        cluster(1).apply([record])


def test_partitions_come_without_gaps() -> None:
    with pytest.raises(InconsistentMetadata, match="leaves a gap: 0 partitions exist"):
        cluster(1).apply(
            [
                m.TopicRecord(name="a", topic_id=ID),
                m.PartitionRecord(partition_id=1, topic_id=ID),
            ]
        )


def test_what_is_not_understood_is_kept() -> None:
    controller = m.RegisterControllerRecord(controller_id=3)
    unknown = UnknownRecord(99, 0, b"x")
    image = cluster(1).apply([controller]).apply([m.NoOpRecord(), unknown])
    assert list(image.others.values()) == [controller, unknown]


def test_the_latest_word_on_what_is_not_understood_counts() -> None:
    first, second = (
        m.RegisterControllerRecord(controller_id=3, incarnation_id=i) for i in (ID, ID[::-1])
    )
    unknown = [UnknownRecord(99, 0, b"x"), UnknownRecord(99, 0, b"y"), UnknownRecord(99, 0, b"x")]
    image = ClusterImage().apply([first, *unknown[:2], second, unknown[2]])
    assert list(image.others.values()) == [second, *unknown]


@pytest.mark.parametrize(
    ("said", "taken_back"),
    [
        (m.AccessControlEntryRecord(id=ID, host="*"), m.RemoveAccessControlEntryRecord(id=ID)),
        (
            m.UserScramCredentialRecord(name="alice", mechanism=1, iterations=4096),
            m.RemoveUserScramCredentialRecord(name="alice", mechanism=1),
        ),
        (m.DelegationTokenRecord(token_id="t"), m.RemoveDelegationTokenRecord(token_id="t")),
    ],
)
def test_what_was_taken_back_is_not_kept(said: Message, taken_back: Message) -> None:
    image = ClusterImage().apply([said])
    assert list(image.others.values()) == [said]
    assert not image.apply([taken_back]).others
    assert not ClusterImage().apply([taken_back]).others  # a snapshot may begin after it was said


def test_transactions_of_a_stored_log() -> None:
    first, second, third = (m.FeatureLevelRecord(name=n, feature_level=1) for n in "abc")
    begin, end = m.BeginTransactionRecord(name="x"), m.EndTransactionRecord()
    abort = m.AbortTransactionRecord(reason="y")
    assert committed([first, begin, second, end, third]) == ([first, second, third], False)
    assert committed([first, begin, second, abort, third]) == ([first, third], False)
    assert committed([first, begin, second]) == ([first], True)
    with pytest.raises(InconsistentMetadata, match="did not begin"):
        committed([end])
    with pytest.raises(InconsistentMetadata, match="within another"):
        committed([begin, begin])


def test_changes_tell_what_to_open_and_close() -> None:
    before = with_topics(cluster(1), topic("stays"), topic("goes"), topic("again"))
    stays, goes, again = before.topics.values()
    partition = m.PartitionRecord(partition_id=1, topic_id=stays.id, replicas=[1], isr=[1])
    after = before.apply(
        [m.RemoveTopicRecord(topic_id=goes.id), m.RemoveTopicRecord(topic_id=again.id), partition]
    )
    after = with_topics(after, topic("again", retention_ms="5"), topic("comes"))
    found = changes(before, after)
    assert [t.name for t in found.created] == ["again", "comes"]
    assert [t.name for t in found.removed] == ["goes", "again"]
    assert [(a.name, len(a.partitions), len(b.partitions)) for a, b in found.altered] == [
        ("stays", 1, 2)
    ]
    assert (found.configured, found.brokers_configured) == (["again"], False)
    assert changes(after, after) == ([], [], [], [], False)


def test_changes_tell_that_defaults_changed() -> None:
    before = cluster(1)
    after = before.apply(
        [m.ConfigRecord(resource_type=4, resource_name="", name="log.retention.ms", value="5")]
    )
    assert changes(before, after) == ([], [], [], [], True)


def test_tables_that_no_record_touches_are_not_copied() -> None:
    image = with_topics(cluster(1), topic("a", retention_ms="5"))
    after = image.apply([m.NoOpRecord(), m.FeatureLevelRecord(name="x", feature_level=1)])
    assert after.topics is image.topics
    assert after.topics_by_id is image.topics_by_id
    assert after.configs is image.configs
    assert after.brokers is image.brokers
    assert after.features == {"x": 1}


def test_many_records_in_one_go_are_all_applied() -> None:
    image = with_topics(cluster(1), topic("big", 9_000))
    records = [
        m.PartitionChangeRecord(partition_id=i, topic_id=image.topics["big"].id, leader=1)
        for i in range(9_000)
    ]
    after = image.apply(decode_record(encode_record(record)) for record in records)
    assert {p.leader_epoch for p in after.topics["big"].partitions} == {1}
