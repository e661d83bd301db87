"""Tests without a broker: the same engine, a virtual clock, no I/O.

with moldau.testing.run(app) as t:
    t[sales].send(Sale("books", Decimal("2.50"), timestamp))
    t.advance("61s")
    assert t["revenue-per-minute"].values() == [...]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from moldau.streams import fields
from moldau.streams.app import App
from moldau.streams.chores import RunningChores
from moldau.streams.durations import Duration, milliseconds
from moldau.streams.engine.global_store import GlobalStore
from moldau.streams.engine.outputs import Header, Output
from moldau.streams.engine.pace import PacedTask
from moldau.streams.engine.placing import PLACES
from moldau.streams.engine.reading import Records
from moldau.streams.engine.redriving import back
from moldau.streams.engine.state import State
from moldau.streams.engine.task import Task
from moldau.streams.formats.basic import Json, Key
from moldau.streams.program import Topic
from moldau.streams.reports import report
from moldau.streams.running.hosting import task_of
from moldau.streams.running.virtual import VirtualHost
from moldau.streams.topology import topology

START_MS = 1_767_225_600_000  # 2026-01-01, UTC


class Sent(NamedTuple):
    """A record in a topic."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: list[Header] | None = None


class Named(Protocol):
    """A topic, of `moldau.App` or of `moldau.faust`."""

    @property
    def name(self) -> str: ...


class Declared(Protocol):
    """A program that is not an App, but makes one."""

    @property
    def program(self) -> App: ...


@contextmanager
def run(
    app: App | Declared, *, partitions: int = 1, start: datetime | None = None
) -> Iterator[Driver]:
    """The program on topics of so many partitions, at a time that only `advance` moves."""
    begin = START_MS if start is None else round(start.timestamp() * 1000)
    driver = Driver(app if isinstance(app, App) else app.program, partitions, begin)
    try:
        yield driver
    except BaseException as error:
        error.add_note(driver.report())
        raise
    finally:
        driver.close()


class Driver:
    """Runs every task until there is nothing more to do, whenever something is sent."""

    def __init__(self, app: App, partitions: int, now_ms: int) -> None:
        self._app = app
        self._partitions = partitions
        self._topology = topology(app.id, app.nodes)
        self.now_ms = now_ms
        self._globals: dict[str, GlobalStore] = {
            name: GlobalStore(topic) for name, topic in self._topology.global_topics.items()
        }
        names = [*self._topology.source_topics, *self._topology.sink_topics, *app.topics]
        names += [*self._globals, *app.dead_letter_topics]
        names += [one.redrive for one in self._topology.stages]
        names = list(dict.fromkeys(names))
        names += [one.name for one in self._topology.repartitions]
        self._logs: dict[str, list[list[Sent]]] = {
            name: [[] for _ in range(partitions)] for name in names
        }
        counts = dict.fromkeys(names, partitions)
        self._redriven: dict[tuple[str, int], int] = {}
        self._read: dict[tuple[str, int, str], int] = {}
        self._ended: set[str] = set()  # these are read no farther
        self._host = VirtualHost(lambda: self.now_ms, self._move)
        self._tasks = [
            task_of(
                Task(
                    self._topology,
                    stage,
                    partition,
                    counts,
                    State(),
                    host=self._host,
                    wait=self._move,
                    tables=self._globals,
                ),
                self._host,
            )
            for stage in self._topology.stages
            for partition in range(partitions)
        ]

        self._said: list[str] = []
        app.chores.is_virtual = True
        self._chores = RunningChores(
            app.chores, self._host, lambda: self.now_ms, self._said.append, tables=self._globals
        )
        self._chores.start()
        self.settle()

    def __getitem__(self, topic: Named | str) -> TestTopic:
        name = topic if isinstance(topic, str) else topic.name
        if name not in self._logs:
            raise KeyError(f"the program has no topic {name!r}; it has {', '.join(self._logs)}")
        known = {
            **self._app.topics,
            **self._topology.sink_topics,
            **self._topology.source_topics,
            **self._topology.global_topics,
        }
        return TestTopic(self, known.get(name) or Topic(name, Any, Json(), Key()), self._logs[name])

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_ms / 1000, UTC)

    def advance(self, duration: Duration) -> None:
        """Time goes by: timers fire, handlers that sleep wake up. What silence closes,
        closes, and quiet partitions are idle."""
        end = self.now_ms + milliseconds(duration, "advance")
        while (due := self._host.next_ms) is not None and due <= end:
            self.now_ms = max(due, self.now_ms)
            self.settle()
        self.now_ms = max(end, self.now_ms)
        for task in self._tasks:
            for source in task.stage.sources:
                task.tick(source.topic.name, self.now_ms)
        self.settle()

    def end(self) -> None:
        """There is no more input: everything closes."""
        for task in self._tasks:
            task.ended(task.stage.redrive)
            for source in task.stage.sources:
                task.ended(source.topic.name)
        self.settle()

    def end_of(self, topic: str) -> None:
        """See `TestTopic.end`."""
        if topic not in self._topology.bounded_topics:
            raise ValueError(f"topic {topic!r} is not one that the program reads with until='end'")
        self._ended.add(topic)
        for task in self._tasks:
            if task.stage.is_bounded:
                task.ended(task.stage.redrive)
            if topic in task.stage.topics:
                task.ended(topic)
        self.settle()

    def settle(self) -> None:
        moved = True
        while moved:
            self._host.run_ready()
            moved = self._deliver_all(self._chores.drain())
            for task in self._tasks:
                moved |= self._step(task)
            moved = moved or any(self._checkpoint(task) for task in self._tasks)
        if self._said:
            raise AssertionError(self._said.pop())

    def _step(self, task: Task | PacedTask) -> bool:
        moved = False
        for topic in task.stage.topics:
            log = self._logs[topic][task.partition]
            position = self._read.get((topic, task.partition, task.stage.name), 0)
            if position < len(log) and topic not in self._ended:
                self._read[topic, task.partition, task.stage.name] = len(log)
                part = log[position:]
                task.feed(
                    topic,
                    Records(
                        range(position, len(log)),
                        [one.timestamp for one in part],
                        [one.key for one in part],
                        [one.value for one in part],
                        [one.headers for one in part],
                    ),
                    self.now_ms,
                )
                moved = True
        task.clock_at(self.now_ms)
        self._host.work([task])
        task.announce()
        outputs, task.outputs[:] = list(task.outputs), []
        return self._deliver_all(outputs) or moved

    def _checkpoint(self, task: Task | PacedTask) -> bool:
        """Where something comes of it. True: there was something to be kept."""
        changes = task.checkpoint() if task.acts_on_commit else []
        if changes:
            task.committed(changes, 0)
        return bool(changes)

    def _deliver_all(self, outputs: Iterable[Output]) -> bool:
        """True: there were some."""
        outputs = list(outputs)
        for output in outputs:
            self.deliver(output)
        return bool(outputs)

    def deliver(self, output: Output) -> None:
        if output.topic in self._app.chores.listeners:
            self._app.chores.listeners[output.topic](output.value)
            return
        log = self._logs.setdefault(output.topic, [[] for _ in range(self._partitions)])
        place = output.partition
        if place is None:
            place = 0 if output.key is None else self._place(output, len(log))
        time = self.now_ms if output.timestamp is None else output.timestamp
        log[place].append(Sent(output.key, output.value, time, output.headers))
        if output.topic in self._globals:
            self._globals[output.topic].put([output.key], [output.value])

    def _place(self, output: Output, count: int) -> int:
        topic = self._topology.source_topics.get(output.topic)
        assert output.key is not None
        return PLACES[topic.partitioner if topic else "murmur2"](output.key, count)

    def _move(self, ms: int) -> None:
        self.now_ms += ms

    def report(self) -> str:
        """The records of all topics, for people who look at a test that failed."""
        internal = {one.name for one in self._topology.repartitions}
        internal |= {one.redrive for one in self._topology.stages}
        shown = {name: log for name, log in self._logs.items() if name not in internal}
        return report({name: (self[name].topic, log) for name, log in shown.items()})

    def redrive(self, topic: Topic | str | None = None) -> int:
        """Sends the dead letters of that topic (default: of all that the program names) back to
        the steps that failed, as `moldau dlq redrive` does: each once. How many."""
        if topic is None:
            return sum([self._redrive(name) for name in self._app.dead_letter_topics])
        return self._redrive(self[topic].topic.name)

    def _redrive(self, name: str) -> int:
        count = 0
        for partition, log in enumerate(self._logs[name]):
            begin = self._redriven.get((name, partition), 0)
            self._redriven[name, partition] = len(log)
            count += len(log) - begin
            for one in log[begin:]:
                self.deliver(back(one.key, one.value, one.timestamp, one.headers or []))
        self.settle()
        return count

    def stop(self) -> None:
        """The program stops, as a worker does."""
        self._chores.stop()
        self.settle()

    def close(self) -> None:
        self._app.chores.is_virtual = False
        self._host.close(self._tasks)


class TestTopic:
    """A topic of a running test."""

    __test__ = False  # not one of pytest's

    def __init__(self, driver: Driver, topic: Topic, log: list[list[Sent]]) -> None:
        self._driver = driver
        self.topic = self._topic = topic
        self._log = log

    def send(self, *values: Any, key: Any = None, partition: int | None = None) -> None:
        """Records of these values, now; under `key`, else under the topic's key field. None is a
        record without a value, which deletes its key from a table."""
        field = self._topic.key
        read = None if field is None else fields.getter(self._topic.type, field, "key")
        for value in values:
            its = key if key is not None or read is None or value is None else read(value)
            data = None if its is None else self._topic.key_format.encode(its)
            encoded = None if value is None else self._topic.format.encode(value)
            output = Output(self._topic.name, partition, data, encoded, self._driver.now_ms)
            self._driver.deliver(output)
        self._driver.settle()

    def send_raw(
        self, *values: bytes | None, key: bytes | None = None, partition: int | None = None
    ) -> None:
        """Records of these bytes, now."""
        for value in values:
            now = self._driver.now_ms
            self._driver.deliver(Output(self._topic.name, partition, key, value, now))
        self._driver.settle()

    def end(self) -> None:
        """Of a topic with until="end": the program has read it to its end. What is sent from now
        on is not read."""
        self._driver.end_of(self._topic.name)

    def records(self) -> list[Sent]:
        return [one for partition in self._log for one in partition]

    def values(self) -> list[Any]:
        """What was sent there, decoded; ordered by partition, then as it came."""
        decode = self._topic.format.decode
        return [None if one.value is None else decode(one.value) for one in self.records()]
