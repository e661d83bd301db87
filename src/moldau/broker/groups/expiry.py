"""When offsets expire, and groups that nobody needs any more go with them.

Apache Kafka looks through everything each `offsets.retention.check.interval.ms`. Here a check
notes when the next thing can expire, and there is none before: an idle broker is not woken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from moldau.broker.groups.group import Group, State
from moldau.broker.groups.limits import Limits
from moldau.broker.groups.offsets import Offsets, expires_at
from moldau.broker.groups.records import group_key, offset_key
from moldau.broker.replicated import KeyValue

if TYPE_CHECKING:
    from moldau.broker.timers import Timer, Timers

# Tombstones of one check, at most: the end of a million offsets must not stop all else.
MAX_TOMBSTONES = 5_000
# Until the next of several rounds.
ROUND_MS = 20


class Expiry:
    def __init__(
        self,
        groups: dict[str, Group],
        offsets: Offsets,
        limits: Limits,
        timers: Timers,
        decided: Callable[[list[KeyValue]], None],
    ) -> None:
        """`decided` takes the tombstones."""
        self._groups = groups
        self._offsets = offsets
        self._limits = limits
        self._timers = timers
        self._decided = decided
        self._timer: Timer | None = None
        self._last_check_ms = 0

    def start(self, now_ms: int) -> None:
        """Everything stored has been loaded."""
        self._last_check_ms = now_ms
        if self._groups:
            self.check_at(now_ms)

    def committed(self, commit_timestamp: int, expire_timestamp: int) -> None:
        """An offset has been stored."""
        if expire_timestamp >= 0:
            self.check_at(expire_timestamp)
        else:
            self.check_at(commit_timestamp + self._limits.retention_ms)

    def refused(self) -> None:
        """The tombstones could not be written: there is to be another try."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.check_at(0)

    def clock_moved(self, by_ms: int) -> None:
        """Offsets expire by the date, so there is to be a look soon."""
        self._last_check_ms += by_ms
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.check_at(0)

    def check_at(self, due_ms: int) -> None:
        """There is to be a check by then, or an interval after the last one."""
        due_ms = max(due_ms, self._last_check_ms + self._limits.retention_check_interval_ms)
        if self._timer is not None:
            if self._timer.deadline_ms <= due_ms:
                return
            self._timer.cancel()
        self._timer = self._timers.at(due_ms, self._check)

    def _check(self, now_ms: int) -> None:
        self._timer = None
        self._last_check_ms = now_ms
        tombstones: list[KeyValue] = []
        next_due: int | None = None
        for group in self._groups.values():
            due = self._check_group(group, now_ms, tombstones)
            if due is not None and (next_due is None or due < next_due):
                next_due = due
            if len(tombstones) >= MAX_TOMBSTONES:
                self._timer = self._timers.at(now_ms + ROUND_MS, self._check)
                break
        else:
            if next_due is not None:
                self.check_at(next_due)
        if tombstones:
            self._decided(tombstones)

    def _check_group(self, group: Group, now_ms: int, tombstones: list[KeyValue]) -> int | None:
        """Adds what has expired. When the next of the group's offsets will; None: none can."""
        next_due: int | None = None
        kept = False
        for topic, partition, offset in self._offsets.entries(group.id):
            due = expires_at(group, topic, offset, self._limits.retention_ms)
            if due is not None and due <= now_ms:
                if len(tombstones) < MAX_TOMBSTONES:
                    tombstones.append((offset_key(group.id, topic, partition), None))
                    continue
                due = now_ms
            kept = True
            if due is not None and (next_due is None or due < next_due):
                next_due = due
        if not kept and group.state is State.EMPTY:
            if group.pending_join:
                return now_ms  # somebody is about to join: look again
            tombstones.append((group_key(group.id), None))
        return next_due
