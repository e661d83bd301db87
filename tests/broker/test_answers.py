"""Large answers about the cluster are kept, and never longer than they are true."""

from __future__ import annotations

from moldau.broker.answers import LARGE, MOST, Answers
from moldau.cluster.image import ClusterImage
from moldau.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
)
from tests.broker.stage import Stage

VERSION = 12
PARTITIONS = 800


def asked(stage: Stage, *names: str) -> bytes:
    topics = [MetadataRequestTopic(name=name) for name in names] if names else None
    number = stage.send(MetadataRequest(topics=topics), VERSION)
    return stage.answers()[number]


def partitions(answer: bytes) -> dict[str | None, int]:
    response = Stage.decode(MetadataResponse, VERSION, answer)
    return {topic.name: len(topic.partitions) for topic in response.topics}


def test_an_answer_is_the_same_again_and_another_when_the_cluster_is() -> None:
    stage = Stage()
    stage.topic("many", partitions=PARTITIONS)
    first = asked(stage)
    assert len(first) > LARGE
    assert asked(stage) == first
    stage.topic("more")
    assert partitions(asked(stage)) == {"many": PARTITIONS, "more": 1}


def test_each_question_has_its_own_answer() -> None:
    stage = Stage()
    for name in ("one", "two"):
        stage.topic(name, partitions=PARTITIONS)
    questions = [(), ("one",), ("two",), ("one", "two")]
    first = [partitions(asked(stage, *question)) for question in questions]
    again = [partitions(asked(stage, *question)) for question in questions]
    assert again == first
    assert [list(names) for names in first] == [["one", "two"], ["one"], ["two"], ["one", "two"]]


def test_so_many_are_kept_and_small_ones_are_not() -> None:
    answers, image = Answers(), ClusterImage()
    answers.keep(image, "small", [bytes(LARGE - 1)])
    assert answers.find(image, "small", 1) is None
    for number in range(MOST + 1):
        answers.keep(image, number, [bytes(LARGE)])
    found = [answers.find(image, number, 258) for number in range(MOST + 1)]
    assert found == [None] + [[b"\0\0\0\0\0\0\1\2" + bytes(LARGE - 8)]] * MOST


def test_who_came_by_another_way_is_told_another_address() -> None:
    stage = Stage()
    stage.topic("many", partitions=PARTITIONS)
    asked(stage)
    stage.client = stage.connect()
    stage.client.advertised = ("elsewhere", 1234)
    (broker,) = Stage.decode(MetadataResponse, VERSION, asked(stage)).brokers
    assert (broker.host, broker.port) == ("elsewhere", 1234)
