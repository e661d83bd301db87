"""Workers that stood still while others took over their tasks: at least once, what they write to
changelogs then makes no state count twice (docs/decisions/0013-void-markers.md)."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.streams.clock import BEFORE_ALL
from moldau.streams.engine.coding import encode
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.state import MARKER, State
from moldau.streams.engine.state_store import InMemory
from moldau.streams.errors import StreamsError
from moldau.streams.running.at_least_once import MOST_VOID, AtLeastOnce
from moldau.streams.running.markers import meant_for, placed, taken
from moldau.streams.running.patience import Patience
from moldau.streams.running.worker import Worker
from tests.streams.killed.verdict import wait_until
from tests.streams.test_state_on_a_broker import Input, counting, running

SOURCE = [number * 7 % 5 for number in range(60)]


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with moldau.Broker(config={"group.min.session.timeout.ms": 500}) as broker:
        yield broker.bootstrap_servers


class Record:
    """A Message, as far as anyone asks."""

    def __init__(self, offset: int, change: Output) -> None:
        self.at = offset
        self.change = change

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes | None:
        return self.change.key

    def value(self) -> bytes | None:
        return self.change.value

    def headers(self) -> Any:
        return self.change.headers


class Log:
    """A partition of a changelog."""

    def __init__(self) -> None:
        self.end = self.good = 0  # behind the last marker that is not void
        self.records: list[Any] = []

    def append(self, change: Output) -> Any:
        record: Any = Record(self.end, change)
        self.records.append(record)
        self.end += 1
        if change.key == MARKER and meant_for(record.headers()) == record.offset():
            self.good = self.end
        return record

    def compact(self, end: int) -> None:
        """Before `end`, of each key the last; never beyond the last good marker (promise 9)."""
        end = min(end, self.good)
        old = [one for one in self.records if one.at < end]
        last = {one.key(): one for one in old}
        rest = self.records[len(old) :]
        self.records = [one for one in old if last[one.key()] is one] + rest


class Counting:
    """A task that counts `SOURCE`, and the worker that has it, or thinks so."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._store = InMemory()
        self.begin()

    def begin(self) -> None:
        """As after a crash, or a void marker, with what its machine has kept."""
        self.queue: list[Output] = []  # of a checkpoint, to be sent yet
        self._changes: list[Output] = []
        self._touched: set[int] = set()
        self._state = State(self._store)
        self._table = self._state.table("counts")
        self._table.saver = lambda: [(key, self.counts[key]) for key in self._touched]
        begin = self._store.stamp.offset if self._store.stamp else 0
        self._state.take(taken(one) for one in self._log.records if one.at >= begin)
        marker = self._state.begin()
        self._position = self._log.end
        self.read = marker["read"] if marker else 0
        self.counts = Counter(dict(self._table.load()))
        assert self.counts == Counter(SOURCE[: self.read])

    def go_on(self, steps: int) -> None:
        """With records of the source, or of a checkpoint."""
        for _ in range(steps):
            if self.queue:
                self._send()
            elif self.read < len(SOURCE):
                self.counts[SOURCE[self.read]] += 1
                self._touched.add(SOURCE[self.read])
                self.read += 1

    def checkpoint(self) -> None:
        if self.queue:
            return
        marker = encode({"watermark": BEFORE_ALL, "read": self.read, "begun": True})
        saved = [*self._state.save(), *self._state.beginning(), (MARKER, marker)]
        self._touched.clear()
        self._changes = [Output("changelog", 0, key, value, None) for key, value in saved]
        self.queue, self._told = placed(self._changes, self._position), self.read

    def _send(self) -> None:
        record = self._log.append(self.queue.pop(0))
        if self.queue:
            return
        if meant_for(record.headers()) != record.offset():
            self.begin()
        else:
            self._position = self._log.end
            changes = ((one.key or b"", one.value) for one in self._changes)
            self._state.committed(changes, self._position)
            assert Counting(self._log).counts == Counter(SOURCE[: self._told])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 1 << 60).map(random.Random))
def test_promise_08_whoever_writes_and_whenever_state_is_what_a_marker_says(
    chance: random.Random,
) -> None:
    """Workers that know nothing of each other, each record at any time."""
    log = Log()
    workers = [Counting(log)]
    for _ in range(60):
        one, steps = chance.choice(workers[-3:]), chance.randint(1, 6)
        what = chance.random()
        if what < 0.1:
            workers.append(Counting(log))
        elif what < 0.2:
            log.compact(log.good - steps)
        elif what < 0.5:
            one.checkpoint()
        else:
            one.go_on(steps)
    last = Counting(log)
    last.go_on(len(SOURCE))
    last.checkpoint()
    last.go_on(len(last.queue))
    assert Counting(log).read == len(SOURCE)


def test_promise_08_a_void_marker_is_followed_by_a_good_one_though_nothing_happens() -> None:
    """Else compaction would leave the void one alone, and nothing were known of the task."""
    log = Log()
    first = Counting(log)
    log.append(Output("changelog", 0, MARKER, b"", None, [("offset", b"7")]))
    first.begin()
    assert first._state.save()


class Stand:
    """A worker stands still behind its question to the group (`_still_has`), or before its markers
    (`_mark`), and goes on when told. Its consumer is given up for dead meanwhile
    (max.poll.interval.ms)."""

    def __init__(self, worker: Worker, where: str) -> None:
        self.stands = threading.Event()
        self.goes_on = threading.Event()
        self.has_written = threading.Event()
        self.noticed = False
        guarantee: Any = worker._guarantee
        still_has, mark = guarantee._still_has, guarantee._mark

        def asked(*told: Any) -> Any:
            answer = still_has(*told)
            if where == "_still_has":
                self._stand()
            return answer

        def marked(*told: Any) -> None:
            if where == "_mark":
                self._stand()
            mark(*told)
            self.noticed = guarantee.aborted
            self.has_written.set()

        guarantee._still_has, guarantee._mark = asked, marked

    def _stand(self) -> None:
        self.stands.set()
        assert self.goes_on.wait(60)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["_still_has", "_mark"])
@pytest.mark.parametrize("then", ["late", "late, noticed", "first"])
def test_promise_08_who_stood_still_in_a_checkpoint_makes_nothing_count_twice(
    servers: str, tmp_path: Path, where: str, then: str
) -> None:
    """Another has the task when it goes on, and has written checkpoints too, or none yet."""
    name = f"stood{where}-{then.replace(', ', '-')}"
    data = Input(servers, name)
    data.send([1, 2, 3])
    app, other, third = (counting(servers, name, tmp_path / one) for one in "abc")
    if then == "first":
        other.checkpoint_ms = 3_600_000
    with running(app) as stood:
        data.wait(app)
        wait_for_checkpoint(app, 3)
        still = Stand(stood, where)
        data.send([1])
        assert still.stands.wait(60)
        with running(other) as taker:
            wait_until(lambda: taker.has(taker._topology.stages[0].name, 0), "the task", 60)
            data.send([2, 2, 3])
            data.wait(other)
            if then != "first":
                wait_for_checkpoint(app, 7)
            still.goes_on.set()
            assert still.has_written.wait(60)
            assert still.noticed == (then != "first")
            if then != "late":
                other.checkpoint_ms, taker._next_checkpoint = 100, 0
                data.send([1, 3])
                data.wait(other)
                wait_for_checkpoint(app, 9)
    with running(third):
        data.send([1, 2, 3])
        data.wait(third)


def wait_for_checkpoint(app: moldau.App, position: int) -> None:
    consumer = Consumer({**app.client_settings, "group.id": app.id})
    place = TopicPartition(f"{app.id}-in", 0)

    def is_there() -> bool:
        (found,) = consumer.committed([place], 30)
        return int(found.offset) == position

    wait_until(is_there, f"a checkpoint at {position}", 60)
    consumer.close()


class Elsewhere:
    """A producer whose record comes to lie behind somebody else's."""

    def produce(self, *told: Any, headers: Any) -> None:
        topic, value, key, partition, report = told
        change = Output(topic, partition, key, value, None, headers)
        report(None, Record(int(headers[0][1]) + 1, change))

    def flush(self, _seconds: float) -> int:
        return 0


def test_who_is_never_alone_in_its_changelogs_says_so_and_ends() -> None:
    app = moldau.App("some", "localhost:1", config={"log_level": 0})
    app.stream(app.topic("in", dict)).to("out")
    made: Any = AtLeastOnce(app, Patience())
    made._marking = Elsewhere()
    changes = placed([Output("changelog", 0, MARKER, b"", None)], 3)
    for _ in range(MOST_VOID):
        made._mark(changes)
        assert made.aborted
    with pytest.raises(StreamsError, match="some: others write to its changelogs too"):
        made._mark(changes)
