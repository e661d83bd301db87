"""Plans of new offsets in CSV, as kafka-consumer-groups --export writes and --from-file reads them.

Apache Kafka: org.apache.kafka.tools.consumer.group.CsvUtils, 4.3.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from moldau.client.errors import KafkaError
from moldau.tools.java_text import split

TopicPartition = tuple[str, int]
_ALWAYS_QUOTED_FROM = 25


class CsvLine(NamedTuple):
    group: str
    topic: str
    partition: int
    offset: int


def read_plans(path: str, groups: Sequence[str]) -> dict[str, dict[TopicPartition, int]]:
    """The plan of each group; of one group that is named, lines may leave it out. Raises
    KafkaError."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = split(file.read(), "\n")
    except OSError as error:
        raise KafkaError(
            f"java.io.IOException: Unable to read file {path}",
            f"{path}: {error.strerror}. Check the path.",
        ) from None
    alone = len(groups) == 1 and _fits(lines[0], 3)
    plans: dict[str, dict[TopicPartition, int]] = {}
    for line in lines:
        entry = _csv_line(line, groups[0] if alone else None)
        plans.setdefault(entry.group, {})[entry.topic, entry.partition] = entry.offset
    return plans


def _columns(line: str) -> list[str]:
    import csv

    return [cell.strip() for cell in next(csv.reader([line]), [""])]


def _fits(line: str, width: int) -> bool:
    cells = _columns(line)
    return len(cells) <= width and all(_is_number(cell) for cell in cells[width - 2 :])


def _is_number(cell: str) -> bool:
    return cell.removeprefix("-").isdigit()


def _csv_line(line: str, group: str | None) -> CsvLine:
    """`topic,partition,offset`, behind the group if that is not known. What is missing is 0."""
    width = 4 if group is None else 3
    if not _fits(line, width):
        columns = "group,topic,partition,offset" if group is None else "topic,partition,offset"
        raise KafkaError(
            f"com.fasterxml.jackson.databind.exc.InvalidFormatException: {line!r} is not {columns}",
            f"Every line of the file must be {columns}.",
        )
    cells = _columns(line)
    texts, numbers = cells[: width - 2], cells[width - 2 :]
    partition, offset = [*map(int, numbers), 0, 0][:2]
    topic = texts[-1] if len(texts) == width - 2 else ""
    return CsvLine(group if group is not None else texts[0], topic, partition, offset)


def export_csv(plans: Mapping[str, Mapping[TopicPartition, int]], one_group: bool) -> str:
    """The plans as `--from-file` reads them."""
    lines = []
    for group, plan in plans.items():
        for (topic, partition), offset in plan.items():
            line = f"{_quoted(topic)},{partition},{offset}\n"
            lines.append(line if one_group else f"{_quoted(group)},{line}")
    return "".join(lines)


def _quoted(text: str) -> str:
    """Jackson quotes what is long without looking at it, and what holds a character up to the
    comma."""
    if len(text) < _ALWAYS_QUOTED_FROM and all(character > "," for character in text):
        return text
    return '"' + text.replace('"', '""') + '"'
