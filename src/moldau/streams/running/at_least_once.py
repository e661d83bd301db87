"""At least once, and what all guarantees have in common: a producer, and what becomes of what it
cannot send (`refusals.py`)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any

import confluent_kafka.cimpl
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from moldau.streams.app import App
from moldau.streams.engine.counts import Counts
from moldau.streams.engine.outputs import Header, Output
from moldau.streams.errors import StreamsError, Trouble
from moldau.streams.running.internal_topics import MOST_BYTES
from moldau.streams.running.markers import is_marker, meant_for, placed
from moldau.streams.running.patience import Patience, StuckError
from moldau.streams.running.producing import produced
from moldau.streams.running.refusals import Refusals, output_of
from moldau.streams.running.taking import Taking

TIMEOUT_S = 60.0
COMMIT_S = 5.0
SLICE_S = 0.5  # of a wait: between two, signals are heard
SESSION_MS = 45_000  # librdkafka's default
MOST_VOID = 10  # checkpoints in a row
QUEUE_KB = 64 * 1024  # what waits to be sent; a worker that has more waits with reading
# The group is being shared out anew: the positions follow with the next checkpoint, of whoever has
# the partitions then. Until then the changelogs say where to go on. _DESTROY: the consumer is being
# closed meanwhile.
_REARRANGING = (
    KafkaError._DESTROY,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
)
# A consumer lets in one thread at a time, from confluent-kafka 2.16 on: any other waits, deaf to
# signals, and so would we for a commit that is never answered. librdkafka itself needs nothing of
# that, and whoever says that it is the thread that is in is let in.
_WHO: ContextVar[int] | None = getattr(confluent_kafka.cimpl, "_reentry_identity_var", None)
_PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)  # by an abort


class AtLeastOnce:
    """`aborted`: what was sent since the last checkpoint is void, and the tasks are too.
    `accepted`: did the group take the positions of the last checkpoint? None: it was not asked.
    `aborts`: of transactions, how many there have been. `knows_ends`: where a checkpoint that is
    committed ends in its changelogs."""

    knows_ends = True

    def __init__(
        self, app: App, patience: Patience, counts: Counts | None = None, **settings: Any
    ) -> None:
        self.aborted = False
        self.aborts = 0
        self.accepted: bool | None = None
        self.taking = Taking()
        self._app = app
        self._patience = patience
        self._settings = settings
        self._failures: list[str] = []
        self._not_taken: list[tuple[Output, KafkaError]] = []
        self._refusals = Refusals(app, counts or Counts())
        self._committed: list[tuple[str, int, int, str | None]] = []
        self._session_s = int(app.config.get("session.timeout.ms", SESSION_MS)) / 1000
        self._heard = time.monotonic()
        self._producer = self._opened()
        self._marking: Producer | None = None
        self._is_void = False
        self._void_in_a_row = 0

    def _opened(self, **more: Any) -> Producer:
        return Producer(
            {
                "message.max.bytes": MOST_BYTES,
                "queue.buffering.max.kbytes": QUEUE_KB,
                **self._app.client_settings,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "delivery.report.only.error": True,
                "queue.buffering.max.messages": 1_000_000,
                "error_cb": _pass,
                **self._settings,
                **more,
            }
        )

    def start(self) -> None:
        """Before the first output. A producer needs half a second to begin."""
        self._marks()

    def send(self, outputs: Iterable[Output]) -> None:
        self._produce(outputs)

    def _produce(self, outputs: Iterable[Output]) -> None:
        left = list(outputs)
        while left:
            count, error = produced(self._producer.produce, left, self._delivered)
            del left[:count]
            if isinstance(error, BufferError):
                _served(self._producer.poll, 0.05)
            elif error is not None:
                self._take_instead(left.pop(0), error)
        _served(self._producer.poll, 0)

    def _take_instead(self, output: Output, raised: KafkaException) -> None:
        error = raised.args[0]
        if not self._refusals.is_fault(output.topic, error):
            raise raised
        self._produce(self._refusals.letters(output, error))

    def ending(self, changes: list[Output], position: int) -> list[Output]:
        """What a task's changelog gets, which is written from `position` on."""
        return placed(changes, position)

    def commit(
        self,
        consumer: Consumer,
        changes: list[Output],
        positions: list[TopicPartition],
        *,
        is_last: bool = False,
    ) -> None:
        """`is_last`: the consumer calls us back, because the group takes partitions away. Raises
        StreamsError when something could not be sent: nothing is committed then."""
        self.accepted = None
        if self.aborted:
            return
        self._flush()
        if changes:
            if not self._still_has(consumer, positions, is_last):
                return
            self.send(one for one in changes if not is_marker(one))
            self._flush()
            self._mark([one for one in changes if is_marker(one)])
            if self.aborted:
                return
        now = [(one.topic, one.partition, one.offset, one.metadata) for one in positions]
        if positions and now != self._committed:  # also what a worker had not that died before it
            try:
                self._tell(consumer, positions, is_last)
            except KafkaException as error:
                if error.args[0].code() not in _REARRANGING:
                    raise
                self.accepted = False
            except StuckError:
                self.accepted = False  # with the next checkpoint
            else:
                self._committed = now
                self.accepted = True

    def _tell(self, consumer: Consumer, positions: list[TopicPartition], is_last: bool) -> None:
        """librdkafka has no end of its own to this: when the group is shared out anew meanwhile, it
        was forever now and then. While the consumer calls us back it lets no other thread in, so
        that it would be waited for in vain. Raises KafkaException, StuckError."""
        commit = partial(consumer.commit, offsets=positions, asynchronous=False)
        if is_last:
            commit()
        else:
            self._patience.within(COMMIT_S, _let_in(commit))

    def _still_has(
        self, consumer: Consumer, positions: list[TopicPartition], is_last: bool
    ) -> bool:
        """A worker that stood still for long may have been given up for dead: what it wrote to the
        changelogs would make checkpoints void of those who have its partitions now. So it asks the
        group, by committing once more what is committed. It may stand still behind that again: what
        counts is where its markers come to lie."""
        now = time.monotonic()
        stood, self._heard = now - self._heard, now
        ours = {(one.topic, one.partition) for one in positions}
        again = [TopicPartition(*one) for one in self._committed if one[:2] in ours]
        if stood < self._session_s / 2 or not again:
            return True
        try:
            self._tell(consumer, again, is_last)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.REBALANCE_IN_PROGRESS:
                return True  # a member still
            if error.args[0].code() not in _REARRANGING:
                raise
            self.aborted = True
        except StuckError:
            self.aborted = True  # it is not known
        return not self.aborted

    def _marks(self) -> Producer:
        """A producer of markers: it tells of all that it sends, and the other one of errors."""
        if self._marking is None:
            self._marking = self._opened(**{"delivery.report.only.error": False, "linger.ms": 0})
        return self._marking

    def _mark(self, markers: Iterable[Output]) -> None:
        """Once all before them is there. `aborted`: others have written between, and the checkpoint
        is void. Raises StreamsError."""
        marking = self._marks()
        self._is_void = False
        for topic, partition, key, value, _, headers in markers:
            place = -1 if partition is None else partition
            marked = partial(self._marked, meant_for(headers))
            marking.produce(topic, value, key, place, marked, headers=headers)
        self._raise_unsent(self._unsent(marking))
        self.aborted = self._is_void
        self._void_in_a_row = self._void_in_a_row + 1 if self._is_void else 0
        if self._void_in_a_row > MOST_VOID:
            raise StreamsError(
                f"{self._app.id}: others write to its changelogs too, and {self._void_in_a_row} "
                f"checkpoints in a row are void for it: stop what else runs under this name"
            )

    def _marked(self, meant: int | None, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._delivered(error, message)
        elif meant not in (None, message.offset()):
            self._is_void = True

    def lost(self) -> None:
        """Others have the partitions already: what was made of them since the last checkpoint is
        theirs to make."""

    def give_up(self) -> None:
        """The worker has failed: nothing is committed any more."""
        self.aborted = True

    def _delivered(
        self,
        error: KafkaError | None,
        message: Message,
        headers: list[Header] | None = None,
        partition: int | None = None,
    ) -> None:
        """`headers`: a report of delivery has none. `partition`: where it was to go; None: where
        its key lies."""
        if error is not None and error.code() not in _PURGED:
            if self._refusals.is_fault(message.topic() or "", error):
                self._not_taken.append((output_of(message, headers, partition), error))
            else:
                self._failures.append(f"{message.topic()}: {error.str()}")

    def _flush(self) -> None:
        left = self._unsent()
        while self._not_taken and not left:
            self._take_back()
            left = self._unsent()
        self._raise_unsent(left)

    def _raise_unsent(self, left: int) -> None:
        count = left + len(self._failures)
        unsent = "a record was not sent" if count == 1 else f"{count} records were not sent"
        if self._failures:
            raise StreamsError(f"{unsent}: {self._failures[0]}")
        if left:
            raise Trouble(f"{unsent}: no answer for too long")

    def _unsent(self, producer: Producer | None = None) -> int:
        """How many are not sent, when none has been for long enough: brokers may be slow, or hold
        us back by a quota. Raises KafkaException."""
        began, least = time.monotonic(), None
        while True:
            left = _served((producer or self._producer).flush, SLICE_S)
            now = time.monotonic()
            if (least is None or left < least) and not self._patience.is_ending:
                began, least = now, left
            if not left or now - began > self._patience.left_s(TIMEOUT_S):
                return left

    def _take_back(self) -> None:
        """Dead letters in the place of what was refused. Raises StreamsError to stop."""
        refused, self._not_taken = self._not_taken, []
        for output, error in refused:
            in_batch = self._refusals.may_be_of_batch(error)
            self._send_alone([output] if in_batch else self._refusals.letters(output, error))

    def _send_alone(self, outputs: Sequence[Output]) -> None:
        """One, or the letter in its place, and the shorter one in the place of that."""
        while outputs:
            self._produce(outputs)
            self._unsent()
            refused, self._not_taken = self._not_taken, []
            outputs = [one for each in refused for one in self._refusals.letters(*each)]


def _let_in(call: Callable[[], object]) -> Callable[[], object]:
    """Into the consumer, from another thread than this one, which may come in besides."""
    us = threading.get_ident()

    def called() -> object:
        if _WHO is not None:
            _WHO.set(us)
        return call()

    return called


def _pass(_error: KafkaError) -> None:
    """Without it a fatal error is raised out of `poll`, through the reports of delivery. It comes
    out of the next call too."""


def _served(serve: Callable[[float], int], timeout_s: float) -> int:
    """The producer's `poll` or `flush`. Raises KafkaException for a fatal error, also where it was
    being raised already when the next report of delivery came. Where that report has swallowed it,
    it comes out of the producer's next call that does more than wait."""
    try:
        return serve(timeout_s)
    except SystemError as error:
        if isinstance(error.__cause__, KafkaException):
            raise error.__cause__ from None
        if error.__cause__ is not None:
            raise
        return serve(0)
