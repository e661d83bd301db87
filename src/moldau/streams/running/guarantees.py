"""What a checkpoint is: how outputs, changelogs and positions come to be true together.

At least once, one after the other: what was made, then the changelogs, then the positions.
Exactly once, all of it is one Kafka transaction (KIP-98), and the group's generation goes with the
positions, so that a worker whose partitions were given to another cannot commit (KIP-447).
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from moldau.streams.app import App
from moldau.streams.engine.outputs import Output
from moldau.streams.errors import StreamsError
from moldau.streams.running.internal_topics import MOST_BYTES
from moldau.streams.running.patience import Patience, StuckError
from moldau.streams.running.refusals import Refusals, output_of

TIMEOUT_S = 60.0
# A transaction is open for a checkpoint's interval, and for what the commit takes.
TO_COMMIT_MS = 10_000
GIVE_UP_S = 10.0  # what cannot be aborted in that is left to whoever comes next
TRIES = 3
SLICE_S = 0.5  # of a wait: between two, signals are heard
PAUSE_S = 0.05
SESSION_MS = 45_000  # librdkafka's default
MOST_ABORTS = 3  # in a row
MOST_REFUSALS = 100  # likewise, where each time another output was refused
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
_FENCED = (
    KafkaError._FENCED,
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
)
_PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)  # by an abort


def _pass(_error: KafkaError) -> None:
    """Without it a fatal error is raised out of `poll`, through the reports of delivery. It comes
    out of the next call too."""


def _served(serve: Callable[[float], int], timeout_s: float) -> int:
    """The producer's `poll` or `flush`. Raises KafkaException for a fatal error, also where it was
    being raised already when the next report of delivery came."""
    try:
        return serve(timeout_s)
    except SystemError as error:
        if isinstance(error.__cause__, KafkaException):
            raise error.__cause__ from None
        raise


def _flushed(producer: Producer, patience: Patience) -> int:
    """How many are not sent, when it has waited for long enough. Raises KafkaException."""
    began = time.monotonic()
    while True:
        left = _served(producer.flush, SLICE_S)
        if not left or time.monotonic() - began > patience.left_s(TIMEOUT_S):
            return left


def transaction_timeout_ms(app: App) -> int:
    """For so long others wait for a worker that died, unless it is started again (promise 10)."""
    return int(app.config.get("transaction.timeout.ms", app.checkpoint_ms + TO_COMMIT_MS))


class AtLeastOnce:
    """`aborted`: what was sent since the last checkpoint is void, and the tasks are too.
    `accepted`: did the group take the positions of the last checkpoint? None: it was not asked.
    `aborts`: of transactions, how many there have been."""

    def __init__(self, app: App, patience: Patience, **settings: Any) -> None:
        self.aborted = False
        self.aborts = 0
        self.accepted: bool | None = None
        self._app = app
        self._patience = patience
        self._settings = settings
        self._failures: list[str] = []
        self._not_taken: list[tuple[Output, KafkaError]] = []
        self._refusals = Refusals(app)
        self._committed: list[tuple[str, int, int, str | None]] = []
        self._session_s = int(app.config.get("session.timeout.ms", SESSION_MS)) / 1000
        self._heard = time.monotonic()
        self._producer = self._opened()

    def _opened(self) -> Producer:
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
            }
        )

    def start(self) -> None:
        """Before the first output."""

    def send(self, outputs: Iterable[Output]) -> None:
        produce, failed = self._producer.produce, self._delivered
        for topic, partition, key, value, timestamp, headers in outputs:
            while True:
                try:
                    place = -1 if partition is None else partition
                    # Timestamp 0: now. By position: names cost as much as the rest of the call.
                    produce(topic, value, key, place, failed, None, timestamp or 0, headers)
                    break
                except BufferError:
                    _served(self._producer.poll, 0.05)
                except KafkaException as raised:
                    error = raised.args[0]
                    if not self._refusals.is_fault(topic, error):
                        raise
                    refused = Output(topic, partition, key, value, timestamp, headers)
                    AtLeastOnce.send(self, self._refusals.letters(refused, error))
                    break
        _served(self._producer.poll, 0)

    def commit(
        self, consumer: Consumer, changes: list[Output], positions: list[TopicPartition]
    ) -> None:
        """Raises StreamsError when something could not be sent: nothing is committed then."""
        self.accepted = None
        if self.aborted:
            return
        self._flush()
        if changes:
            if not self._still_has(consumer, positions):
                return
            self.send(changes)
            self._flush()
        now = [(one.topic, one.partition, one.offset, one.metadata) for one in positions]
        if positions and now != self._committed:  # also what a worker had not that died before it
            try:
                consumer.commit(offsets=positions, asynchronous=False)
            except KafkaException as error:
                if error.args[0].code() not in _REARRANGING:
                    raise
                self.accepted = False
            else:
                self._committed = now
                self.accepted = True

    def _still_has(self, consumer: Consumer, positions: list[TopicPartition]) -> bool:
        """A worker that stood still for long may have been given up for dead: what it wrote to the
        changelogs would mix with what those write who have its partitions now, and be counted
        twice. So it asks the group, by committing once more what is committed."""
        now = time.monotonic()
        stood, self._heard = now - self._heard, now
        ours = {(one.topic, one.partition) for one in positions}
        again = [TopicPartition(*one) for one in self._committed if one[:2] in ours]
        if stood < self._session_s / 2 or not again:
            return True
        try:
            consumer.commit(offsets=again, asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.REBALANCE_IN_PROGRESS:
                return True  # a member still
            if error.args[0].code() not in _REARRANGING:
                raise
            self.aborted = True
        return not self.aborted

    def lost(self) -> None:
        """Others have the partitions already: what was made of them since the last checkpoint is
        theirs to make."""

    def give_up(self) -> None:
        """The worker has failed: nothing is committed any more."""
        self.aborted = True

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and error.code() not in _PURGED:
            if self._refusals.is_fault(message.topic() or "", error):
                self._not_taken.append((output_of(message), error))
            else:
                self._failures.append(f"{message.topic()}: {error.str()}")

    def _flush(self) -> None:
        left = _flushed(self._producer, self._patience)
        while self._not_taken and not left:
            self._take_back()
            left = _flushed(self._producer, self._patience)
        if left or self._failures:
            why = self._failures[0] if self._failures else "no answer for too long"
            raise StreamsError(f"{left + len(self._failures)} records were not sent: {why}")

    def _take_back(self) -> None:
        """Dead letters in the place of what was refused. Raises StreamsError to stop."""
        refused, self._not_taken = self._not_taken, []
        for output, error in refused:
            in_batch = self._refusals.may_be_of_batch(error)
            self._send_alone([output] if in_batch else self._refusals.letters(output, error))

    def _send_alone(self, outputs: Sequence[Output]) -> None:
        """One, or the letter in its place, and the shorter one in the place of that."""
        while outputs:
            AtLeastOnce.send(self, outputs)
            _flushed(self._producer, self._patience)
            refused, self._not_taken = self._not_taken, []
            outputs = [one for each in refused for one in self._refusals.letters(*each)]


class ExactlyOnce(AtLeastOnce):
    """A transaction begins with the first output behind a checkpoint: an idle program has none.

    Who comes back with the same transactional id (machine and slot) ends what it had left open.
    """

    def __init__(self, app: App, slot: int, say: Callable[[str], None], patience: Patience) -> None:
        self._id = f"{app.id}-{platform.node()}-{slot}"
        self._timeout_ms = transaction_timeout_ms(app)
        super().__init__(
            app,
            patience,
            **{"transactional.id": self._id, "transaction.timeout.ms": self._timeout_ms},
        )
        self._say = say
        self._is_open = False
        self._aborts_in_a_row = 0
        self._aborts_for_refusals = 0

    def start(self) -> None:
        try:
            self._init()
        except KafkaException as error:
            raise StreamsError(self._refused(error.args[0])) from None

    def _init(self) -> None:
        """Ends what was left open under this id. Raises KafkaException."""
        until = time.monotonic() + TIMEOUT_S
        while not self._patience.is_ending:
            try:
                self._producer.init_transactions(SLICE_S)
                return
            except KafkaException as raised:
                if not raised.args[0].retriable() or time.monotonic() > until:
                    raise
                time.sleep(PAUSE_S)
        self.aborted = True

    def _refused(self, error: KafkaError) -> str:
        servers = self._app.bootstrap_servers
        if error.code() == KafkaError.INVALID_TRANSACTION_TIMEOUT:
            return (
                f"{self._app.id}: a transaction may be open for {self._timeout_ms} ms, which is "
                f"above transaction.max.timeout.ms of {servers}: take a shorter checkpoint="
            )
        return (
            f"{self._app.id}: guarantee='exactly_once' needs Kafka transactions, which {servers} "
            f"refuses ({error.str()}): take 'at_least_once', or Apache Kafka"
        )

    def send(self, outputs: Iterable[Output]) -> None:
        if self.aborted:
            return
        outputs = self._refusals.instead(list(outputs))
        if not outputs:
            return
        try:
            if not self._is_open:
                self._producer.begin_transaction()
                self._is_open = True
            if not self._refusals.has_suspects:
                super().send(outputs)
            else:
                self._send_suspects(outputs)
        except KafkaException as error:
            self._abort(error.args[0].str())

    def _send_suspects(self, outputs: list[Output]) -> None:
        """In no batch with others."""
        for alone, part in groupby(outputs, key=self._refusals.must_be_alone):
            if not alone:
                super().send(part)
                continue
            for one in part:
                _flushed(self._producer, self._patience)
                super().send([one])
                _flushed(self._producer, self._patience)

    def commit(
        self, consumer: Consumer, changes: list[Output], positions: list[TopicPartition]
    ) -> None:
        self.accepted = None
        self.send(changes)
        if self.aborted or not self._is_open:
            return
        # The changelog first: who is given our partitions after the group has taken the positions
        # must see there that a transaction is open, and wait for it.
        if not self._done(self._flush):
            return
        group = consumer.consumer_group_metadata()
        send, end = self._producer.send_offsets_to_transaction, self._producer.commit_transaction
        short_s = min(TIMEOUT_S, self._timeout_ms / 1000)
        if self._done(
            lambda: self._asked(short_s, lambda timeout_s: send(positions, group, timeout_s))
        ) and self._done(lambda: self._asked(TIMEOUT_S, end)):
            self._is_open = False
            self._aborts_in_a_row = self._aborts_for_refusals = 0
            self.accepted = True
            self._refusals.committed()

    def _asked(self, seconds: float, call: Callable[[float], object]) -> None:
        """librdkafka has no end of its own to the wait for positions: when it has lost an answer,
        as the coordinators moved, that was forever. Raises KafkaException, StuckError."""
        timeout_s = self._patience.left_s(seconds)
        self._patience.within(seconds, lambda: call(timeout_s))

    def _done(self, step: Callable[[], object]) -> bool:
        """False: the transaction had to be aborted."""
        for attempt in range(1, TRIES + 1):
            try:
                step()
                return True
            except KafkaException as raised:
                error = raised.args[0]
                if not error.retriable() or attempt == TRIES:
                    self._abort(error.str())
                    break
            except StuckError as raised:
                self._abort(str(raised), is_stuck=True)
                break
            except StreamsError as raised:  # not sent
                self._abort(str(raised))
                break
        return False

    def _abort(self, why: str, *, is_stuck: bool = False) -> None:
        """Raises StreamsError when it cannot be, or has been too often."""
        self.aborts += 1
        self.aborted = True
        if is_stuck:
            self._renew(why)
        else:
            self._end()
        self._is_open = False
        why = self._reason(why)
        self._count_abort(why)
        self._refusals.aborted(self._not_taken)
        self._not_taken.clear()
        self._failures.clear()
        self._say(
            f"{self._app.id}: a transaction was aborted, and its records are taken again: {why}"
        )

    def _count_abort(self, why: str) -> None:
        """Raises StreamsError when there are too many. Of one for a refusal something has been
        learnt."""
        if self._not_taken:
            self._aborts_in_a_row = 0
            self._aborts_for_refusals += 1
        else:
            self._aborts_in_a_row += 1
        if self._aborts_in_a_row > MOST_ABORTS or self._aborts_for_refusals > MOST_REFUSALS:
            times = self._aborts_in_a_row or self._aborts_for_refusals
            advice = "" if self._aborts_in_a_row else " (raise its limit, or take 'at_least_once')"
            raise StreamsError(
                f"{self._app.id}: {times} transactions in a row were aborted: {why}{advice}"
            )

    def _end(self) -> None:
        """Raises StreamsError."""
        try:
            self._asked(TIMEOUT_S, self._producer.abort_transaction)
        except KafkaException as raised:
            error = raised.args[0]
            if error.code() in _FENCED:
                raise StreamsError(self._fenced()) from None
            self._renew(error.str())
        except StuckError as raised:
            self._renew(str(raised))

    def _renew(self, why: str) -> None:
        """A broker that has aborted it itself, its time being up, or that leads since a moment ago,
        may know of no transaction to be ended. That is fatal for a producer, and not for the next
        of the same id, which ends what is open and shuts this one out. Raises StreamsError."""
        if self._patience.is_ending:
            return  # who is started next with this id does it, or the time that it may be open
        try:
            self._producer = self._opened()
            self._init()
        except KafkaException:
            raise StreamsError(f"{self._app.id}: a transaction could not be ended: {why}") from None

    def _reason(self, why: str) -> str:
        """Once the transaction has ended: a call may be refused before the report has come of the
        record that failed it."""
        if self._not_taken:
            output, error = self._not_taken[0]
            return f"{output.topic}: {error.str()}"
        return self._failures[0] if self._failures else why

    def _fenced(self) -> str:
        return (
            f"{self._app.id}: another worker has taken the transactional id {self._id}, or a "
            f"transaction was open for more than {self._timeout_ms} ms; start the workers of "
            f"one machine together, with -w"
        )

    def _take_back(self) -> None:
        """Not in the transaction that it was refused in. Raises StreamsError."""
        raise StreamsError(self._reason("an output was refused"))

    def lost(self) -> None:
        if self._is_open:
            self._abort("its partitions were given to others")

    def give_up(self) -> None:
        super().give_up()
        if self._is_open:
            self._is_open = False
            # Where it cannot: when the worker is started again, or by its timeout.
            with suppress(KafkaException, StuckError):
                self._asked(GIVE_UP_S, self._producer.abort_transaction)


def guarantee(
    app: App, slot: int, say: Callable[[str], None], patience: Patience | None = None
) -> AtLeastOnce:
    """`slot`: of the processes of this machine, which one."""
    patience = patience or Patience()
    if app.guarantee == "exactly_once":
        return ExactlyOnce(app, slot, say, patience)
    return AtLeastOnce(app, patience)
