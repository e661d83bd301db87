"""The records of topics as text, for a test that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moldau.streams.engine.dead_letters import PREFIX
from moldau.streams.program import Topic

if TYPE_CHECKING:
    from moldau.streams.testing import Sent

MOST = 50  # of a topic
_MOST_LETTERS = 200
_TRACE, _MOST_TRACE = f"{PREFIX}trace", 600


def report(topics: Mapping[str, tuple[Topic, Sequence[Sequence[Sent]]]]) -> str:
    """A paragraph for each topic that has records: partition, offset, time, key, value."""
    parts = [
        "\n".join([f"{name}: {_count(log)}", *_lines(topic, log)])
        for name, (topic, log) in topics.items()
        if any(log)
    ]
    return "\n".join(["The records of this test:", *parts]) if parts else "No record was sent."


def _count(log: Sequence[Sequence[Sent]]) -> str:
    count = sum(map(len, log))
    return f"{count} record{'' if count == 1 else 's'}"


def _lines(topic: Topic, log: Sequence[Sequence[Sent]]) -> list[str]:
    lines = []
    for partition, records in enumerate(log):
        left_out = max(len(records) - MOST, 0)
        if left_out:
            lines.append(f"  {partition}: {left_out} more before these")
        for offset, one in list(enumerate(records))[left_out:]:
            time = datetime.fromtimestamp(one.timestamp / 1000, UTC).isoformat()
            lines.append(f"  {partition}:{offset} {time} {_key(one)} {_value(topic, one)}")
            lines += [f"      {name}: {_header(name, data)}" for name, data in one.headers or ()]
    return lines


def _key(one: Sent) -> str:
    return "no key" if one.key is None else _text(one.key)


def _value(topic: Topic, one: Sent) -> str:
    if one.value is None:
        return "no value"
    try:
        return _cut(repr(topic.format.decode(one.value)))
    except Exception:  # what cannot be read is shown as it is
        return _text(one.value)


def _header(name: str, data: bytes | None) -> str:
    """Where an error was raised stands at the end of its trace."""
    if name != _TRACE or data is None:
        return _text(data)
    text = data.decode(errors="backslashreplace").rstrip()
    return text if len(text) <= _MOST_TRACE else "…" + text[-_MOST_TRACE:]


def _text(data: bytes | None) -> str:
    return _cut("" if data is None else data.decode(errors="backslashreplace"))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else text[:_MOST_LETTERS] + "…"
