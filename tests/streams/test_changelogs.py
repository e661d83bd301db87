"""What brokers are asked about changelogs while some of them end and begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

import moldau
from moldau.streams.running import changelogs
from moldau.streams.running.changelogs import deletions_kept_ms, end_of
from moldau.streams.running.state_folders import StateFolders
from moldau.streams.running.task_state import Opening, TaskState
from moldau.streams.topology import Stage

PLACE = TopicPartition("changelog", 0)


class Answer:
    """`offset` and the configuration, or what is raised instead."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def result(self) -> Any:
        if isinstance(self._answer, int):
            raise KafkaException(KafkaError(self._answer))
        return self._answer


class Offset:
    def __init__(self, offset: int) -> None:
        self.offset = offset


class Value:
    value = "7"


class Admin:
    """Gives these answers, one after the other; `looked`: how often it has asked who leads."""

    def __init__(self, *answers: Any) -> None:
        self.looked = 0
        self._answers = list(answers)

    def describe_configs(self, asked: Any, **_: Any) -> Any:
        return dict.fromkeys(asked, Answer(self._answers.pop(0)))

    list_offsets = describe_configs

    def list_topics(self, *_: Any) -> None:
        self.looked += 1


@pytest.fixture(autouse=True)
def _asks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changelogs, "POLL_S", 0)


def test_a_broker_that_ends_while_it_is_asked_is_asked_again() -> None:
    admin: Any = Admin(KafkaError._TRANSPORT, {"delete.retention.ms": Value})
    assert deletions_kept_ms(admin, "changelog") == 7


def test_who_leads_is_looked_up_anew_where_the_answer_is_none() -> None:
    """Else the same broker was asked, for as long as there was patience."""
    admin: Any = Admin(Offset(-1), KafkaError.NOT_LEADER_FOR_PARTITION, Offset(3))
    assert end_of(admin, PLACE) == 3
    assert admin.looked == 2


def test_a_copy_that_cannot_be_opened_now_waits_for_nobody_and_holds_nothing(
    tmp_path: Path,
) -> None:
    """A worker ended, because brokers did not say for 30 s how far a copy was to go."""
    app = moldau.App("copied", "localhost:1", state_dir=tmp_path)
    folders = StateFolders(app)
    admin: Any = Admin(Offset(-1))
    opening = Opening(admin, folders, print)
    assert not opening.try_open(TaskState(Stage("step"), ("changelog", 0)))
    assert folders.taken("step", 0) is not None
    not_for_now: Any = Admin(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        Opening(not_for_now, folders, print).try_open(TaskState(Stage("step"), ("changelog", 1)))
    assert folders.taken("step", 1) is not None
