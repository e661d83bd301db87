"""Our tools tell every story as Apache Kafka's do: stdout to the byte, and the exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import moldau
from tests.apache_kafka import ApacheKafka
from tests.conformance.ignored import entries
from tests.transcripts import actions, story
from tests.transcripts.stage import CONFIG, Stage

NAMES = sorted(path.stem for path in story.STORIES.glob("*.txt"))
NO_BROKER = ("dump-log", "dump-log-options")
QUICK = ("topics-basic", "topics-create-errors", "topics-describe-flags")
# What our broker does not serve yet: whole stories, and commands by story and their end.
NOT_OURS_YET = {name for entry in entries() for name in entry.tool_stories}
NOT_YET = [tuple(one.split(": ", 1)) for entry in entries() for one in entry.tool_commands]


@pytest.fixture(scope="module")
def ours() -> Iterator[Stage]:
    with moldau.Broker(config=CONFIG) as broker:
        yield Stage(broker.bootstrap_servers)


@pytest.fixture(scope="module")
def apache() -> Iterator[Stage]:
    with ApacheKafka(config={name: str(value).lower() for name, value in CONFIG.items()}) as kafka:
        yield Stage(kafka.bootstrap_servers, is_apache=True)


@pytest.mark.apache
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [n for n in NAMES if n not in NO_BROKER])
def test_on_apache_kafka(apache: Stage, name: str, tmp_path: Path) -> None:
    differences = apache.tell(name, tmp_path)
    assert not differences, "\n".join(differences)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=() if n in QUICK else pytest.mark.slow)
        for n in NAMES
        if n not in NO_BROKER and n not in NOT_OURS_YET
    ],
)
@pytest.mark.slow
def test_on_moldau(ours: Stage, name: str, tmp_path: Path) -> None:
    not_yet = [end for story_name, end in NOT_YET if story_name == name]
    differences = ours.tell(name, tmp_path, not_yet)
    assert not differences, "\n".join(differences)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", sorted(NOT_OURS_YET))
def test_not_on_moldau_yet(
    ours: Stage, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A story that is told well to its end is on the list of differences for nothing."""
    monkeypatch.setattr(actions, "_PATIENCE_S", 3)
    with suppress(actions.NotReady):  # a member of a protocol that is not served
        assert any(ours.told(name, tmp_path)), f"no longer needed in differences.toml: {name}"


@pytest.mark.parametrize(("name", "end"), NOT_YET)
def test_a_command_that_is_not_ours_yet_is_in_its_story(name: str, end: str) -> None:
    steps = story.read(story.STORIES / f"{name}.txt")
    assert any(step.kind == "$" and step.text.endswith(end) for step in steps)


@pytest.mark.slow
@pytest.mark.parametrize("name", NO_BROKER)
def test_without_a_broker(name: str, tmp_path: Path) -> None:
    differences = Stage("127.0.0.1:1").tell(name, tmp_path)
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"b":1,"a":"x"}', '{"a":"x","b":1}'),
        ('{"rate":<N>E-<N>,"a":-<N>}', '{"a":-<N>,"rate":<N>E-<N>}'),
        ('text\n{"b":<TIME>,"a":[1]}\n', 'text\n{"a":[1],"b":<TIME>}\n'),
    ],
)
def test_the_order_of_fields_is_put_aside(one: str, other: str) -> None:
    assert story.fields_in_alphabet(one) == story.fields_in_alphabet(other)
    assert story.fields_in_alphabet('{"no": json}') == '{"no": json}'
