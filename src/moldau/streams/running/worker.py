"""The body of tasks: one consumer, one producer, and the tasks that the group gives this process.

A checkpoint: what the tasks made, their changelogs (each ends in a marker that holds where its
sources were) and the positions become true, as the guarantee says (`guarantees.py`).

Partition p of all topics of a stage is one task. librdkafka has no assignor of the user's, so the
group deals out one topic of each stage, and its siblings are assigned beside it by hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from moldau.streams.app import App
from moldau.streams.engine.global_store import GlobalStore
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.state_memory import is_too_much, shrink
from moldau.streams.engine.task import Task
from moldau.streams.errors import StreamsError, Trouble
from moldau.streams.running.batch_size import batch_size
from moldau.streams.running.changelog_ends import ChangelogEnds
from moldau.streams.running.contact import Contact
from moldau.streams.running.cycles import looked_for_seldom
from moldau.streams.running.emptying import Emptying
from moldau.streams.running.ends import DONE, ENDED, Ends
from moldau.streams.running.gaps import Gaps
from moldau.streams.running.global_tables import GlobalTables
from moldau.streams.running.group_errors import GroupErrors
from moldau.streams.running.guarantees import guarantee
from moldau.streams.running.hosting import AnyTask, Hosting, task_of
from moldau.streams.running.inbox import Inbox
from moldau.streams.running.internal_topics import prepare
from moldau.streams.running.leaving import leave
from moldau.streams.running.listening import Listening
from moldau.streams.running.local_store import DamagedError
from moldau.streams.running.membership import MemberWatch
from moldau.streams.running.patience import Patience
from moldau.streams.running.paused import Paused
from moldau.streams.running.polled import GONE, Place, by_place, records, without_ends
from moldau.streams.running.restoring import Restoring
from moldau.streams.running.retentions import Retentions
from moldau.streams.running.rights import Rights, refuse_group
from moldau.streams.running.silence import Silence
from moldau.streams.running.standbys import Standbys
from moldau.streams.running.strangers import Strangers
from moldau.streams.running.task_state import TaskState
from moldau.streams.running.topic_configs import topic_configs
from moldau.streams.running.topic_watch import TopicWatch
from moldau.streams.running.unread import say
from moldau.streams.running.wall_clock import now_ms
from moldau.streams.topology import Stage, topology
from moldau.streams.watching.watch import Seen, Watch

POLL_S = 0.1
TICK_S = 0.2
# How often librdkafka looks for changed topics. Seldom: where it finds some while a rebalance is
# under way, it forgets that, and takes part in none any more. But a worker that joins, and whose
# question for topics got no answer, goes on only then.
REFRESH_MS = 60_000
# How often it asks who is in the group; and where copies are to be kept of what others have.
LOOK_S, WARM_S = 10.0, 3.0


class Worker:
    def __init__(
        self,
        app: App,
        *,
        slot: int = 0,
        say: Callable[[str], None] = say,
        watch: Watch | None = None,
    ) -> None:
        """`slot`: of the processes of this machine, which one. `say`: what people should know.
        `watch`: who is told of all that goes on."""
        self._app = app
        self.on_failure: Callable[[StreamsError], None] = _unheard  # before the group is left
        self.patience = Patience()
        self._topology = topology(app.id, app.nodes)
        self._partitions = prepare(app, self._topology, say)
        self._restoring = Restoring(app, self._topology, say)
        opening = self._restoring.opening
        self._standbys = Standbys(app, self._topology, self._partitions, opening, slot, say)
        self._watch = watch or Watch(self._topology, slot)
        self._consumer = Consumer(
            {
                **app.consumer_settings,
                **self._standbys.client_settings,
                "group.id": app.id,
                "auto.offset.reset": "error",  # see `_go_on_behind`
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "partition.assignment.strategy": "cooperative-sticky",
                "topic.metadata.refresh.interval.ms": REFRESH_MS,
            }
        )
        self._ends = Ends(app.id, self._topology, self._partitions, self._consumer)
        self._tasks: dict[tuple[str, int], AnyTask] = {}
        self._by_place: dict[Place, AnyTask] = {}
        first = (self._topology.stages[0].name, 0)  # one worker has it
        self._globals = GlobalTables(
            app, self._topology.global_topics, self._partitions, slot, opening.admin, say
        )
        tables, leads = self._globals.tables, lambda: first in self._tasks
        self._hosting = Hosting(app, say, leads, tables, self.patience)
        self._at_end: dict[Place, int] = {}  # what is read to its end, and where that is
        self._leads: dict[str, Stage] = {s.topics[0]: s for s in self._topology.stages}
        self._running = True
        self._finishing = False
        self._last: dict[Place, int] = {}  # with until="end": to where a source is read
        self._bounded = self._topology.bounded_topics
        self._is_closing = False
        self._next_checkpoint = 0.0
        self._next_tick = 0.0
        self._listening = Listening()
        self._silence = Silence(self._restoring.admin, lambda: self._listening.heard_s)
        self._changelog_ends = ChangelogEnds(self._restoring.admin)
        self._states: dict[tuple[str, int], TaskState] = {}
        self._emptying = Emptying(app, self._topology)
        admin = self._restoring.admin
        configs = topic_configs(admin, self._topology.sink_topics)
        limits, counts = batch_size(app, configs), self._watch.counts
        self._guarantee = guarantee(app, slot, say, self.patience, counts, **limits)
        self._retentions = Retentions(app, configs, say)
        self._topics = TopicWatch(app, self._topology, self._partitions, admin, say)
        self._contact = Contact(app, say)
        self._rights = Rights(app, self._topology, admin)
        self._members = MemberWatch(admin, app.id, WARM_S if app.standbys else LOOK_S)
        self._group_errors = GroupErrors(app, say)
        self._strangers = Strangers(app, self._leads, say)
        self._gaps = Gaps(app, self._topology, self._consumer, admin, say)
        self._inbox = Inbox({one.name for one in self._topology.repartitions})
        self._paused = Paused(self._consumer)
        self._is_busy = False  # with what was polled already

    # --- life -------------------------------------------------------------------------------

    def run(self) -> None:
        """Until `stop`, or until the end of the input with until="end". Raises the SystemExit
        of the program's own timers, tasks, agents and hooks when all is in order behind it."""
        with looked_for_seldom(), self._contact.followed():
            self._run()

    def _run(self) -> None:
        with self.patience.waiting():
            first = TopicPartition(self._topology.stages[0].topics[0], 0)
            refuse_group(self._app, self._consumer, first)
            self._ends.refuse_more()
            self._strangers.refuse(self._restoring.admin)
            self._guarantee.start()
        self._consumer.subscribe(
            list(self._leads), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )
        try:
            with self.patience.waiting():
                self._globals.fill()
            self._hosting.chores.start()
            self._schedule()
            self._watch.status = "running"
            while self._running and self._hosting.host.exit is None:
                self._round()
            self._watch.status = "stopping"
            self._hosting.finish(self._tasks.values())
            with self.patience.waiting():
                self._guarantee.send(self._hosting.chores.drain())
                self._checkpoint()
                self._checkpoint()  # of updates that go out behind one (`sessions.py`)
                self._emptying.finish()
        except BaseException as error:
            try:
                self._explain(error)
            finally:
                # A task may have taken half of a batch: leaving the group must not commit that.
                self._guarantee.give_up()
            raise
        finally:
            self._is_closing = True
            with self.patience.waiting():
                leave(self._consumer)
                self._restoring.close()
                self._standbys.close()
            for state in self._states.values():
                state.close()
            self._hosting.close()
            self._globals.close()
        if self._hosting.host.exit is not None:
            raise self._hosting.host.exit

    def _explain(self, error: BaseException) -> None:
        """Says what has failed while it can: to leave the group may take long. Raises StreamsError
        where that says more."""
        try:
            if isinstance(error, DamagedError):
                raise StreamsError(
                    f"{error}: it is thrown away; start again, and it is restored from Kafka"
                ) from None
            if isinstance(error, KafkaException | StreamsError):
                self._topics.explain()
                self._rights.explain(error)
            if isinstance(error, KafkaException):
                raise trouble(self._app, error) from error
        except StreamsError as explained:
            self.on_failure(explained)
            raise
        if isinstance(error, StreamsError):
            self.on_failure(error)

    @property
    def partitions(self) -> Mapping[str, int]:
        """How many each topic has."""
        return self._partitions

    def has(self, stage: str, partition: int) -> bool:
        """That task, at this moment. For the worker's own thread."""
        return (stage, partition) in self._tasks

    @property
    def global_tables(self) -> Mapping[str, GlobalStore]:
        """What each holds now, by its topic, while there is one."""
        return self._globals.tables

    def stop(self) -> None:
        """Ends after this round. May be called by a signal handler."""
        self.patience.end()
        self._running = False

    def finish(self) -> None:
        """From now on as with until="end": reads to where its topics end now, closes everything
        and ends, when all workers of the program are told so. May be called by another thread."""
        self._finishing = True

    def _round(self) -> None:
        wait_s = self._restoring.poll_s(self._hosting.poll_s(0.0 if self._is_busy else POLL_S))
        with self.patience.waiting():
            messages = self._consumer.consume(self._guarantee.taking.most, wait_s)
            if self._guarantee.aborted:
                self._rewind()
                return
        if self._finishing:
            self._begin_to_end()
        if self._restoring:
            self._restore()
        self._topics.look()
        self._globals.follow()
        group = self._members.look()
        if group is not None:
            self._strangers.look(group)
            self._standbys.look(group)
        self._standbys.follow(self._own)
        for place, part in self._inbox.parts(by_place(messages)):
            self._feed(place, part)
        self._tick()
        go_on = [one.go_on() for one in self._tasks.values() if isinstance(one, Task)]
        self._is_busy = any(go_on) or bool(self._inbox.places)
        behind = self._hosting.work(self._by_place)
        self._paused.be(behind | self._inbox.places | self._ended())
        for task in self._tasks.values():
            self._send(task)
        self._guarantee.send(self._hosting.chores.drain())
        ends = self._topology.is_bounded or self._app.until == "end"
        ends = ends and not self._restoring
        ends = ends and all(task.is_done for task in self._tasks.values())
        is_due = bool(messages) and self._guarantee.taking.is_careful
        is_due = is_due or time.monotonic() >= self._next_checkpoint
        if ends or is_due or self._is_memory_short():
            self._checkpoint()
        with self.patience.waiting():
            self._watch.round(
                self._tasks.values(),
                self._behind,
                self._guarantee.aborts,
                self._restoring.under_way,
            )
        if ends and not self._guarantee.aborted:
            with self.patience.waiting():
                is_over = self._ends.all_done()
            if is_over:  # not the other way round: it may have been told to stop meanwhile
                self._running = False

    def _restore(self) -> None:
        with self.patience.waiting():
            for state in self._restoring.go_on():
                self._begin(state)

    def _schedule(self) -> None:
        self._next_checkpoint = time.monotonic() + self._app.checkpoint_ms / 1000

    # --- records ----------------------------------------------------------------------------

    def _feed(self, place: Place, messages: list[Message]) -> None:
        task = self._by_place.get(place)
        if task is None:
            self._of_none(place, messages)
            return
        if self._has_ended(place):
            return  # it came before it was paused
        messages, end = without_ends(messages)
        if messages:
            self._at_end.pop(place, None)
            if self._app.until is None and task.has_ended(place[0]):
                raise self._ends.taken_away(place)
            task.feed(place[0], records(messages), now_ms())
        if end == GONE:
            self._go_on_behind(place)
        elif end is not None:
            self._at_end[place] = end
            task.passed(place[0], end)  # control records too
        if place in self._at_end and (self._app.until == "end" or place[0] in self._bounded):
            self._end(place)

    def _of_none(self, place: Place, messages: list[Message]) -> None:
        """A partition that was revoked meanwhile; or none at all."""
        if place[0] is None or place[1] < 0:
            self._group_errors.look(messages)

    def _go_on_behind(self, place: Place) -> None:
        """A gap."""
        self._at_end.pop(place, None)
        with self.patience.waiting():
            at = self._gaps.first_behind(place, self._by_place[place].positions.get(place[0], 0))
            self._consumer.incremental_unassign([TopicPartition(*place)])
            self._consumer.incremental_assign([TopicPartition(*place, at)])

    def _begin_to_end(self) -> None:
        self._finishing = False
        self._app.until = "end"
        for place in self._at_end.keys() & self._by_place.keys():
            self._end(place)

    def _end(self, place: Place) -> None:
        """It was read to its end, as that was when the consumer saw it: more may have come since,
        before we were told to finish, and then its end is heard of again. What is read counts, not
        what the task has done, which ends behind what it has yet to do."""
        topic = place[0]
        if topic in self._topology.source_topics and place not in self._last:
            self._last[place] = self._ends.of(place)
        if self._at_end[place] >= self._last.get(place, 0):
            self._by_place[place].ended(topic)

    def _ended(self) -> set[Place]:
        """What is read no farther, though it may have more by now."""
        return set(filter(self._has_ended, self._by_place)) if self._bounded else set()

    def _has_ended(self, place: Place) -> bool:
        return place[0] in self._bounded and self._by_place[place].has_ended(place[0])

    def _tick(self) -> None:
        """Partitions that are read to their end: what silence closes, closes."""
        deaf_ms = self._listening.not_heard_ms()
        if deaf_ms:
            for task in self._tasks.values():
                task.was_deaf(deaf_ms)
        if time.monotonic() < self._next_tick:
            return
        self._next_tick = time.monotonic() + TICK_S
        now = now_ms()
        for task in self._tasks.values():
            task.clock_at(now)
        known, sources = self._by_place, self._topology.source_topics
        ends = {one: end for one, end in self._at_end.items() if one in known and one[0] in sources}
        for place, until_ms, deaf_ms in self._silence.look(ends):
            known[place].was_deaf(deaf_ms, place[0])
            if not self._has_more(place):
                known[place].tick(place[0], until_ms)

    def _has_more(self, place: Place) -> bool:
        """Records are there already that wait for their turn behind those of other partitions."""
        end = self._end_of(TopicPartition(*place))
        return end is not None and end > self._at_end[place]

    def _send(self, task: AnyTask) -> None:
        outputs, task.outputs[:] = list(task.outputs), []
        self._retentions.look(outputs, now_ms())
        with self.patience.waiting():
            self._guarantee.send(outputs)

    # --- checkpoints ------------------------------------------------------------------------

    def _is_memory_short(self) -> bool:
        """What has changed since the last checkpoint takes more than it should. What a handler is
        at is committed when it ends, so it is no reason."""
        places = (place for place, task in self._tasks.items() if isinstance(task, Task))
        states = [*(self._states[one].state for one in places), *self._globals.states]
        return is_too_much(states, self._app.state_memory)

    def _checkpoint(self, *, is_last: bool = False) -> None:
        """`is_last`: the group takes tasks away behind it, so they are ours yet. Raises
        StreamsError."""
        if self._guarantee.aborted:
            return
        began = time.monotonic()
        tasks = list(self._tasks.values())
        states = [self._states[task.stage.name, task.partition] for task in tasks]
        asked: dict[Place, int] = {}
        if not self._guarantee.knows_ends:
            with self.patience.waiting():
                asked = self._changelog_ends.known([one.place for one in states], wait=is_last)
        for task in tasks:
            task.announce()
            self._send(task)
        changes = [
            self._guarantee.ending(task.checkpoint(), state.position)
            for task, state in zip(tasks, states, strict=True)
        ]
        positions = [
            TopicPartition(
                topic, task.partition, task.positions.get(topic, 0), self._end_told(task, topic)
            )
            for task in tasks
            for topic in task.stage.topics
        ]
        with self.patience.waiting():
            made = [one for part in changes for one in part]
            self._guarantee.commit(self._consumer, made, positions, is_last=is_last)
        if not self._guarantee.aborted:
            if self._guarantee.knows_ends:
                ends = _ends(states, changes)
            elif self._guarantee.accepted or (is_last and self._guarantee.accepted is None):
                ends = asked
            else:
                ends = {}  # another may have the tasks by now
            for task, part, state in zip(tasks, changes, states, strict=True):
                state.committed(task, part, ends.get(state.place))
            everywhere = self._globals.states
            shrink([*(one.state for one in states), *everywhere], self._app.state_memory)
            self._emptying.committed(positions)
            self._watch.checkpointed(changes, time.monotonic() - began)
        self._schedule()

    def _end_told(self, task: AnyTask, topic: str) -> str:
        if task.is_done:
            return DONE
        return ENDED if self._has_ended((topic, task.partition)) else ""

    def _rewind(self) -> None:
        """What an aborted transaction held has not been: the tasks begin again where their
        changelogs end."""
        if self.patience.is_ending:
            return
        leads = [TopicPartition(one.stage.topics[0], one.partition) for one in self._tasks.values()]
        self._drop(self._consumer, leads)
        self._guarantee.aborted = False
        self._assigned(self._consumer, leads)

    # --- rebalancing ------------------------------------------------------------------------

    def _assigned(self, consumer: Consumer, leads: list[TopicPartition]) -> None:
        """They are read from when their tasks are restored."""
        if self._is_closing or self.patience.is_ending:  # they are dealt out to one that leaves
            consumer.incremental_assign([])
            return
        for lead in leads:
            count = self._partitions[lead.topic]
            if lead.partition >= count:
                raise self._topics.grown(lead.topic, lead.partition + 1)
        for lead in self._ends.committed(leads):
            copy = self._standbys.handed_over((lead.topic, lead.partition))
            self._restoring.begin(self._leads[lead.topic], lead, copy)
        consumer.incremental_assign([])

    def _begin(self, restored: TaskState) -> None:
        """Raises StreamsError."""
        try:
            task = self._task(restored)
        except DamagedError as error:
            self._restoring.anew(restored, error)
            return
        number = task.partition
        self._states[task.stage.name, number] = restored
        self._tasks[task.stage.name, number] = task
        state = restored.state
        self._watch.begun((task.stage.name, number), state.rows(), state.watermark)
        places = []
        for topic in task.stage.topics:
            self._by_place[topic, number] = task
            at = task.positions.get(topic, OFFSET_BEGINNING)
            places.append(TopicPartition(topic, number, at))
        self._consumer.incremental_assign(places)

    def _revoked(self, consumer: Consumer, leads: list[TopicPartition]) -> None:
        if not self._is_closing:  # else it has been, and a commit may be left without an answer
            self._checkpoint(is_last=True)
        self._drop(consumer, leads)

    def _lost(self, consumer: Consumer, leads: list[TopicPartition]) -> None:
        self._guarantee.lost()
        self._drop(consumer, leads)

    def _drop(self, consumer: Consumer, leads: list[TopicPartition]) -> None:
        places = []
        for lead in leads:
            stage = self._leads[lead.topic]
            self._restoring.drop(stage, lead.partition)
            task = self._tasks.pop((stage.name, lead.partition), None)
            if task is None:
                continue  # it was leaving already
            self._watch.dropped((stage.name, lead.partition))
            self._hosting.drop(task)
            self._states.pop((stage.name, lead.partition)).close()
            for topic in stage.topics:
                self._by_place.pop((topic, lead.partition), None)
                self._at_end.pop((topic, lead.partition), None)
                places.append(TopicPartition(topic, lead.partition))
        gone = [(one.topic, one.partition) for one in places]
        self._paused.dropped(gone)
        self._inbox.dropped(gone)
        consumer.incremental_unassign(places)

    @property
    def _own(self) -> set[Place]:
        """What this worker has of what is dealt out, or is restoring."""
        there = [*self._states.values(), *self._restoring.under_way]
        return {(one.stage.topics[0], one.partition) for one in there}

    def _task(self, restored: TaskState) -> AnyTask:
        """Raises StreamsError where the group has come farther than what is kept."""
        marker = restored.state.begin()
        stage, (changelog, number) = restored.stage, restored.place
        if marker is None and restored.group_position > 0:
            raise StreamsError(
                f"{self._app.id} has read {stage.topics[0]} {number} to "
                f"{restored.group_position}, and "
                f"{changelog} keeps nothing of it: was a step renamed, or that topic deleted? "
                f"Give the step its name= again, or reset (moldau streams reset)"
            )
        if not restored.state.is_whole:
            raise StreamsError(
                f"{self._app.id}: the beginning of {changelog} {number} is gone, and with it a "
                f"part of the state: that topic was deleted, or something deletes from it; reset "
                f"the program (moldau streams reset)"
            )
        host = self._hosting.host
        counts, tables = self._partitions, self._globals.tables
        counted, state = self._watch.counts, restored.state
        task = Task(
            self._topology, stage, number, counts, state, marker, host, _wait, tables, counted
        )
        made = task_of(task, host)
        if made is task:  # else what it makes waits for its handlers
            task.leave_by(partial(self._send, task))
        return made

    def _behind(self, task: Seen) -> int | None:
        """How many records there are that a task has not read, as of the last answers of the
        brokers; None: there were none yet."""
        ends = [
            (self._end_of(TopicPartition(topic, task.partition)), task.positions.get(topic, 0))
            for topic in task.stage.topics
            if not self._has_ended((topic, task.partition))
        ]
        known = [max(0, end - position) for end, position in ends if end is not None]
        return sum(known) if known or not ends else None

    def _end_of(self, place: TopicPartition) -> int | None:
        end: int = self._consumer.get_watermark_offsets(place, cached=True)[1]
        return end if end >= 0 else None


def _ends(states: list[TaskState], changes: list[list[Output]]) -> dict[Place, int]:
    """Behind the markers of a checkpoint. Of a changelog that got none nothing is known anew:
    others may have written to it."""
    both = zip(states, changes, strict=True)
    return {one.place: one.position + len(part) for one, part in both if part}


def trouble(app: App, error: KafkaException) -> Trouble:
    return Trouble(
        f"{app.id}: trouble with {app.bootstrap_servers}: {error.args[0].str()}; what was not "
        f"checkpointed is done again when it is started again"
    )


def _unheard(_error: StreamsError) -> None:
    """Whoever runs it hears of it when it has left the group."""


def _wait(ms: int) -> None:
    time.sleep(ms / 1000)
