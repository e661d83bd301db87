"""The position of a mirror, against everything that can happen to it: killed and started again at
any moment, asleep while another takes over, batches that arrive late, a source that is compacted
meanwhile, a journal that is written anew and shortened. Thousands of such lives, drawn from seeds;
each must end with every record there once.

The target here is what the proof needs of a broker: sequence numbers are checked, and the journal
refuses older epochs.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field

from moldau.client.batches import Appended, Fetched
from moldau.protocol.errors import ErrorCode
from moldau.protocol.records import Record, build, iterate, parse_header
from moldau.tools.mirror.journal import Journal, Line
from moldau.tools.mirror.lane import Lane, Verdict, digest
from moldau.tools.mirror.window import Progress, Window
from tests.drawn import share

LIVES = int(os.environ.get("MOLDAU_LIVES", share(300)))
STEPS = 120
ID = "target"


class Source:
    """A log with holes; `ever` are all records by offset, `here` those that are not deleted."""

    def __init__(self) -> None:
        self.end = 0
        self.here: list[int] = []
        self.ever: list[int] = []

    def produce(self, count: int, gap: int) -> None:
        self.end += gap
        new = range(self.end, self.end + count)
        self.here += new
        self.ever += new
        self.end += count

    def fetch(self, position: int, limit: int) -> Fetched:
        wanted = [offset for offset in self.here if offset >= position][:limit]
        records = b"".join(
            build([Record(0, 7, None, b"%d" % offset)], base_offset=offset) for offset in wanted
        )
        return Fetched(0, 0, self.end, self.end, [], memoryview(records))


class Log:
    """One partition of the target: Kafka's rules for one producer id and epoch."""

    def __init__(self) -> None:
        self.records: list[int] = []
        self.batches: list[bytes] = []
        self._ranges: list[tuple[int, int, int]] = []

    def append(self, batch: bytes) -> Appended:
        header = parse_header(batch)
        first, last = header.base_sequence, header.last_sequence
        for known_first, known_last, offset in self._ranges[-5:]:
            if (known_first, known_last) == (first, last):
                return Appended(0, offset, None)
        if first != len(self.records):
            return Appended(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1, None)
        self._ranges.append((first, last, len(self.records)))
        values = [int(record.value or b"") for record in iterate(batch)]
        self.batches.append(
            build(
                [Record(0, r.timestamp, r.key, r.value) for r in iterate(batch)],
                base_offset=len(self.records),
            )
        )
        self.records += values
        return Appended(0, first, None)

    def evidence(self, window: Window) -> int | None:
        return digest(memoryview(b"".join(self.batches)), window.first, window.end)


@dataclass
class Target:
    """`lines` with their offsets in the journal, of which the first may be gone."""

    log: Log = field(default_factory=Log)
    lines: dict[int, Line] = field(default_factory=dict)
    end: int = 0
    epoch: int = 0

    def write(self, epoch: int, lines: list[Line]) -> bool:
        if epoch < self.epoch:
            return False
        self.epoch = epoch
        for line in lines:
            self.lines[self.end] = line
            self.end += 1
        return True

    def delete(self, before: int) -> None:
        self.lines = {offset: line for offset, line in self.lines.items() if offset >= before}


class Mirror:
    """A process: `alive` until it is killed or notices that another has taken over."""

    def __init__(self, source: Source, target: Target, dice: random.Random) -> None:
        self.source, self.target, self.dice = source, target, dice
        self.epoch = target.epoch + 1
        target.write(self.epoch, [])
        self.journal = Journal("m")
        for offset, line in target.lines.items():
            self.journal.replay(line, offset)
        self.journal.replayed()
        progress = self.journal.progress.setdefault((ID, 0), Progress(0))
        self.lane = Lane(("t", 0), ID, progress, 0)
        self.lane.goal = 1 << 40
        self.lane.settle(len(target.log.records), target.log.evidence)
        self.alive = True
        self.announced = False
        self.under_way: list[bytes] = []  # sent, and not yet at the target
        self.answer: Appended | None = None
        self.anew: list[Line] = []  # of a snapshot, still to be written
        self.kept = -1  # what is before may be deleted

    def step(self) -> None:
        """One step that a kill could come behind."""
        lane = self.lane
        assert lane.trouble is None, lane.trouble
        if self.anew:
            self.alive = self.target.write(self.epoch, [self.anew.pop(0)])
        elif self.kept >= 0:
            self.target.delete(self.kept)
            self.kept = -1
        elif self.answer is not None:
            self.take(self.answer)
        elif lane.window is None:
            if lane.wants:
                fetched = self.source.fetch(lane.position, self.dice.randrange(1, 9))
                lane.feed(fetched, all_empty=False)
            lane.plan(self.dice.choice([70, 200, 10_000]))
            self.announced = False
        elif not self.announced:
            self.announced = self.alive = self.target.write(self.epoch, self.lines())
        elif not self.under_way:
            self.under_way.append(lane.batch(1))

    def lines(self) -> list[Line]:
        lines = []
        if self.lane.unwritten:
            lines.append(self.journal.breaks(ID, 0, self.lane.unwritten))
            self.lane.unwritten = []
        return [*lines, self.journal.head(ID, 0)]

    def trim(self) -> None:
        if not self.anew and self.kept < 0:
            self.alive = self.target.write(self.epoch, self.lines())
            self.kept = self.target.end
            self.anew = [*self.journal.snapshot(), self.journal.kept(self.kept)]

    def arrive(self) -> None:
        """What is under way reaches the target, perhaps long after this process."""
        if self.under_way:
            self.answer = self.target.log.append(self.under_way.pop(0))

    def take(self, answer: Appended) -> None:
        self.answer = None
        verdict = self.lane.answered(answer)
        if verdict is Verdict.SETTLE:
            log_end = len(self.target.log.records)
            # Still the one at work, or does the log end where a later mirror has brought it?
            self.alive = self.target.write(self.epoch, [])
            if self.alive:
                self.lane.settle(log_end, self.target.log.evidence)
        elif verdict is Verdict.AGAIN:
            self.announced = False


class Life:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.source, self.target = Source(), Target()
        self.mirrors = [Mirror(self.source, self.target, self.dice)]
        self.dead: list[Mirror] = []
        # In some lives the source only grows, in some it is cleaned all the time.
        self.cleans = self.dice.choice([0, 1, 8])

    def act(self) -> None:
        what = self.dice.choices(
            ["produce", "clean", "step", "arrive", "kill", "start", "late", "trim"],
            [3, self.cleans, 30, 12, 3, 2, 2, 3],
        )[0]
        if what == "produce":
            self.source.produce(self.dice.randrange(1, 6), self.dice.choice([0, 0, 1, 3]))
        elif what == "clean" and self.source.here:
            self.source.here.remove(self.dice.choice(self.source.here))
        elif what == "kill" and self.mirrors:
            self.dead.append(self.mirrors.pop(self.dice.randrange(len(self.mirrors))))
        elif what == "start" and len(self.mirrors) < 3:
            self.mirrors.append(Mirror(self.source, self.target, self.dice))
        elif what == "late" and self.dead:
            self.dice.choice(self.dead).arrive()
        elif self.mirrors:
            mirror = self.dice.choice(self.mirrors)
            {"arrive": mirror.arrive, "trim": mirror.trim}.get(what, mirror.step)()
        self.mirrors = [mirror for mirror in self.mirrors if mirror.alive]

    def end(self) -> Mirror:
        """One last mirror comes to its end, whatever still arrives of the others."""
        last = Mirror(self.source, self.target, self.dice)
        others = self.mirrors + self.dead
        for _ in range(20_000):
            if last.lane.covered >= self.source.end:
                break
            last.step()
            last.arrive()
            if others and self.dice.random() < 0.3:
                self.dice.choice(others).arrive()
            if not self.source.fetch(last.lane.position, 1).records and not last.lane.pieces:
                last.lane.position = self.source.end
        for other in others:
            other.arrive()
        last.lane.settle(len(self.target.log.records), self.target.log.evidence)
        return last


def live(seed: int) -> None:
    life = Life(seed)
    for _ in range(STEPS):
        life.act()
    last = life.end()
    copied = life.target.log.records
    assert copied == sorted(set(copied)), f"seed {seed}: repeated or out of order: {copied}"
    assert set(life.source.here) <= set(copied), f"seed {seed}: lost"
    assert set(copied) <= set(life.source.ever)
    offsets = last.lane.progress.map
    assert offsets.end == len(copied)
    assert [offsets.source_of(i) for i in range(len(copied))] == copied, f"seed {seed}: map"


def test_whatever_happens_every_record_is_there_once() -> None:
    for seed in range(LIVES):
        live(seed)
