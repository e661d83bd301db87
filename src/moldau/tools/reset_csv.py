"""Plans of new offsets in CSV, as kafka-consumer-groups --export writes and --from-file reads them.

Apache Kafka: org.apache.kafka.tools.consumer.group.CsvUtils, 4.3.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from moldau.client.errors import KafkaError
from moldau.tools.java_text import split

TopicPartition = tuple[str, int]
_ALWAYS_QUOTED_FROM = 25
_COLUMNS = ("group", "topic", "partition", "offset")
_BITS = {"int": 31, "long": 63}
_NUMBER = re.compile(r"[+-]?\d+", re.ASCII)
_PLAIN = re.compile(r"(?P<text>[^,\r]*)\r?(?P<comma>,?)")
_QUOTED = re.compile(r'"(?P<text>(?:[^"]|"")*)" *\r?(?:(?P<comma>,)|$)')


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
    alone = len(groups) == 1 and bool(lines) and _names_no_group(lines[0])
    plans: dict[str, dict[TopicPartition, int]] = {}
    for line in lines:
        entry = _csv_line(line, groups[0] if alone else None)
        plans.setdefault(entry.group, {})[entry.topic, entry.partition] = entry.offset
    return plans


def _names_no_group(line: str) -> bool:
    try:
        _csv_line(line, "")
    except KafkaError:
        return False
    return True


def _csv_line(line: str, group: str | None) -> CsvLine:
    """`topic,partition,offset`, behind the group if that is not known. A number that is missing
    or empty is 0."""
    names = ("topic", "partition", "offset") if group is not None else _COLUMNS
    if not line:
        raise _Wrong(names).nothing()
    cells = read_cells(line, names)
    texts = [cell.text for cell in cells[: len(names) - 2]]
    numbers = [
        _number(cell, line, names, name)
        for cell, name in zip(cells[len(names) - 2 :], names[-2:], strict=False)
    ]
    partition, offset = [*numbers, 0, 0][:2]
    topic = texts[-1] if len(texts) == len(names) - 2 else ""
    return CsvLine(texts[0] if group is None else group, topic, partition, offset)


# --- as Jackson reads a line, and says what is wrong with it


class Cell(NamedTuple):
    """`begin` is where it begins in its line, `behind` where the next one does; None: it is the
    last."""

    text: str
    begin: int
    behind: int | None


class _Wrong:
    """What Jackson says. `names` are those of the columns of the record that is read."""

    def __init__(self, names: Sequence[str]) -> None:
        self._advice = f"Every line of the file must be {','.join(names)}."
        kind = "CsvRecordWithGroup" if len(names) == len(_COLUMNS) else "CsvRecordNoGroup"
        self._record = f"org.apache.kafka.tools.consumer.group.CsvUtils${kind}"

    def nothing(self) -> KafkaError:
        return self._error(
            "databind.exc.MismatchedInputException: No content to map due to end-of-input",
            "line: UNKNOWN, column: UNKNOWN",
        )

    def unclosed(self, line: str) -> KafkaError:
        text = "core.JsonParseException: Missing closing quote for value"
        return self._error(text, f"line: 1, column: {len(line) + 1}")

    def too_many(self, most: int, cell: Cell) -> KafkaError:
        text = (
            f"dataformat.csv.CsvReadException: Too many entries: expected at most {most} "
            f'(value #{most} ({len(cell.text)} chars) "{cell.text}")'
        )
        return self._error(text, f"line: 1, column: {cell.begin + 1}")

    def no_number(self, cell: Cell, kind: str, name: str) -> KafkaError:
        text = (
            f"databind.exc.InvalidFormatException: Cannot deserialize value of type `{kind}` "
            f'from String "{cell.text.strip()}": not a valid `{kind}` value'
        )
        return self._error(text, f"line: 1, column: {cell.begin + 1}", name)

    def too_large(self, cell: Cell, line: str, kind: str, name: str) -> KafkaError:
        bits = _BITS[kind]
        # Of what would be a long, Jackson does not say how large it may be.
        is_long = kind == "int" and -(1 << 63) <= int(cell.text) < 1 << 63
        most = "" if is_long else f" ({-(1 << bits)} - {(1 << bits) - 1})"
        text = f"databind.JsonMappingException: Numeric value ({cell.text}) out of range of {kind}"
        # At the end of a line it has counted what it read twice.
        at = 2 * len(line) if cell.behind is None else cell.behind
        return self._error(text + most, f"line: 1, column: {at + 1}", name)

    def _error(self, text: str, where: str, name: str | None = None) -> KafkaError:
        chain = "" if name is None else f' (through reference chain: {self._record}["{name}"])'
        message = f"com.fasterxml.jackson.{text}\n at [Source: (StringReader); {where}]{chain}"
        return KafkaError(message, self._advice)


def read_cells(line: str, names: Sequence[str]) -> list[Cell]:
    """As many as there are names, or fewer; an empty one at the end may be left over. Raises
    KafkaError."""
    cells: list[Cell] = []
    begin: int | None = 0
    while begin is not None:
        cell = _cell(line, begin, names)
        if len(cells) == len(names):
            if cell.text or cell.behind is not None:
                raise _Wrong(names).too_many(len(names), cell)
            break
        cells.append(cell)
        begin = cell.behind
    return cells


def _cell(line: str, begin: int, names: Sequence[str]) -> Cell:
    found = _QUOTED.match(line, begin)
    if found is None:
        if line.startswith('"', begin):
            raise _Wrong(names).unclosed(line)
        found = _PLAIN.match(line, begin)
        assert found is not None
    text = found["text"].replace('""', '"') if line.startswith('"', begin) else found["text"]
    return Cell(text, begin, found.end() if found["comma"] else None)


def _number(cell: Cell, line: str, names: Sequence[str], name: str) -> int:
    kind = "int" if name == "partition" else "long"
    text = cell.text.strip()
    if text in ("", "null"):
        return 0
    if not _NUMBER.fullmatch(text):
        raise _Wrong(names).no_number(cell, kind, name)
    number = int(text)
    if not -(1 << _BITS[kind]) <= number < 1 << _BITS[kind]:
        raise _Wrong(names).too_large(cell, line, kind, name)
    return number


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
