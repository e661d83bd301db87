"""Dead letters: a record that was given up, as it came, with headers that say why.

Where a record can be traced to its source, a dead letter is the source's record: its key, value and
headers, byte for byte. What a step has made of many is written as MessagePack.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence

from moldau.streams.engine.coding import encode
from moldau.streams.engine.outputs import Header, Output
from moldau.streams.engine.reading import Reading
from moldau.streams.engine.scope import Taken
from moldau.streams.engine.values import ValueFormat
from moldau.streams.errors import StreamsError
from moldau.streams.policies import Policy

PREFIX = "moldau-dlq-"
_MOST_TRACE = 4000


class DeadLetters:
    """Of one step. `part` numbers the records that steps before it have made of one."""

    def __init__(
        self, app: str, stage: str, step: str, policy: Policy, outputs: list[Output]
    ) -> None:
        self.policy = policy
        self._topic = policy.topic or f"{app}-dlq"
        self._place = {"app": app, "stage": stage, "step": step}
        self._outputs = outputs

    def give_up(self, taken: Taken, index: int, error: BaseException, tries: int) -> None:
        """Now, for a step that has no handlers. Raises StreamsError to stop."""
        self._outputs.extend(self.of(taken, index, error, tries))

    def of(self, taken: Taken, index: int, error: BaseException, tries: int) -> Sequence[Output]:
        """What is sent for it."""
        batch, reading = taken
        where = f"{self._place['step']}: {type(error).__name__}: {error}"
        if self.policy.then == "skip":
            return ()
        if reading is None or not len(batch.offsets):
            if self.policy.then == "stop":
                raise StreamsError(f"{where}, of {batch.values[index]!r}") from error
            key = None if batch.keys[index] is None else encode(batch.keys[index])
            value = ValueFormat(object).encode(batch.values[index])
            made: list[Header] = [(f"{PREFIX}form", b"value")]
            return [self._output(key, value, batch.times[index], made, error, tries)]
        offset = batch.offsets[index]
        part = index - _first(batch.offsets, index)
        return self.original(reading, offset, error, tries, part)

    def original(
        self, reading: Reading, offset: int, error: BaseException, tries: int, part: int = 0
    ) -> Sequence[Output]:
        """Of a record of the source."""
        record = reading.original(offset)
        place = f"{record.topic}-{record.partition} at offset {offset}"
        if self.policy.then == "skip":
            return ()
        if self.policy.then == "stop":
            said = f"{type(error).__name__}: {error}"
            raise StreamsError(f"{self._place['step']}: {said}, of {place}") from error
        headers: list[Header] = [
            *(one for one in record.headers if not one[0].startswith(PREFIX)),
            (f"{PREFIX}topic", record.topic.encode()),
            (f"{PREFIX}partition", str(record.partition).encode()),
            (f"{PREFIX}offset", str(offset).encode()),
            (f"{PREFIX}part", str(part).encode()),
        ]
        return [self._output(record.key, record.value, record.timestamp, headers, error, tries)]

    def _output(
        self,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: list[Header],
        error: BaseException,
        tries: int,
    ) -> Output:
        trace = "".join(traceback.format_exception(error))[-_MOST_TRACE:]
        said: dict[str, str] = {
            **self._place,
            "error": type(error).__name__,
            "message": str(error),
            "trace": trace,
            "tries": str(tries),
        }
        told: list[Header] = [(PREFIX + name, text.encode()) for name, text in said.items()]
        return Output(self._topic, None, key, value, timestamp, [*headers, *told])


def _first(offsets: Sequence[int], index: int) -> int:
    """Where the records begin that were made of the same one."""
    while index and offsets[index - 1] == offsets[index]:
        index -= 1
    return index
