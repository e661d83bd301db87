"""One run of a mirror, from the first question to the last word."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from moldau.client.admin import Admin
from moldau.client.cluster import describe_cluster
from moldau.client.leaders import TopicPartition
from moldau.client.offsets import EARLIEST, LATEST, READ_COMMITTED, list_offsets
from moldau.client.topics import alter_topic_configs, describe_topics, list_topics
from moldau.tools.interrupts import on_first_interrupt
from moldau.tools.mirror.check import Compared, Comparison
from moldau.tools.mirror.configs import ConfigKeeper
from moldau.tools.mirror.copy import Copier, written
from moldau.tools.mirror.failure import MirrorError
from moldau.tools.mirror.groups import GroupKeeper, Snapshot, snapshot, translate
from moldau.tools.mirror.journal import Journal
from moldau.tools.mirror.lane import Lane
from moldau.tools.mirror.notebook import Notebook
from moldau.tools.mirror.options import MirrorOptions
from moldau.tools.mirror.plan import select
from moldau.tools.mirror.prepare import Pair, Preparation, release
from moldau.tools.mirror.sides import Side
from moldau.tools.mirror.trim import Trimmer
from moldau.tools.mirror.view import View, open_view

_FOREVER = 1 << 62
_GROUPS_S = 5.0
_TOPICS_S = 5.0
_TIMES = {"default.api.timeout.ms": "60000", "request.timeout.ms": "30000"}
_CLEANING = ("cleanup.policy", "retention.ms", "retention.bytes")
STOPPED = 130


def mirror(options: MirrorOptions) -> int:
    """Exit code: 0 all is at the target and was compared; 1 something differs or was refused; 130
    stopped before its end. Raises MirrorError and KafkaError."""
    with (
        open_view(plain=options.plain) as view,
        Admin(options.source, _TIMES, view.tell) as source,
        Admin(options.target, _TIMES, view.tell) as target,
    ):
        name = options.name or _names(source, target)
        notebook = Notebook(target, Journal(name), options.replication_factor)
        notebook.take_over(view.tell)
        run = Run(options, source, target, notebook, view)
        try:
            with on_first_interrupt(run.stop):
                code = run.run()
        finally:
            run.close()
        notebook.end()
        return code


def _names(source: Admin, target: Admin) -> str:
    here, there = describe_cluster(source).id, describe_cluster(target).id
    if here == there:
        raise MirrorError(
            f"--from and --to are the same cluster ({here}): a topic cannot be copied onto itself"
        )
    return here or "moldau"


class Run:
    def __init__(
        self,
        options: MirrorOptions,
        source: Admin,
        target: Admin,
        notebook: Notebook,
        view: View,
    ) -> None:
        self._options = options
        self._source = source
        self._target = target
        self._notebook = notebook
        self._view = view
        self._sides = Side(source), Side(target, drops_unsent=True)
        self._copier = Copier(*self._sides, notebook, view.tell, self._rest)
        self._configs = ConfigKeeper(source, target, notebook, view.tell)
        self._preparation = Preparation(
            source, target, notebook, self._configs, options.replication_factor, view.tell
        )
        self._groups = GroupKeeper(target, notebook, view.tell)
        self._trimmer = Trimmer(target, notebook)
        self._pairs: dict[str, Pair] = {}
        self._stopped = False
        self._following = False
        self._left = self._done_before = 0
        self._copied_s = 0.0

    def stop(self) -> None:
        """To come to an end: from a signal handler, so it only says so."""
        self._stopped = True

    def close(self) -> None:
        self._copier.close()

    def run(self) -> int:
        self._add_topics(first=True)
        if not self._pairs:
            self._view.tell("there is no topic to copy")
            return 0
        self._trim()
        if self._options.follow:
            self._follow()
            self._stopped = False
        committed = self._aim()
        self._copy("copying", lambda: self._stopped or self._is_complete())
        if self._stopped:
            self._view.tell("stopped; started again, it goes on from here")
            return STOPPED
        return self._finish(committed)

    # --- topics

    @property
    def _lanes(self) -> list[Lane]:
        return list(self._copier.lanes.values())

    def _add_topics(self, *, first: bool) -> None:
        """All topics that are to be copied, or those that came since."""
        selection = select(list_topics(self._source), self._options.topics)
        if first and selection.internal and self._options.topics:
            self._view.tell(f"left out, being internal: {', '.join(selection.internal)}")
        self._prepare(selection.chosen if first else self._changed(selection.chosen))

    def _changed(self, names: list[str]) -> list[str]:
        """Topics that are new, or have more partitions than we copy."""
        described = describe_topics(self._source, names)
        return [
            topic.name
            for topic in described
            if topic.name not in self._pairs
            or len(topic.partitions) > self._pairs[topic.name].partitions
        ]

    def _prepare(self, names: list[str]) -> None:
        if not names:
            return
        pairs = self._preparation.prepare(names)
        source, target = self._sides
        for pair in pairs:
            self._pairs[pair.name] = pair
            source.ids[pair.name] = pair.source_uuid
            target.ids[pair.name] = pair.target_uuid
        places = [
            place for pair in pairs for place in pair.places if place not in self._copier.lanes
        ]
        starts = list_offsets(self._source, places, EARLIEST)
        journal = self._notebook.journal
        lanes = [
            Lane(
                place,
                self._pairs[place[0]].target_id,
                journal.progress[self._pairs[place[0]].target_id, place[1]],
                starts[place],
            )
            for place in places
        ]
        self._copier.add(lanes)
        for lane in lanes:
            if lane.gap:
                self._view.tell(lane.gap)

    # --- copying

    def _aim(self) -> Snapshot:
        """Sets the goals: all that can be seen now, and so all that groups have read. They are
        asked first, so that no group is ahead of its goal but for open transactions."""
        places = list(self._copier.lanes)
        committed = snapshot(self._source, self._options.groups, places)
        goals = list_offsets(self._source, places, LATEST, isolation=READ_COMMITTED)
        for place, goal in goals.items():
            self._copier.lanes[place].goal = goal
        return committed

    def _is_complete(self) -> bool:
        return all(lane.is_there or lane.trouble for lane in self._lanes)

    def _copy(self, name: str, until: Callable[[], bool]) -> None:
        self._left = sum(lane.left for lane in self._lanes)
        self._view.phase(name, self._left)
        began = time.monotonic()
        self._copier.run(until)
        self._copied_s += time.monotonic() - began

    def _rest(self) -> None:
        self._trim()
        records = sum(lane.records for lane in self._lanes)
        done = records if self._following else self._left - sum(lane.left for lane in self._lanes)
        self._view.update(done, records)

    def _write_down(self) -> None:
        self._notebook.write(
            [line for lane in self._lanes for line in written(self._notebook, lane)]
        )

    def _trim(self) -> None:
        if self._trimmer.is_due:
            self._write_down()
            self._trimmer.trim()

    # --- following

    def _follow(self) -> None:
        committed = self._aim()
        self._copy("copying", lambda: self._stopped or self._is_complete())
        if self._stopped:
            return
        self._let_clean()
        self._following = True
        self._view.tell("all that was there is copied; following until Ctrl-C")
        self._view.phase("following", 0)
        groups_at = topics_at = 0.0
        while not self._stopped and any(lane.trouble is None for lane in self._lanes):
            for lane in self._lanes:
                lane.goal = _FOREVER
            self._copier.round()
            now = time.monotonic()
            if now >= groups_at:
                self._commit(committed, final=False)
                committed = snapshot(self._source, self._options.groups, self._copier.lanes)
                groups_at = time.monotonic() + _GROUPS_S
            if now >= topics_at:
                self._add_topics(first=False)
                self._look_at_configs()
                # Thousands of topics take a while to describe: most of the time is for records.
                topics_at = time.monotonic() + max(_TOPICS_S, 20 * (time.monotonic() - now))
        self._following = False

    def _look_at_configs(self) -> None:
        self._configs.look(self._pairs, self._preparation.target_configs())

    def _let_clean(self) -> None:
        """From here on the copy ages as its source does: a mirror may follow for weeks."""
        journal = self._notebook.journal
        for name in self._pairs:
            state = journal.topics[name]
            let_go = {c: v for c, v in state.waiting.items() if c in _CLEANING}
            if let_go:
                alter_topic_configs(self._target, name, let_go)
                waiting = {c: v for c, v in state.waiting.items() if c not in _CLEANING}
                self._notebook.write(
                    [journal.topic(name, state._replace(waiting=waiting, cleaned=True))]
                )

    # --- the end

    def _finish(self, committed: Snapshot) -> int:
        self._copier.wait_for_late_ones()
        self._write_down()
        troubles = [lane.trouble for lane in self._lanes if lane.trouble]
        if troubles:
            self._tell_all(troubles)
            self._view.tell("groups are not touched; mend what is named and start again")
            return 1
        self._tell_open_transactions()
        differences = self._check()
        if differences:
            self._tell_all(f"DIFFERS  {sentence}" for sentence in differences)
            return 1
        self._look_at_configs()
        failures = release(self._target, self._notebook, self._pairs)
        self._commit(committed, final=True)
        self._tell_all(failures)
        self._summary()
        return 1 if failures else 0

    def _check(self) -> list[str]:
        total = sum(lane.progress.end - lane.progress.map.base for lane in self._lanes)
        self._view.phase("checking", total)
        self._done_before = 0
        for side in self._sides:
            side.refresh(self._pairs)
        comparison = Comparison(*self._sides, list(self._copier.lanes), self._checked)
        differences: list[str] = []
        for lane in self._lanes:
            cleaned = self._notebook.journal.topics[lane.place[0]].cleaned
            found = comparison.compare(lane, cleaned=cleaned)
            self._done_before += found.count
            self._view.tell(_line(found))
            differences += found.differences
        return differences

    def _checked(self, count: int) -> None:
        self._notebook.beat()
        self._view.update(self._done_before + count, self._done_before + count)
        if self._stopped:
            raise MirrorError("stopped while checking; all is copied: start again for the check")

    def _commit(self, committed: Snapshot, *, final: bool) -> None:
        for group, offsets in committed.items():
            known = {p: c for p, c in offsets.items() if p in self._copier.lanes}
            translated = translate(known, self._copier.lanes)
            if not final and translated.ahead:
                # What is not yet exact is left for the next time.
                known = {p: c for p, c in known.items() if p not in translated.ahead}
                translated = translate(known, self._copier.lanes)
            if translated.offsets:
                self._groups.commit(group, translated)
            if final and translated.ahead:
                self._view.tell(
                    f"group {group} has read {_places(translated.ahead)} beyond the begin of an "
                    "open transaction: it will read again what lies behind it"
                )

    def _tell_open_transactions(self) -> None:
        places = list(self._copier.lanes)
        stable = list_offsets(self._source, places, LATEST, isolation=READ_COMMITTED)
        for place, end in list_offsets(self._source, places, LATEST).items():
            lane = self._copier.lanes[place]
            if stable[place] < end and lane.goal <= stable[place]:
                self._view.tell(
                    f"{lane.name}: a transaction is open since offset {stable[place]}; what is "
                    f"behind it (up to {end}) is not copied yet"
                )

    def _summary(self) -> None:
        records = sum(lane.records for lane in self._lanes)
        self._view.tell(
            f"COPIED   {len(self._pairs)} topics, {len(self._lanes)} partitions, {records:,} "
            f"records in this run{self._speed(records)}; compared record by record"
        )
        for group, count in sorted(self._groups.committed.items()):
            self._view.tell(f"group    {group}: {count} offsets")
        for group in sorted(self._groups.left_alone):
            self._view.tell(f"group    {group}: left alone, {self._groups.left_alone[group]}")

    def _speed(self, records: int) -> str:
        """Where it means something: following, a mirror waits for others."""
        if self._options.follow or records < 10_000:
            return ""
        return f" ({records / max(self._copied_s, 1e-3):,.0f} records/s)"

    def _tell_all(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._view.tell(line)


def _line(found: Compared) -> str:
    line = (
        f"{'same' if not found.differences else 'DIFFERS'}     {found.name}  {found.count:,} "
        f"records  crc32c {found.source_checksum:08x} {found.target_checksum:08x}"
    )
    if found.gone_here:
        line += f"  ({found.gone_here:,} are no longer at the source)"
    if found.gone_there:
        line += f"  ({found.gone_there:,} were deleted at the target since)"
    return line


def _places(places: list[TopicPartition]) -> str:
    return ", ".join("{}-{}".format(*place) for place in places)
