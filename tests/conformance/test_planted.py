"""The suite finds what it is there to find. Two brokers of ours, with a difference planted in the
answers of one: a story that passes without it fails because of it, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from moldau.protocol.errors import ErrorCode
from moldau.server.embedded import Broker
from tests.conformance import both as module
from tests.conformance.both import Both, Judge, Pair
from tests.conformance.brokers import CONFIG
from tests.conformance.ignored import Entry, Ledger
from tests.conformance.relay import Plant, Relay


@pytest.fixture(scope="module")
def alike() -> Iterator[Pair]:
    with Broker(config=CONFIG) as one, Broker(config=CONFIG) as other:
        yield Pair(one.bootstrap_servers, other.bootstrap_servers)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is learned later, and what does not come at once does not come."""
    monkeypatch.setattr(module, "LEARNED_S", 0)
    monkeypatch.setattr(module, "ANSWER_S", 1)


@contextmanager
def planted(alike: Pair, plant: Plant, *entries: Entry) -> Iterator[Both]:
    """A client of the two; what the one says of metadata goes through `plant`."""
    with Relay(alike.ours, "Metadata", plant) as relay:
        judge = Judge(Ledger("planted", entries))
        client = Both(Pair(alike.theirs, relay.address), judge, "planted")
        yield client
        client.close()


def verdict(both: Both) -> str:
    """On a story of three kinds of topics."""
    wanted = [{"name": both.topic(2)}, {"name": "nope"}, {"name": "a b"}]
    for version in (4, 7, 13):
        both.ask("Metadata", version, topics=wanted, allow_auto_topic_creation=False)
    return both.judge.verdict()


def nothing(answer: Any) -> Any:
    return answer


def an_error_code(answer: Any) -> Any:
    for topic in answer.topics:
        if topic.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            topic.error_code = ErrorCode.LEADER_NOT_AVAILABLE
    return answer


def a_field(answer: Any) -> Any:
    for topic in answer.topics:
        for partition in topic.partitions:
            partition.leader_epoch += 1
    return answer


def no_answer(answer: Any) -> Any:
    return None


PLANTS: dict[str, tuple[Plant, str, str]] = {
    "one error code": (
        an_error_code,
        "Metadata.topics.error_code",
        "theirs UNKNOWN_TOPIC_OR_PARTITION, ours LEADER_NOT_AVAILABLE",
    ),
    "one field": (a_field, "Metadata.topics.partitions.leader_epoch", "theirs 0, ours 1"),
    "a missing reply": (no_answer, "Metadata", "ours no answer"),
}


def test_two_that_are_alike_differ_in_nothing(alike: Pair) -> None:
    with planted(alike, nothing) as both:
        assert verdict(both) == ""


@pytest.mark.parametrize("name", PLANTS)
@pytest.mark.slow
def test_what_is_planted_is_found_and_nothing_else(alike: Pair, impatient: None, name: str) -> None:
    plant, field, values = PLANTS[name]
    with planted(alike, plant) as both:
        said = verdict(both)
    lines = [line.strip() for line in said.splitlines()]
    assert {line for line in lines if line.startswith("Metadata")} == {field}
    assert values in said


ON_PURPOSE = Entry(
    says="why",
    section="where",
    story="planted",
    fields=("Metadata.topics.*.leader_epoch",),
    theirs="0",
    ours="1|2",
)


def test_what_is_on_purpose_is_passed_over(alike: Pair, impatient: None) -> None:
    with planted(alike, a_field, ON_PURPOSE) as both:
        assert verdict(both) == ""


def test_an_entry_that_is_no_longer_needed_fails_its_story(alike: Pair) -> None:
    with planted(alike, nothing, ON_PURPOSE) as both:
        assert "no longer needed in differences.toml: Metadata.topics.*.leader" in verdict(both)


@pytest.mark.parametrize("other", [{"ours": "2"}, {"theirs": "1"}, {"story": "another"}])
def test_an_entry_counts_for_its_story_and_values_alone(
    alike: Pair, impatient: None, other: dict[str, Any]
) -> None:
    with planted(alike, a_field, ON_PURPOSE._replace(**other)) as both:
        assert "theirs 0, ours 1" in verdict(both)
