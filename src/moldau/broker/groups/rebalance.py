"""How a group gets from one generation to the next: it calls its members together, hears who
comes, and waits for the leader's assignment. What time does to members is here too.

What a rebalance has reached is not kept: it is lost in a crash and begun again by the clients.
Kept is each stable generation, when the leader's assignment is in the log (Apache Kafka:
GroupMetadataManager, the `classicGroup` methods).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from moldau.broker.groups import answers
from moldau.broker.groups.group import Group, Member, State
from moldau.broker.groups.limits import Limits
from moldau.broker.groups.records import group_key, group_value
from moldau.broker.groups.sessions import Sessions
from moldau.broker.replicated import Decision, Reply
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.consumer_offsets import GroupMetadataValue
from moldau.protocol.messages.sync_group import SyncGroupResponse

if TYPE_CHECKING:
    from moldau.broker.timers import Timers


class Rebalance:
    """Works on the groups of a shard. `due` collects what timers decide."""

    def __init__(self, groups: dict[str, Group], limits: Limits, timers: Timers) -> None:
        self._groups = groups
        self._limits = limits
        self._timers = timers
        self.sessions = Sessions(timers, self._session_expired)
        self.due = Decision()  # what timers decide, until the shard's tick takes it

    # --- calling members together ---------------------------------------------------------

    def rebalance(self, group: Group, now_ms: int, out: Decision) -> None:
        if group.state is State.PREPARING_REBALANCE:
            self.complete_if_all_joined(group, now_ms, out)
        else:
            self.prepare(group, now_ms, out)

    def prepare(self, group: Group, now_ms: int, out: Decision) -> None:
        """Calls all members together."""
        if group.state is State.COMPLETING_REBALANCE:
            self._fail_syncs(group, ErrorCode.REBALANCE_IN_PROGRESS, now_ms, out)
        self.stop_sync_timer(group)
        group.pending_sync.clear()
        if group.state is State.EMPTY:
            delay = self._limits.initial_rebalance_delay_ms
            left = max(group.rebalance_timeout_ms - delay, 0)
            group.enter(State.PREPARING_REBALANCE, now_ms)
            self._delay_first_generation(group, delay, left, now_ms)
            return
        group.enter(State.PREPARING_REBALANCE, now_ms)
        if group.all_joined:
            self._complete_join(group, now_ms, out)
        else:
            self._await_join(group, now_ms)

    def complete_if_all_joined(self, group: Group, now_ms: int, out: Decision) -> None:
        """The first generation always waits for its delay: others may be about to come."""
        if (
            group.state is State.PREPARING_REBALANCE
            and group.previous is not State.EMPTY
            and group.all_joined
        ):
            self._complete_join(group, now_ms, out)

    def _await_join(self, group: Group, now_ms: int) -> None:
        deadline = now_ms + group.rebalance_timeout_ms
        self._set_join_timer(group, deadline, lambda now: self._complete_join(group, now, self.due))

    def _set_join_timer(
        self, group: Group, deadline_ms: int, action: Callable[[int], None]
    ) -> None:
        if group.join_timer is not None:
            group.join_timer.cancel()
        group.join_timer = self._timers.at(deadline_ms, action)

    def _delay_first_generation(self, group: Group, delay: int, left: int, now_ms: int) -> None:
        """`left`: how much longer it may be delayed after this, in ms."""

        def over(now: int) -> None:
            if group.new_member_added and left:
                group.new_member_added = False
                longer = min(self._limits.initial_rebalance_delay_ms, left)
                self._delay_first_generation(group, longer, max(left - delay, 0), now)
            else:
                self._complete_join(group, now, self.due)

        self._set_join_timer(group, now_ms + delay, over)

    def _complete_join(self, group: Group, now_ms: int, out: Decision) -> None:
        """Whoever has joined makes the next generation. Who has not is out, but for static
        members: these keep their place until their session ends."""
        if group.join_timer is not None:
            group.join_timer.cancel()
            group.join_timer = None
        late = [m.id for m in group.members.values() if m.join is None and m.instance_id is None]
        for member_id in late:
            self.remove(group, member_id)
        if not group.elect() and group.members:
            self._await_join(group, now_ms)
            return
        group.next_generation(now_ms)
        if group.state is State.EMPTY:
            out.records.append((group_key(group.id), group_value(group.stored({}))))
            return
        for member in group.members.values():
            request = group.take_join(member)
            if request is not None:
                leads = member.id == group.leader
                members = answers.members_for_leader(group) if leads else []
                out.reply(request, answers.joined(group, member, members))
            self.heard_of(group, member, now_ms)
            member.is_new = False
            group.pending_sync.add(member.id)
        self._await_sync(group, now_ms)

    # --- assignments ----------------------------------------------------------------------

    def store_generation(
        self, group: Group, assignments: dict[str, bytes], now_ms: int, out: Decision
    ) -> None:
        """The members get their parts when these are in the log (see `replay`)."""

        def refused(code: ErrorCode) -> list[Reply]:
            undone = Decision()
            self._fail_syncs(group, answers.coordinator_error(code), now_ms, undone)
            self.prepare(group, now_ms, undone)
            return undone.replies

        out.records.append((group_key(group.id), group_value(group.stored(assignments))))
        out.refused = refused
        for member in group.members.values():
            if member.sync is not None:
                out.reply(member.sync, answers.synced(group, assignments[member.id]))

    def _fail_syncs(self, group: Group, code: ErrorCode, now_ms: int, out: Decision) -> None:
        for member in group.members.values():
            member.assignment = b""
            if member.sync is not None:
                out.reply(member.sync, SyncGroupResponse(error_code=code))
                member.sync = None
                self.heard_of(group, member, now_ms)

    def _await_sync(self, group: Group, now_ms: int) -> None:
        generation = group.generation

        def over(now: int) -> None:
            """Who joined and never asked for its part is out (KAFKA-9752)."""
            if generation == group.generation and group.pending_sync:
                for member_id in tuple(group.pending_sync):
                    self.remove(group, member_id)
                self.prepare(group, now, self.due)

        self.stop_sync_timer(group)
        group.sync_timer = self._timers.at(now_ms + group.rebalance_timeout_ms, over)

    def stop_sync_timer(self, group: Group) -> None:
        if group.sync_timer is not None:
            group.sync_timer.cancel()
            group.sync_timer = None

    # --- who is gone ----------------------------------------------------------------------

    def heard_of(self, group: Group, member: Member, now_ms: int) -> None:
        self.sessions.expect(group, member.id, now_ms + member.session_timeout_ms)

    def _session_expired(self, group_id: str, member_id: str, now_ms: int) -> None:
        group = self._groups.get(group_id)
        if group is None:
            return
        member = group.members.get(member_id)
        if member is None:
            self.remove(group, member_id)
            if group.state is State.PREPARING_REBALANCE and group.all_joined:
                self._complete_join(group, now_ms, self.due)
        elif not member.keeps_session:
            self.expel(group, member_id, self.due)
            if group.state in (State.STABLE, State.COMPLETING_REBALANCE):
                self.prepare(group, now_ms, self.due)
            elif group.state is State.PREPARING_REBALANCE and group.all_joined:
                self._complete_join(group, now_ms, self.due)

    def expel(self, group: Group, member_id: str, out: Decision) -> None:
        """Out, with word to a request that still waits: if the member lives it joins anew."""
        member = group.members.get(member_id)
        if member is not None:
            self.turn_away(group, member, ErrorCode.UNKNOWN_MEMBER_ID, "", out)
        self.remove(group, member_id)

    def turn_away(
        self, group: Group, member: Member, code: ErrorCode, member_id: str, out: Decision
    ) -> None:
        """Answers the member's requests that wait."""
        join = group.take_join(member)
        if join is not None:
            out.reply(join, answers.join_refused(join, code, member_id))
        if member.sync is not None:
            out.reply(member.sync, SyncGroupResponse(error_code=code))
            member.sync = None

    def remove(self, group: Group, member_id: str) -> None:
        group.remove(member_id)
        self.sessions.forget(group, member_id)

    # --- what the log says ----------------------------------------------------------------

    def replay(self, group_id: str, value: GroupMetadataValue | None, now_ms: int) -> None:
        """A record of our own making, just appended."""
        group = self._groups.get(group_id)
        if value is None:
            self.forget(group_id)
        elif group is None:
            self._groups[group_id] = Group.loaded(group_id, value)
        elif group.state is State.COMPLETING_REBALANCE and group.generation == value.generation:
            for stored in value.members:
                member = group.members[stored.member_id]
                member.assignment = stored.assignment
                if member.sync is not None:
                    member.sync = None
                    self.heard_of(group, member, now_ms)
            group.enter(State.STABLE, now_ms)

    def load(self, group_id: str, value: GroupMetadataValue | None) -> None:
        """A record from the log of an earlier life."""
        if value is None:
            self._groups.pop(group_id, None)
        else:
            self._groups[group_id] = Group.loaded(group_id, value)

    def loaded(self, heard_ms: int, now_ms: int) -> None:
        """Members have a session from `heard_ms` on; a group above the limit is called together."""
        for group in tuple(self._groups.values()):
            for member in group.members.values():
                self.heard_of(group, member, heard_ms)
            if len(group.members) > self._limits.max_size:
                self.prepare(group, now_ms, self.due)

    def unload(self) -> None:
        for group in tuple(self._groups.values()):
            for member in group.members.values():
                self.turn_away(group, member, ErrorCode.NOT_COORDINATOR, member.id, self.due)
            self.forget(group.id)

    def forget(self, group_id: str) -> None:
        group = self._groups.pop(group_id, None)
        if group is None:
            return
        self.sessions.forget_all(group)
        self.stop_sync_timer(group)
        if group.join_timer is not None:
            group.join_timer.cancel()
        group.enter(State.DEAD, group.since_ms)
