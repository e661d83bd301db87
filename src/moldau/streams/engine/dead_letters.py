"""Dead letters: a record that was given up, as it came, with headers that say why.

Where a record can be traced to its source, a dead letter is the source's record: its key, value and
headers, byte for byte. What a step has made of many is written as MessagePack.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Any

from moldau.streams.engine.coding import encode
from moldau.streams.engine.counts import StepCount
from moldau.streams.engine.explaining import explained
from moldau.streams.engine.outputs import Header, Output
from moldau.streams.engine.reading import Original
from moldau.streams.engine.scope import Taken
from moldau.streams.engine.values import ValueFormat
from moldau.streams.errors import StreamsError
from moldau.streams.policies import Policy

PREFIX = "moldau-dlq-"
LEFT_OUT = "left-out"  # the last of its headers, where the broker refused the letter's value too
_OF = {
    "value": "a result of the step before it",
    "parts": "what it has kept",
    "text": "a value that cannot be written",
    "output": "what it sends",
}
MOST_TRACE = 4000


class DeadLetters:
    """Of one step of the task of that partition."""

    def __init__(
        self,
        app: str,
        stage: str,
        partition: int,
        step: str,
        policy: Policy,
        outputs: list[Output],
        count: StepCount | None = None,
        parts: Callable[[Any], bytes] | None = None,
        type_: Any = object,
    ) -> None:
        """`parts`: writes what the step makes its results of; None: it fails at values, of
        `type_`."""
        self.policy = policy
        self._parts = parts
        self._write = parts or ValueFormat(type_).encode
        self._topic = policy.topic or f"{app}-dlq"
        self._step = step
        self._place = {"app": app, "stage": stage, "task": str(partition), "step": step}
        self._outputs = outputs
        self._count = count or StepCount()

    def give_up(self, taken: Taken, index: int, error: BaseException, tries: int) -> None:
        """Now, for a step that has no handlers. Raises StreamsError to stop."""
        self._outputs.extend(self.of(taken, index, error, tries))

    def of(self, taken: Taken, index: int, error: BaseException, tries: int) -> Sequence[Output]:
        """What is sent for it. Raises StreamsError to stop."""
        batch, reading = taken
        if reading is not None and len(batch.offsets):
            offset = batch.offsets[index]
            part = index - _first(batch.offsets, index)
            return self.original(reading.original(offset), error, tries, part)
        made = Original(
            "",
            batch.partition,
            -1,
            batch.times[index],
            None if batch.keys[index] is None else encode(batch.keys[index]),
            None,
            [],
            form="value" if self._parts is None else "parts",
        )
        if self.policy.then == "dead_letter":
            made = self._written(made, batch.values[index])
        return self.original(made, error, tries)

    def _written(self, made: Original, value: Any) -> Original:
        """What no format writes is there to be read by people."""
        try:
            return made._replace(value=self._write(value))
        except Exception:
            return made._replace(value=repr(value).encode(errors="replace"), form="text")

    def original(
        self, record: Original, error: BaseException, tries: int, part: int = 0
    ) -> Sequence[Output]:
        """`part`: of the records that were made of it, which one."""
        self._count.errors += 1
        if self.policy.then == "skip":
            return ()
        if self.policy.then == "stop":
            place = f"{record.topic}-{record.partition} at offset {record.offset}"
            of = place if record.form == "record" else _OF[record.form]
            said = f"{self._step}: {type(error).__name__}: {explained(error)}, of {of}"
            raise StreamsError(said) from error
        self._count.letters += 1
        told = {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "part": part if record.part is None else record.part,
            "form": record.form,
            **self._place,
            "error": type(error).__name__,
            "message": explained(error),
            "trace": "".join(traceback.format_exception(error))[-MOST_TRACE:],
            "tries": tries,
            "redrives": record.redrives,
        }
        if record.left_out is not None:
            told[LEFT_OUT] = record.left_out
        headers: list[Header] = [(PREFIX + name, str(one).encode()) for name, one in told.items()]
        return [
            Output(
                self._topic,
                None,
                record.key,
                record.value,
                record.timestamp,
                [*record.headers, *headers],
            )
        ]


def _first(offsets: Sequence[int], index: int) -> int:
    """Where the records begin that were made of the same one."""
    while index and offsets[index - 1] == offsets[index]:
        index -= 1
    return index
