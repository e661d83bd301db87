"""Who must be heard of, and by when.

A heartbeat moves a deadline and touches no heap: a timer that fires too early looks at the
deadline and goes to sleep again, at most once per session timeout.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moldau.broker.groups.group import Group
    from moldau.broker.timers import Timer, Timers


class Session:
    __slots__ = ("deadline_ms", "timer")

    def __init__(self, deadline_ms: int, timer: Timer) -> None:
        self.deadline_ms = deadline_ms
        self.timer = timer


class Sessions:
    """The sessions of a shard's members, and of those who have a member id but are none yet."""

    def __init__(self, timers: Timers, expired: Callable[[str, str, int], None]) -> None:
        """`expired(group id, member id, now_ms)`."""
        self._timers = timers
        self._expired = expired

    def expect(self, group: Group, member_id: str, deadline_ms: int) -> None:
        """The member is to be heard of by then."""
        session = group.sessions.get(member_id)
        if session is None:
            timer = self._timer(group.id, group.sessions, member_id, deadline_ms)
            group.sessions[member_id] = Session(deadline_ms, timer)
            return
        session.deadline_ms = deadline_ms
        if deadline_ms < session.timer.deadline_ms:
            session.timer.cancel()
            session.timer = self._timer(group.id, group.sessions, member_id, deadline_ms)

    def forget(self, group: Group, member_id: str) -> None:
        session = group.sessions.pop(member_id, None)
        if session is not None:
            session.timer.cancel()

    def forget_all(self, group: Group) -> None:
        for session in group.sessions.values():
            session.timer.cancel()
        group.sessions.clear()

    def _timer(
        self, group_id: str, sessions: dict[str, Session], member_id: str, deadline_ms: int
    ) -> Timer:
        def due(now_ms: int) -> None:
            session = sessions[member_id]
            if session.deadline_ms > now_ms:
                session.timer = self._timer(group_id, sessions, member_id, session.deadline_ms)
                return
            del sessions[member_id]
            self._expired(group_id, member_id, now_ms)

        return self._timers.at(deadline_ms, due)
