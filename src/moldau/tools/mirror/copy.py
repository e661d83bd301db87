"""The rounds of a copy: read from the source, announce in the journal, append to the target.

A round moves at most one batch of each partition, so never more than one is under way: what
arrives of a killed mirror is that one batch or nothing. What is read next is asked for before the
batch is sent, so that the source works while the target does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from moldau.client.batches import (
    Appended,
    Fetched,
    FetchLimits,
    receive_fetch,
    receive_produce,
    send_fetch,
    send_produce,
)
from moldau.client.connection import Connection, Sent
from moldau.client.errors import KafkaError
from moldau.client.leaders import TopicPartition
from moldau.client.offsets import EARLIEST, LATEST, READ_UNCOMMITTED, list_offsets
from moldau.protocol.errors import ErrorCode
from moldau.tools.mirror.journal import Line
from moldau.tools.mirror.lane import Lane, Verdict, digest
from moldau.tools.mirror.notebook import Notebook
from moldau.tools.mirror.sides import Side
from moldau.tools.mirror.window import Window

# Small batches are joined up to this many bytes; as much is read at once of a partition.
JOINED = 1_000_000
_WAIT_MS = 500
_BACKOFF_S = 0.1
_PATIENCE_S = 120.0
_GONE_S = 10.0  # brokers hear of topics one after the other
# So long after a mirror was killed nothing that it sent arrives any more. It matters only for
# records older than a day, see `Lane.forgettable`.
QUIET_S = 15.0
_READ_AT_ONCE = 32 << 20
_SENT_AT_ONCE = 16 << 20  # a broker takes requests of up to 100 MiB (socket.request.max.bytes)
_GONE = {
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.UNKNOWN_TOPIC_ID,
    ErrorCode.INCONSISTENT_TOPIC_ID,
}


class _Fetching(NamedTuple):
    """A fetch that is under way, with the offsets that were asked for."""

    connection: Connection
    sent: Sent
    offsets: dict[TopicPartition, int]


class Copier:
    """`tell` takes a line for a person; `rest` is called once a round and may raise."""

    def __init__(
        self,
        source: Side,
        target: Side,
        notebook: Notebook,
        tell: Callable[[str], None],
        rest: Callable[[], None],
    ) -> None:
        self.lanes: dict[TopicPartition, Lane] = {}
        self._source = source
        self._target = target
        self._notebook = notebook
        self._tell = tell
        self._rest = rest
        self._fetching: dict[int, _Fetching] = {}
        self._stale_source = self._stale_target = True
        self._turn = 0

    def add(self, lanes: list[Lane]) -> None:
        """Lanes to be copied too, each from where the target's log says."""
        now_ms = time.time_ns() // 1_000_000
        for lane in lanes:
            self.lanes[lane.place] = lane
            if any(lane.forgotten(one, now_ms) for one in lane.progress.pending):
                lane.quiet_until = time.monotonic() + QUIET_S
        self._stale_source = self._stale_target = True
        self._refresh()
        self._look_at_the_ends(lanes)

    def run(self, until: Callable[[], bool]) -> None:
        """Rounds until that is so, or until nothing can go on any more."""
        while not until() and any(lane.trouble is None for lane in self.lanes.values()):
            self.round()

    def round(self) -> None:
        self._refresh()
        self._ask_for_more()
        waited = bool(self._fetching)
        self._take_what_came()
        ready = self._ready()
        if ready:
            self._ask_for_more()
            self._announce(ready)
            self._send(ready)
        elif not waited:
            time.sleep(_BACKOFF_S / 2)
        self._notebook.beat()
        self._rest()

    def close(self) -> None:
        self._fetching.clear()
        self._source.close()
        self._target.close()

    def _awake(self) -> list[Lane]:
        now = time.monotonic()
        return [lane for lane in self.lanes.values() if lane.not_before <= now]

    def _ready(self) -> list[Lane]:
        """Lanes with a window to send, as many as go into a request; then it is others' turn."""
        lanes = self._awake()
        begin = self._turn % max(1, len(lanes))
        ready: list[Lane] = []
        size = 0
        for lane in lanes[begin:] + lanes[:begin]:
            if size >= _SENT_AT_ONCE:
                break
            if lane.plan(JOINED):
                assert lane.payload is not None
                ready.append(lane)
                size += len(lane.payload.records)
        self._turn = begin + len(ready)
        return ready

    def _refresh(self) -> None:
        topics = {topic for topic, _ in self.lanes}
        if self._stale_source:
            found = self._source.refresh(topics)
            self._stale_source = False
            for lane in self.lanes.values():
                self._compare(lane, found.get(lane.place[0]))
        if self._stale_target:
            self._target.refresh(topics)
            self._stale_target = False

    def _compare(self, lane: Lane, now: bytes | None) -> None:
        topic = lane.place[0]
        if now is None:
            lane.postpone(_BACKOFF_S, _GONE_S, f"topic {topic} is not there any more at the source")
        elif now != self._source.ids[topic]:
            lane.fail(_replaced(topic))

    # --- reading

    def _ask_for_more(self) -> None:
        wanting = [lane for lane in self._awake() if lane.wants]
        led = self._source.by_leader(lane.place for lane in wanting)
        leaderless = {lane.place for lane in wanting}.difference(*led.values())
        if leaderless:
            self._stale_source = True
            self._postpone_places(leaderless, "a partition of the source has no leader")
        limits = self._limits(len(wanting))
        for node, places in led.items():
            if node not in self._fetching:
                self._fetch(node, {p: self.lanes[p].position for p in places}, limits)

    def _limits(self, wanting: int) -> FetchLimits:
        """The source may take its time when there is nothing else to do."""
        busy = any(lane.pieces or lane.window for lane in self.lanes.values())
        share = _READ_AT_ONCE // max(1, wanting)
        each = max(JOINED // 4, min(4 * JOINED, share))
        return FetchLimits(each, _READ_AT_ONCE, 0 if busy else _WAIT_MS)

    def _fetch(self, node: int, offsets: dict[TopicPartition, int], limits: FetchLimits) -> None:
        try:
            connection = self._source.connection(node)
            sent = send_fetch(connection, offsets, self._source.ids, limits)
        except KafkaError as error:
            self._lost_source(node, offsets, error)
        else:
            self._fetching[node] = _Fetching(connection, sent, offsets)

    def _take_what_came(self) -> None:
        for node, (connection, sent, offsets) in list(self._fetching.items()):
            del self._fetching[node]
            try:
                answer = receive_fetch(connection, sent, self._source.ids)
            except KafkaError as error:
                self._lost_source(node, offsets, error)
                continue
            all_empty = not any(len(fetched.records) for fetched in answer.values())
            for place, offset in offsets.items():
                lane = self.lanes[place]
                # A lane that has gone back since has asked for something else.
                if place in answer and lane.wants and lane.position == offset:
                    self._feed(lane, answer[place], all_empty)

    def _feed(self, lane: Lane, fetched: Fetched, all_empty: bool) -> None:
        if fetched.error_code == 0:
            lane.feed(fetched, all_empty=all_empty)
        elif fetched.error_code == ErrorCode.OFFSET_OUT_OF_RANGE:
            self._out_of_range(lane)
        else:
            self._stale_source = True
            lane.postpone(_BACKOFF_S, _PATIENCE_S, f"the source says {_name(fetched.error_code)}")

    def _out_of_range(self, lane: Lane) -> None:
        """Records were deleted before we came to them, or the log is not the one that it was."""
        admin = self._source.admin
        first = list_offsets(admin, [lane.place], EARLIEST)[lane.place]
        if first > lane.position:
            self._tell(
                f"{lane.name}: the source has deleted the offsets {lane.position} to {first - 1} "
                "before they were copied"
            )
            lane.start = lane.position = first
            return
        end = list_offsets(admin, [lane.place], LATEST)[lane.place]
        if end < lane.position:
            lane.fail(
                f"the source's log ends at offset {end}, and it was copied up to {lane.position}: "
                "the source has lost records that it had"
            )

    def _lost_source(self, node: int, places: Iterable[TopicPartition], error: KafkaError) -> None:
        self._source.drop(node)
        self._stale_source = True
        self._postpone_places(places, str(error))

    # --- announcing and sending

    def _announce(self, lanes: Iterable[Lane]) -> None:
        lines: list[Line] = []
        for lane in lanes:
            lines += written(self._notebook, lane)
        self._notebook.write(lines)

    def _send(self, ready: list[Lane]) -> None:
        self._notebook.make_sure()
        self._look_at_the_quiet(ready)
        now = time.monotonic()
        going = {
            lane.place: lane
            for lane in ready
            if lane.window is not None and lane.quiet_until is None and lane.not_before <= now
        }
        led = self._target.by_leader(going)
        found = {place for places in led.values() for place in places}
        self._stale_target = self._stale_target or len(found) < len(going)
        self._postpone(
            (lane for place, lane in going.items() if place not in found),
            "a partition of the target has no leader",
        )
        under_way = []
        for node, places in led.items():
            lanes = [going[place] for place in places]
            sent = self._send_to(node, lanes)
            if sent is not None:
                under_way.append((node, *sent, lanes))
        for node, connection, message, lanes in under_way:
            self._receive_from(node, connection, message, lanes)

    def _send_to(self, node: int, lanes: list[Lane]) -> tuple[Connection, Sent] | None:
        producer_id = self._notebook.journal.producer_id
        try:
            connection = self._target.connection(node)
            batches = {lane.place: lane.batch(producer_id) for lane in lanes}
            return connection, send_produce(connection, batches, self._target.ids)
        except KafkaError as error:
            self._lost_target(node, lanes, error)
            return None

    def _receive_from(
        self, node: int, connection: Connection, sent: Sent, lanes: list[Lane]
    ) -> None:
        try:
            answers = receive_produce(connection, sent, self._target.ids)
        except KafkaError as error:
            self._lost_target(node, lanes, error)
            return
        unclear = []
        for lane in lanes:
            answer = answers.get(lane.place)
            if answer is None:
                self._postpone([lane], "the target's answer leaves the partition out")
                continue
            verdict = lane.answered(answer)
            if verdict is Verdict.SETTLE:
                unclear.append(lane)
            elif verdict is Verdict.AGAIN:
                self._again(lane, answer)
        self._settle(unclear)

    def _again(self, lane: Lane, answer: Appended) -> None:
        if lane.window is None:  # too large: read again, and cut
            return
        self._stale_target = True
        why = answer.message or _name(answer.error_code)
        if answer.error_code in _GONE:
            why = f"the topic is not there any more, or another one of that name ({why})"
        lane.postpone(_BACKOFF_S, _PATIENCE_S, f"the target says: {why}")

    def _lost_target(self, node: int, lanes: list[Lane], error: KafkaError) -> None:
        """The batches may have arrived, or may still."""
        self._target.drop(node)
        self._stale_target = True
        self._postpone(lanes, str(error))
        now_ms = time.time_ns() // 1_000_000
        for lane in lanes:
            if lane.window is not None and lane.forgotten(lane.window, now_ms):
                lane.quiet_until = time.monotonic() + QUIET_S

    def _look_at_the_quiet(self, lanes: Iterable[Lane]) -> None:
        waiting = [lane for lane in lanes if lane.quiet_until is not None]
        now = time.monotonic()
        due = []
        for lane in waiting:
            assert lane.quiet_until is not None
            lane.not_before = lane.quiet_until
            if lane.quiet_until <= now:
                lane.quiet_until = None
                due.append(lane)
        self._look_at_the_ends(due)

    def _settle(self, lanes: list[Lane]) -> None:
        """What became of batches that the target did not simply take."""
        for lane in self._look_at_the_ends(lanes):
            lane.postpone(_BACKOFF_S, _PATIENCE_S, "the target refuses the batch as repeated")

    def _look_at_the_ends(self, lanes: list[Lane]) -> list[Lane]:
        """Asks where the logs of these end, and so what became of their batches; those of which
        nothing arrived."""
        if not lanes:
            return []
        ends = list_offsets(self._target.admin, [lane.place for lane in lanes], LATEST)
        # If we still are the ones at work, nobody else has brought the logs to where they end.
        self._notebook.still_ours()
        nothing = []
        for lane in lanes:
            before = lane.progress.end
            if not lane.settle(ends[lane.place], partial(self._evidence, lane)):
                nothing.append(lane)
            elif lane.cut_at is not None and ends[lane.place] < before:
                self._tell(
                    f"{lane.name}: the target has lost the offsets {ends[lane.place]} to "
                    f"{before - 1}, which it had acknowledged: they are copied again"
                )
        return nothing

    def wait_for_late_ones(self) -> None:
        """To be called at the end: what a killed mirror announced, and what never came and is no
        longer at the source, must not come behind our back."""
        lanes = [
            lane
            for lane in self.lanes.values()
            if lane.progress.pending and lane.window is None and lane.trouble is None
        ]
        if not lanes:
            return
        self._tell(f"waiting {QUIET_S:.0f} s for what a killed mirror may have under way")
        until = time.monotonic() + QUIET_S
        while time.monotonic() < until:
            time.sleep(_BACKOFF_S)
            self._notebook.beat()
        self._look_at_the_ends(lanes)

    def _evidence(self, lane: Lane, window: Window) -> int | None:
        """The checksum of the records that the target has where this window should be."""
        limits = FetchLimits(4 * JOINED, 4 * JOINED, 0, READ_UNCOMMITTED)
        node = self._target.leaders[lane.place]
        connection = self._target.connection(node)
        sent = send_fetch(connection, {lane.place: window.first}, self._target.ids, limits)
        fetched = receive_fetch(connection, sent, self._target.ids)[lane.place]
        return digest(fetched.records, window.first, window.end)

    def _postpone_places(self, places: Iterable[TopicPartition], why: str) -> None:
        self._postpone([self.lanes[place] for place in places], why)

    def _postpone(self, lanes: Iterable[Lane], why: str) -> None:
        for lane in lanes:
            lane.postpone(_BACKOFF_S, _PATIENCE_S, why)


def written(notebook: Notebook, lane: Lane) -> list[Line]:
    """What the journal does not know of a lane yet."""
    journal, (_, partition) = notebook.journal, lane.place
    lines = []
    if lane.cut_at is not None:
        lines.append(journal.cut(lane.target_id, partition, lane.cut_at))
        lane.cut_at = None
    if lane.unwritten:
        lines.append(journal.breaks(lane.target_id, partition, lane.unwritten))
        lane.unwritten = []
    return [*lines, journal.head(lane.target_id, partition)]


def _name(code: int) -> str:
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"error {code}"


def _replaced(topic: str) -> str:
    return (
        f"topic {topic} was deleted and created again at the source: what was copied is of the old "
        "one; delete the topic at the target and start again"
    )
