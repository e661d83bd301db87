"""Exactly once: a checkpoint is one Kafka transaction (KIP-98), with the group's generation beside
the positions (KIP-447)."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import groupby
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from moldau.streams.app import App
from moldau.streams.engine.counts import Counts
from moldau.streams.engine.outputs import Output
from moldau.streams.errors import StreamsError
from moldau.streams.running.at_least_once import SLICE_S, TIMEOUT_S, AtLeastOnce
from moldau.streams.running.patience import Patience, StuckError
from moldau.streams.running.rights import lacking

# A transaction is open for a checkpoint's interval, and for what the commit takes.
TO_COMMIT_MS = 10_000
GIVE_UP_S = 10.0  # what cannot be aborted in that is left to whoever comes next
TRIES = 3
PAUSE_S = 0.05
MOST_ABORTS = 3  # in a row
MOST_REFUSALS = 100  # likewise, where each time another output was refused
# It goes on while a machine sleeps, where there is such a clock.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_FENCED = (
    KafkaError._FENCED,
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
)


def transaction_timeout_ms(app: App) -> int:
    """For so long others wait for a worker that died, unless it is started again (promise 10)."""
    return int(app.config.get("transaction.timeout.ms", app.checkpoint_ms + TO_COMMIT_MS))


def _quiet(app: App) -> dict[str, Any]:
    """librdkafka's log of this producer goes nowhere: a fatal error stands in it at every level,
    before we say in a sentence what it means. The errors come out of the calls; trouble with a
    broker `contact.py` tells. Not where the program asks for the log."""
    if app.wants_log:
        return {}
    return {"log_level": 0, "log.queue": True}  # a queue that nobody reads


class ExactlyOnce(AtLeastOnce):
    """A transaction begins with the first output behind a checkpoint: an idle program has none.

    Who comes back with the same transactional id (machine and slot) ends what it had left open.
    """

    knows_ends = False  # Kafka's own records lie there too

    def __init__(
        self,
        app: App,
        slot: int,
        say: Callable[[str], None],
        patience: Patience,
        counts: Counts | None = None,
        **settings: Any,
    ) -> None:
        self._id = f"{app.id}-{platform.node()}-{slot}"
        self._timeout_ms = transaction_timeout_ms(app)
        super().__init__(
            app,
            patience,
            counts,
            **{"transactional.id": self._id, "transaction.timeout.ms": self._timeout_ms},
            **settings,
            **_quiet(app),
        )
        self._say = say
        self._is_open = False
        self._began = 0.0  # the transaction, by _CLOCK
        self._aborts_in_a_row = 0
        self._aborts_for_refusals = 0

    def start(self) -> None:
        try:
            self._init()
        except KafkaException as raised:
            if raised.args[0].retriable():  # in all that time nobody has answered
                raise
            raise self._refused(raised.args[0]) from None

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

    def _refused(self, error: KafkaError) -> StreamsError:
        servers = self._app.bootstrap_servers
        if error.code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            need = lacking(self._app.id, servers, [f"WRITE on transactional id {self._id}"])
            return StreamsError(
                f"{need}; a broker without transactions, as `moldau up` is, says the same, and "
                f"guarantee='exactly_once' needs Kafka transactions: take 'at_least_once' there"
            )
        if error.code() == KafkaError.INVALID_TRANSACTION_TIMEOUT:
            return StreamsError(
                f"{self._app.id}: a transaction may be open for {self._timeout_ms} ms, which is "
                f"above transaction.max.timeout.ms of {servers}: take a shorter checkpoint="
            )
        return StreamsError(
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
                self._began = time.clock_gettime(_CLOCK)
                self._producer.begin_transaction()
                self._is_open = True
            if not self._refusals.has_suspects:
                self._produce(outputs)
            else:
                self._send_suspects(outputs)
        except KafkaException as error:
            self._abort(error.args[0].str())

    def _send_suspects(self, outputs: list[Output]) -> None:
        """In no batch with others."""
        for alone, part in groupby(outputs, key=self._refusals.must_be_alone):
            if not alone:
                self._produce(part)
                continue
            for one in part:
                self._unsent()
                self._produce([one])
                self._unsent()

    def ending(self, changes: list[Output], position: int) -> list[Output]:
        """Whose transactions count, Kafka sees to."""
        return changes

    def commit(
        self,
        consumer: Consumer,
        changes: list[Output],
        positions: list[TopicPartition],
        *,
        is_last: bool = False,
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
            self.taking.was_done()
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
            except StreamsError as raised:  # stuck, or not sent
                self._abort(str(raised), is_stuck=isinstance(raised, StuckError))
                break
        return False

    def _abort(self, why: str, *, is_stuck: bool = False) -> None:
        """Raises StreamsError when it cannot be, or has been too often."""
        self.aborts += 1
        self.aborted = True
        is_overdue = self._is_overdue
        if is_stuck:
            self._renew(why)
        else:
            self._end(is_overdue)
        self._is_open = False
        why = self._reason(why)
        if is_overdue:
            why += f"; {self._overdue()}"
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
            self.taking.was_too_much()
        if self._aborts_in_a_row > MOST_ABORTS or self._aborts_for_refusals > MOST_REFUSALS:
            times = self._aborts_in_a_row or self._aborts_for_refusals
            advice = "" if self._aborts_in_a_row else " (raise its limit, or take 'at_least_once')"
            raise StreamsError(
                f"{self._app.id}: {times} transactions in a row were aborted: {why}{advice}"
            )

    def _end(self, is_overdue: bool) -> None:
        """Raises StreamsError."""
        try:
            self._asked(TIMEOUT_S, self._producer.abort_transaction)
        except KafkaException as raised:
            error = raised.args[0]
            if error.code() in _FENCED and not is_overdue:
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

    @property
    def _is_overdue(self) -> bool:
        """Its time is up, as where the machine slept: then the broker has ended it, and shuts its
        producer out as it does one whose id another has taken."""
        return time.clock_gettime(_CLOCK) - self._began > self._timeout_ms / 1000

    def _overdue(self) -> str:
        return (
            f"it was open for more than {self._timeout_ms} ms; if this machine did not stand still "
            f"meanwhile, allow it more, with "
            f"config={{'transaction.timeout.ms': {5 * self._timeout_ms}}}"
        )

    def _fenced(self) -> str:
        return (
            f"{self._app.id}: another worker has taken the transactional id {self._id}: start the "
            f"workers of one machine together, with -w"
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
