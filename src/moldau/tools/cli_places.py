"""Topics and partitions as words: `orders`, `orders:0,3`, `or*`; what to say of none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from moldau.client.admin import Admin
from moldau.client.topics import list_partitions
from moldau.tools.cli_frame import Failure, did_you_mean

TopicPartition = tuple[str, int]


def is_pattern(word: str) -> bool:
    return any(sign in word for sign in "*?[")


def matching(words: Sequence[str], known: Sequence[str], what: str) -> list[str]:
    """The names that are meant; a pattern may mean several. Raises Failure for a word that means
    none."""
    chosen: list[str] = []
    for word in words:
        found = [name for name in known if name == word]
        if not found and is_pattern(word):
            found = [name for name in known if fnmatchcase(name, word)]
        if not found:
            raise Failure(did_you_mean(word, known, what))
        chosen += found
    return list(dict.fromkeys(chosen))


def partitions_of(connection: Admin, words: Iterable[str]) -> list[TopicPartition]:
    """All partitions of `orders`, those named of `orders:0,3`. Raises Failure."""
    known = list_partitions(connection)
    topics = sorted({topic for topic, _ in known})
    chosen: list[TopicPartition] = []
    for word in words:
        name = word.partition(":")[0]
        (*_, last) = names = matching([name], topics, "topic")
        here = [place for place in known if place[0] in names]
        if ":" in word:
            here = _named(word, here, last)
        chosen += here
    return list(dict.fromkeys(chosen))


def _named(word: str, here: list[TopicPartition], topic: str) -> list[TopicPartition]:
    from moldau.tools.reset_offsets import BadArgument, parse_topic_partitions

    try:
        wanted = parse_topic_partitions(word)
    except BadArgument:
        raise Failure(f"{word!r}: write partitions as {topic}:0,3.") from None
    numbers = {number for _, number in wanted}
    there = {number for _, number in here}
    if numbers - there:
        raise Failure(f"{topic} has no partition {min(numbers - there)}: {extent(there)}.")
    return [place for place in here if place[1] in numbers]


def extent(partitions: Iterable[int]) -> str:
    highest = max(partitions)
    return f"it has 0 to {highest}" if highest else "it has only partition 0"
