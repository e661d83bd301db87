"""The log against a list: whatever is appended, rolled, cut, expired, killed or crashed."""

from __future__ import annotations

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from moldau.protocol.records import batches, iterate
from moldau.storage.config import LogConfig
from moldau.storage.log import Log, OffsetOutOfRange, Slice
from tests.drawn import share
from tests.storage.logs import NOW, append, contents, memory, open_log


class LogModel(RuleBasedStateMachine):
    """`self.values` is what the log must hold at each offset; `self.starts` where batches begin."""

    log: Log

    @initialize(
        segment=st.sampled_from((300, 1000, 5000)),
        interval=st.sampled_from((0, 200, 4096)),
    )
    def begin(self, segment: int, interval: int) -> None:
        self.config = LogConfig(
            segment_bytes=segment, index_interval_bytes=interval, file_delete_delay_ms=0
        )
        self.disk = memory()
        self.log = open_log(self.disk, self.config)
        self.values: list[bytes] = []
        self.starts: list[int] = []
        self.counter = 0

    @rule(count=st.integers(1, 5), size=st.sampled_from((0, 10, 100)))
    def append(self, count: int, size: int) -> None:
        values = []
        for _ in range(count):
            self.counter += 1
            values.append(b"%d" % self.counter + bytes(size // 5))
        result = append(self.log, values, epoch=self.counter // 40)
        assert result.first_offset == len(self.values)
        self.starts.append(len(self.values))
        self.values += values
        assert result.last_offset == len(self.values) - 1

    @rule()
    def roll(self) -> None:
        self.log.roll(NOW)

    @rule()
    def sync(self) -> None:
        self.log.sync()
        assert self.log.synced_offset == self.log.log_end_offset

    @rule()
    def checkpoint(self) -> None:
        assert self.log.checkpoint() == self.log.synced_offset

    @rule(share=st.floats(0, 1))
    def truncate(self, share: float) -> None:
        offset = int(len(self.values) * share)
        if offset < self.log.log_start_offset:
            return
        self.log.truncate_to(offset)
        self.log.sync()
        self._keep(max((s for s in [*self.starts, len(self.values)] if s <= offset), default=0))
        assert self.log.log_end_offset == len(self.values)

    @rule(share=st.floats(0, 1))
    def delete_records(self, share: float) -> None:
        offset = int(len(self.values) * share)
        before = self.log.log_start_offset
        self.log.delete_records(offset)
        assert self.log.log_start_offset == max(before, offset)

    @rule(limit=st.integers(0, 3000))
    def expire(self, limit: int) -> None:
        self.log.reconfigure(LogConfig(retention_bytes=limit, segment_bytes=5000))
        self.log.apply_retention(NOW)
        assert self.log.size < max(limit, 1) + 5000
        self.log.reconfigure(self.config)

    @rule()
    def stop_and_start(self) -> None:
        start = self.log.log_start_offset
        self.log.close()
        self._reopen(recovery_point=0, start=start, clean=True)
        assert self.log.log_end_offset == len(self.values)
        assert self.log.synced_offset == len(self.values)

    @rule()
    def kill(self) -> None:
        point, start = self.log.synced_offset, self.log.log_start_offset
        self.disk = self.disk.kill()
        self._reopen(point, start, clean=False)
        assert self.log.log_end_offset == len(self.values), "a kill loses nothing"

    @rule(seed=st.integers(0, 1 << 30))
    def crash(self, seed: int) -> None:
        point, start = self.log.synced_offset, self.log.log_start_offset
        self.disk = self.disk.crash(Random(seed))
        self._reopen(point, min(start, point), clean=False)
        assert self.log.log_end_offset >= point, "what was synced is there"
        self._keep(self.log.log_end_offset)
        self.log.sync()

    def _reopen(self, recovery_point: int, start: int, *, clean: bool) -> None:
        self.log = open_log(
            self.disk,
            self.config,
            recovery_point=recovery_point,
            log_start_offset=start,
            clean=clean,
        )

    def _keep(self, end: int) -> None:
        del self.values[end:]
        self.starts = [one for one in self.starts if one < end]

    @invariant()
    def holds_what_was_appended(self) -> None:
        expected = dict(enumerate(self.values))
        start = self.log.log_start_offset
        assert contents(self.log) == {o: v for o, v in expected.items() if o >= start}

    @rule(share=st.floats(0, 1), limit=st.integers(0, 2000), whole=st.booleans())
    def read(self, share: float, limit: int, whole: bool) -> None:
        offset = int((len(self.values) + 1) * share)
        found = self.log.read(offset, limit, len(self.values), whole)
        if not self.log.log_start_offset <= offset <= len(self.values):
            assert isinstance(found, OffsetOutOfRange)
            return
        assert isinstance(found, Slice)
        data = found.read()
        assert len(data) == found.size
        records = [record for _, view in batches(data) for record in iterate(view)]
        if whole and offset < len(self.values):
            assert offset in [record.offset for record in records]
        else:
            assert found.size <= limit
        for record in records:
            assert record.value == self.values[record.offset]

    @rule(share=st.floats(0, 1), cap=st.floats(0, 1))
    def read_up_to(self, share: float, cap: float) -> None:
        offset, up_to = (int(len(self.values) * part) for part in (share, cap))
        found = self.log.read(offset, 1 << 20, up_to, True)
        if isinstance(found, Slice):
            for header, _ in batches(found.read()):
                assert header.last_offset < up_to

    @rule(share=st.floats(0, 1))
    def epochs(self, share: float) -> None:
        offset = int(len(self.values) * share)
        if self.log.log_start_offset <= offset < len(self.values):
            found = self.log.read(offset, 1, len(self.values), True)
            assert isinstance(found, Slice)
            header = next(iter(batches(found.read())))[0]
            assert self.log.epoch_of(offset) == header.leader_epoch


TestLogModel = LogModel.TestCase
TestLogModel.settings = settings(max_examples=share(60), stateful_step_count=40, deadline=None)
