"""Outputs that the broker refuses are dead letters; trouble with the broker is never a record's
fault (promise 17)."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import KafkaError, Message

from moldau.streams.app import App
from moldau.streams.engine.counts import Counts
from moldau.streams.engine.dead_letters import LEFT_OUT, PREFIX, DeadLetters
from moldau.streams.engine.outputs import Header, Output
from moldau.streams.engine.reading import Original
from moldau.streams.errors import StreamsError
from moldau.streams.policies import Policy
from moldau.streams.program import Sink
from moldau.streams.topology import Stage, topology
from moldau.streams.upkeep.progress import internal_topics

_NO_TOPIC = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
}
_FAULTS = _NO_TOPIC | {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_TIMESTAMP,
    KafkaError.INVALID_RECORD,
    KafkaError.POLICY_VIOLATION,
    KafkaError._UNKNOWN_PARTITION,
}
_LEFT_OUT = PREFIX + LEFT_OUT


class Refused(StreamsError):
    """Of one output, by the broker."""


class Refusals:
    """Remembers what was refused in a transaction, which is aborted for it: when it is tried again,
    the dead letter goes in its place."""

    def __init__(self, app: App, counts: Counts) -> None:
        made = topology(app.id, app.nodes)
        self._app = app
        self._counts = counts
        self._stages = made.stages
        self._internal = set(internal_topics(made))
        self._letter_topics = set(app.dead_letter_topics)
        self._topics: dict[str, KafkaError] = {}
        self._known: dict[tuple[object, ...], KafkaError] = {}
        self._suspects: set[tuple[object, ...]] = set()  # to be sent alone
        self._met: set[object] = set()  # of these, what has come again in this transaction

    def is_fault(self, topic: str, error: KafkaError) -> bool:
        """Of the output, or of the topic that it was for; never of an internal topic's."""
        return error.code() in _FAULTS and topic not in self._internal

    def aborted(self, refused: Sequence[tuple[Output, KafkaError]]) -> None:
        """`refused`: what the transaction was aborted for."""
        self._met.clear()
        for output, error in refused:
            self._remember(output, error)

    def _remember(self, output: Output, error: KafkaError) -> None:
        one = _identity(output)
        if error.code() in _NO_TOPIC:
            self._topics[output.topic] = error
        elif self.may_be_of_batch(error) and one not in self._suspects:
            self._suspects.add(one)
        else:
            self._known[one] = error

    def may_be_of_batch(self, error: KafkaError) -> bool:
        """What is too large may be the batch that an output was sent in."""
        return bool(error.code() == KafkaError.MSG_SIZE_TOO_LARGE)

    @property
    def has_suspects(self) -> bool:
        return bool(self._suspects)

    def must_be_alone(self, output: Output) -> bool:
        one = _identity(output)
        if one not in self._suspects:
            return False
        self._met.add(one)
        return True

    def committed(self) -> None:
        """What has come again has been dealt with; the rest is still to come: its task may be
        restoring yet, while others commit. Topics may be there again."""
        self._known = {one: error for one, error in self._known.items() if one not in self._met}
        self._topics = {one: error for one, error in self._topics.items() if one not in self._met}
        self._suspects -= self._met
        self._met.clear()

    def instead(self, outputs: Sequence[Output]) -> list[Output]:
        """With letters in the place of what was refused before. Raises StreamsError to stop."""
        if not self._known and not self._topics:
            return list(outputs)
        made: list[Output] = []
        for one in outputs:
            error = self._refused_before(one)
            # A letter may have been refused too.
            made += [one] if error is None else self.instead(self.letters(one, error))
        return made

    def _refused_before(self, output: Output) -> KafkaError | None:
        one = _identity(output)
        error = self._known.get(one)
        if error is not None:
            self._met.add(one)
            return error
        if output.topic in self._topics:
            self._met.add(output.topic)
        return self._topics.get(output.topic)

    def letters(self, output: Output, error: KafkaError) -> Sequence[Output]:
        """What is sent for it. Raises StreamsError to stop."""
        refused = Refused(f"{output.topic}: {error.str()}")
        if output.topic in self._letter_topics:
            return [self._shortened(output, refused)]
        stage, step, policy = self._from(output.topic)
        count = self._counts.step(stage.name, step)
        letters = DeadLetters(self._app.id, stage.name, 0, step, policy, [], count)
        was = Original(
            output.topic,
            -1 if output.partition is None else output.partition,
            -1,
            output.timestamp or 0,
            output.key,
            output.value,
            list(output.headers or ()),
            form="output",
        )
        return letters.original(was, refused, 1)

    def _shortened(self, letter: Output, refused: Refused) -> Output:
        """A letter that is refused too goes without its value: the source still has it."""
        headers = list(letter.headers or ())
        if any(name == _LEFT_OUT for name, _ in headers):
            raise StreamsError(f"a dead letter was refused: {refused}") from refused
        said = f"{len(letter.value or b'')} bytes".encode()
        return letter._replace(value=None, headers=[*headers, (_LEFT_OUT, said)])

    def _from(self, topic: str) -> tuple[Stage, str, Policy]:
        for stage in self._stages:
            for node in stage.nodes:
                if isinstance(node, Sink) and node.topic.name == topic:
                    return stage, node.name, node.policy
        return self._stages[0], topic, self._app.policy


def output_of(message: Message, headers: list[Header] | None, partition: int | None) -> Output:
    """What a report of delivery is of, which tells all but its headers, and whether it was to go
    to that partition."""
    timestamp = message.timestamp()[1]
    return Output(
        message.topic() or "",
        partition,
        message.key(),
        message.value(),
        timestamp if timestamp > 0 else None,
        headers,
    )


def _identity(output: Output) -> tuple[object, ...]:
    value = output.value
    return output.topic, output.key, None if value is None else (len(value), hash(value))
