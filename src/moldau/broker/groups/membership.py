"""Who is in a group: JoinGroup, SyncGroup, Heartbeat, LeaveGroup, and what time does to members.

What a rebalance has reached is not kept: it is lost in a crash and begun again by the clients.
Kept is each stable generation, when the leader's assignment is in the log (Apache Kafka:
GroupMetadataManager, the `classicGroup` methods, whose checks and their order these are).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from moldau.broker.groups import answers
from moldau.broker.groups.group import Group, Member, Protocols, State, distinct
from moldau.broker.groups.limits import NEW_MEMBER_JOIN_TIMEOUT_MS, Limits
from moldau.broker.groups.records import group_key, group_value, too_long
from moldau.broker.groups.sessions import Sessions
from moldau.broker.replicated import Decision, Reply
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.consumer_offsets import GroupMetadataValue
from moldau.protocol.messages.heartbeat import HeartbeatResponse
from moldau.protocol.messages.leave_group import LeaveGroupResponse, MemberResponse
from moldau.protocol.messages.sync_group import SyncGroupResponse

if TYPE_CHECKING:
    from moldau.broker.request import Request
    from moldau.broker.timers import Timers
    from moldau.protocol.messages.leave_group import MemberIdentity

REQUIRES_MEMBER_ID = 4  # first JoinGroup version in which a member gets its id before it joins
SKIPS_ASSIGNMENT = 9
NAMES_PROTOCOL = 5  # first SyncGroup version that must name the protocol


class Membership:
    def __init__(
        self,
        groups: dict[str, Group],
        limits: Limits,
        timers: Timers,
        new_uuid: Callable[[], str],
    ) -> None:
        self._groups = groups
        self._limits = limits
        self._timers = timers
        self._new_uuid = new_uuid
        self._sessions = Sessions(timers, self._session_expired)
        self.due = Decision()  # what timers decide, until the shard's tick takes it

    # --- JoinGroup --------------------------------------------------------------------------

    def join(self, request: Request, now_ms: int) -> Decision:
        body = request.body
        out = Decision()
        code = self._refuses(request)
        if code:
            out.reply(request, answers.join_refused(request, code, body.member_id))
            return out
        group = self._groups.get(body.group_id)
        if group is None and body.member_id:
            code = ErrorCode.UNKNOWN_MEMBER_ID
            out.reply(request, answers.join_refused(request, code, body.member_id))
            return out
        if group is not None:
            self._join(request, group, now_ms, out)
            return out
        group = self._groups[body.group_id] = Group(body.group_id, now_ms)
        self._join(request, group, now_ms, out)
        if group.members or group.pending_join:
            self._store_new(request, group, out)
        else:  # refused: it leaves no trace
            del self._groups[group.id]
        return out

    def _refuses(self, request: Request) -> ErrorCode:
        body = request.body
        limits = self._limits
        if not body.group_id:
            return ErrorCode.INVALID_GROUP_ID
        shortest, longest = limits.min_session_timeout_ms, limits.max_session_timeout_ms
        if not shortest <= body.session_timeout_ms <= longest:
            return ErrorCode.INVALID_SESSION_TIMEOUT
        texts = (request.client_id, body.group_instance_id, body.protocol_type)
        if any(too_long(text or "") for text in texts + tuple(p.name for p in body.protocols)):
            return ErrorCode.INVALID_REQUEST
        return ErrorCode.NONE

    def _store_new(self, request: Request, group: Group, out: Decision) -> None:
        """A group is on record before anybody hears of it."""

        def refused(code: ErrorCode) -> list[Reply]:
            self.forget(group.id)
            error = answers.coordinator_error(code)
            return [(request, answers.join_refused(request, error, ""))]

        value = GroupMetadataValue(
            protocol=None, leader=None, current_state_timestamp=group.since_ms
        )
        out.records.append((group_key(group.id), group_value(value)))
        out.refused = refused

    def _join(self, request: Request, group: Group, now_ms: int, out: Decision) -> None:
        body = request.body
        protocols = distinct((p.name, p.metadata) for p in body.protocols)
        member = group.members.get(body.member_id)
        if not self._has_room(group, member):
            self._remove(group, body.member_id)
            code = ErrorCode.GROUP_MAX_SIZE_REACHED
            out.reply(request, answers.join_refused(request, code, ""))
        elif not group.supports(body.protocol_type, protocols):
            code = ErrorCode.INCONSISTENT_GROUP_PROTOCOL
            out.reply(request, answers.join_refused(request, code, body.member_id))
        elif not body.member_id:
            self._join_new(request, group, protocols, now_ms, out)
        elif body.member_id in group.pending_join and body.group_instance_id is None:
            self._add(request, group, body.member_id, protocols, now_ms, out)
        else:
            code = group.validate(body.member_id, body.group_instance_id)
            if code or member is None:
                answer = answers.join_refused(request, code, body.member_id)
                out.reply(request, answer)
            else:
                self._join_again(request, group, member, protocols, now_ms, out)

    def _has_room(self, group: Group, member: Member | None) -> bool:
        """While members come again, those that wait are counted: so the last to come are the ones
        turned away when the limit was lowered."""
        if group.state is State.EMPTY:
            return True
        if group.state is State.PREPARING_REBALANCE:
            waiting = member is not None and member.join is not None
            return waiting or group.joining < self._limits.max_size
        return member is not None or len(group.members) < self._limits.max_size

    def _join_new(
        self, request: Request, group: Group, protocols: Protocols, now_ms: int, out: Decision
    ) -> None:
        body = request.body
        instance_id = body.group_instance_id
        prefix = (request.client_id or "") if instance_id is None else instance_id
        member_id = f"{prefix}-{self._new_uuid()}"
        if instance_id is not None and instance_id in group.static:
            self._replace_static(request, group, member_id, protocols, now_ms, out)
        elif instance_id is None and request.version >= REQUIRES_MEMBER_ID:
            group.pending_join.add(member_id)
            self._sessions.expect(group, member_id, now_ms + body.session_timeout_ms)
            code = ErrorCode.MEMBER_ID_REQUIRED
            out.reply(request, answers.join_refused(request, code, member_id))
        else:
            self._add(request, group, member_id, protocols, now_ms, out)

    def _add(
        self,
        request: Request,
        group: Group,
        member_id: str,
        protocols: Protocols,
        now_ms: int,
        out: Decision,
    ) -> None:
        body = request.body
        member = Member(
            member_id,
            body.group_instance_id,
            request.client_id or "",
            f"/{request.connection.peer_host}",  # as Java prints an address
            _rebalance_timeout(request),
            body.session_timeout_ms,
            protocols,
        )
        member.is_new = True
        member.join = request
        if group.state is State.PREPARING_REBALANCE and group.previous is State.EMPTY:
            group.new_member_added = True
        group.add(member, body.protocol_type)
        self._sessions.expect(group, member_id, now_ms + NEW_MEMBER_JOIN_TIMEOUT_MS)
        self._rebalance(group, now_ms, out)

    def _join_again(
        self,
        request: Request,
        group: Group,
        member: Member,
        protocols: Protocols,
        now_ms: int,
        out: Decision,
    ) -> None:
        """A member that missed our answer is told it again; one that wants something else, or
        leads, starts a rebalance."""
        state = group.state
        leads = group.leader == member.id
        unchanged = member.protocols == protocols
        if unchanged and (
            state is State.COMPLETING_REBALANCE or (state is State.STABLE and not leads)
        ):
            members = answers.members_for_leader(group) if leads else []
            out.reply(request, answers.joined(group, member, members))
            return
        # An earlier JoinGroup that waits is of a connection that the client has given up.
        self._turn_away(group, member, ErrorCode.REBALANCE_IN_PROGRESS, member.id, out)
        timeout = _rebalance_timeout(request)
        group.update(member, protocols, timeout, request.body.session_timeout_ms, request)
        self._rebalance(group, now_ms, out)

    # --- static members (KIP-345) -----------------------------------------------------------

    def _replace_static(
        self, request: Request, group: Group, member_id: str, protocols: Protocols, now_ms: int,
        out: Decision,
    ) -> None:  # fmt: skip
        """The instance has come again without its member id: whoever still uses that is fenced."""
        body = request.body
        old_leader = group.leader
        old = group.members[group.static[body.group_instance_id]]
        self._turn_away(group, old, ErrorCode.FENCED_INSTANCE_ID, old.id, out)
        new = group.replace(old, member_id)
        self._sessions.forget(group, old.id)
        self._sessions.expect(group, new.id, now_ms + new.session_timeout_ms)
        timeout = _rebalance_timeout(request)
        group.update(new, protocols, timeout, body.session_timeout_ms, request)
        if group.state is State.STABLE and group.select_protocol() == group.protocol:
            self._store_replaced(request, group, old, new, old_leader, now_ms, out)
        elif group.state is State.PREPARING_REBALANCE:
            self._complete_if_all_joined(group, now_ms, out)
        else:
            # While the leader assigns, it may have been given the old member id.
            self._prepare(group, now_ms, out)

    def _store_replaced(
        self, request: Request, group: Group, old: Member, new: Member, old_leader: str | None,
        now_ms: int, out: Decision,
    ) -> None:  # fmt: skip
        """Nothing changes but the member id: no rebalance. A leader that cannot be told to skip
        the assignment is told the old leader's id, so that it makes none."""

        def refused(code: ErrorCode) -> list[Reply]:
            group.take_join(new)
            group.replace(new, old.id)
            back = group.members[old.id]
            group.update(
                back, old.protocols, old.rebalance_timeout_ms, old.session_timeout_ms, None
            )
            self._sessions.forget(group, new.id)
            self._sessions.expect(group, old.id, now_ms + old.session_timeout_ms)
            error = answers.coordinator_error(code)
            return [(request, answers.join_refused(request, error, ""))]

        assignments = {m.id: m.assignment for m in group.members.values()}
        out.records.append((group_key(group.id), group_value(group.stored(assignments))))
        out.refused = refused
        group.take_join(new)
        if request.version >= SKIPS_ASSIGNMENT:
            leads = group.leader == new.id
            members = answers.members_for_leader(group) if leads else []
            out.reply(request, answers.joined(group, new, members, skip_assignment=leads))
        else:
            out.reply(request, answers.joined(group, new, [], leader=old_leader))

    # --- a rebalance ------------------------------------------------------------------------

    def _rebalance(self, group: Group, now_ms: int, out: Decision) -> None:
        if group.state is State.PREPARING_REBALANCE:
            self._complete_if_all_joined(group, now_ms, out)
        else:
            self._prepare(group, now_ms, out)

    def _prepare(self, group: Group, now_ms: int, out: Decision) -> None:
        """Calls all members together."""
        if group.state is State.COMPLETING_REBALANCE:
            self._fail_syncs(group, ErrorCode.REBALANCE_IN_PROGRESS, now_ms, out)
        self._stop_sync_timer(group)
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

    def _complete_if_all_joined(self, group: Group, now_ms: int, out: Decision) -> None:
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
            self._remove(group, member_id)
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
            self._heard_of(group, member, now_ms)
            member.is_new = False
            group.pending_sync.add(member.id)
        self._await_sync(group, now_ms)

    # --- SyncGroup --------------------------------------------------------------------------

    def sync(self, request: Request, now_ms: int) -> Decision:
        body = request.body
        out = Decision()
        group = self._groups.get(body.group_id)
        code = _sync_error(request, group)
        if code or group is None:
            out.reply(request, SyncGroupResponse(error_code=code))
            return out
        group.pending_sync.discard(body.member_id)
        if not group.pending_sync:
            self._stop_sync_timer(group)
        member = group.members[body.member_id]
        if group.state is State.STABLE:
            out.reply(request, answers.synced(group, member.assignment))
            return out
        self._turn_away(group, member, ErrorCode.REBALANCE_IN_PROGRESS, member.id, out)
        member.sync = request
        if group.leader == member.id:
            given = {a.member_id: a.assignment for a in body.assignments}
            assignments = {id: given.get(id, b"") for id in group.members}
            self._store_generation(group, assignments, now_ms, out)
        return out

    def _store_generation(
        self, group: Group, assignments: dict[str, bytes], now_ms: int, out: Decision
    ) -> None:
        """The members get their parts when these are in the log (see `replay`)."""

        def refused(code: ErrorCode) -> list[Reply]:
            undone = Decision()
            self._fail_syncs(group, answers.coordinator_error(code), now_ms, undone)
            self._prepare(group, now_ms, undone)
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
                self._heard_of(group, member, now_ms)

    def _await_sync(self, group: Group, now_ms: int) -> None:
        generation = group.generation

        def over(now: int) -> None:
            """Who joined and never asked for its part is out (KAFKA-9752)."""
            if generation == group.generation and group.pending_sync:
                for member_id in tuple(group.pending_sync):
                    self._remove(group, member_id)
                self._prepare(group, now, self.due)

        self._stop_sync_timer(group)
        group.sync_timer = self._timers.at(now_ms + group.rebalance_timeout_ms, over)

    def _stop_sync_timer(self, group: Group) -> None:
        if group.sync_timer is not None:
            group.sync_timer.cancel()
            group.sync_timer = None

    # --- Heartbeat and LeaveGroup -----------------------------------------------------------

    def heartbeat(self, request: Request, now_ms: int) -> Decision:
        body = request.body
        group = self._groups.get(body.group_id)
        if not body.group_id:
            code = ErrorCode.INVALID_GROUP_ID
        elif group is None:
            code = ErrorCode.UNKNOWN_MEMBER_ID
        else:
            code = group.validate(body.member_id, body.group_instance_id)
            if not code and body.generation_id != group.generation:
                code = ErrorCode.ILLEGAL_GENERATION
            if not code:
                self._heard_of(group, group.members[body.member_id], now_ms)
                if group.state is State.PREPARING_REBALANCE:
                    code = ErrorCode.REBALANCE_IN_PROGRESS
        return Decision(replies=[(request, HeartbeatResponse(error_code=code))])

    def leave(self, request: Request, now_ms: int) -> Decision:
        body = request.body
        out = Decision()
        if not body.group_id:
            code = ErrorCode.INVALID_GROUP_ID
            out.reply(request, LeaveGroupResponse(error_code=code))
            return out
        group = self._groups.get(body.group_id)
        results = []
        for identity in answers.leaving(request):
            code = ErrorCode.UNKNOWN_MEMBER_ID
            if group is not None:
                code = self._leave(group, identity, out)
            results.append(
                MemberResponse(
                    member_id=identity.member_id,
                    group_instance_id=identity.group_instance_id,
                    error_code=code,
                )
            )
        if group is not None and any(r.error_code == ErrorCode.NONE for r in results):
            if group.state is State.PREPARING_REBALANCE:
                self._complete_if_all_joined(group, now_ms, out)
            elif group.state is not State.EMPTY:
                self._prepare(group, now_ms, out)
        others = tuple(out.replies)
        out.refused = lambda code: [
            *others,
            (request, LeaveGroupResponse(error_code=answers.coordinator_error(code))),
        ]
        out.reply(request, answers.left(request, results))
        return out

    def _leave(self, group: Group, identity: MemberIdentity, out: Decision) -> ErrorCode:
        """An administrator removes a static member by its instance id alone."""
        member_id = identity.member_id
        instance_id = identity.group_instance_id
        if not member_id:
            if instance_id is None or instance_id not in group.static:
                return ErrorCode.UNKNOWN_MEMBER_ID
            member_id = group.static[instance_id]
        elif member_id not in group.pending_join:
            code = group.validate(member_id, instance_id)
            if code:
                return code
        self._expel(group, member_id, out)
        return ErrorCode.NONE

    # --- sessions ---------------------------------------------------------------------------

    def heard_of(self, group: Group, member_id: str, now_ms: int) -> None:
        """An OffsetCommit of a member keeps its session too."""
        member = group.members.get(member_id)
        if member is not None and group.state in (State.STABLE, State.PREPARING_REBALANCE):
            self._heard_of(group, member, now_ms)

    def _heard_of(self, group: Group, member: Member, now_ms: int) -> None:
        self._sessions.expect(group, member.id, now_ms + member.session_timeout_ms)

    def _session_expired(self, group_id: str, member_id: str, now_ms: int) -> None:
        group = self._groups.get(group_id)
        if group is None:
            return
        member = group.members.get(member_id)
        if member is None:
            self._remove(group, member_id)
            if group.state is State.PREPARING_REBALANCE and group.all_joined:
                self._complete_join(group, now_ms, self.due)
        elif not member.keeps_session:
            self._expel(group, member_id, self.due)
            if group.state in (State.STABLE, State.COMPLETING_REBALANCE):
                self._prepare(group, now_ms, self.due)
            elif group.state is State.PREPARING_REBALANCE and group.all_joined:
                self._complete_join(group, now_ms, self.due)

    def _expel(self, group: Group, member_id: str, out: Decision) -> None:
        """Out, with word to a request that still waits: if the member lives it joins anew."""
        member = group.members.get(member_id)
        if member is not None:
            self._turn_away(group, member, ErrorCode.UNKNOWN_MEMBER_ID, "", out)
        self._remove(group, member_id)

    def _turn_away(
        self, group: Group, member: Member, code: ErrorCode, member_id: str, out: Decision
    ) -> None:
        """Answers the member's requests that wait."""
        join = group.take_join(member)
        if join is not None:
            out.reply(join, answers.join_refused(join, code, member_id))
        if member.sync is not None:
            out.reply(member.sync, SyncGroupResponse(error_code=code))
            member.sync = None

    def _remove(self, group: Group, member_id: str) -> None:
        group.remove(member_id)
        self._sessions.forget(group, member_id)

    # --- what the log says ------------------------------------------------------------------

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
                    self._heard_of(group, member, now_ms)
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
                self._heard_of(group, member, heard_ms)
            if len(group.members) > self._limits.max_size:
                self._prepare(group, now_ms, self.due)

    def unload(self) -> None:
        for group in tuple(self._groups.values()):
            for member in group.members.values():
                self._turn_away(group, member, ErrorCode.NOT_COORDINATOR, member.id, self.due)
            self.forget(group.id)

    def forget(self, group_id: str) -> None:
        group = self._groups.pop(group_id, None)
        if group is None:
            return
        self._sessions.forget_all(group)
        self._stop_sync_timer(group)
        if group.join_timer is not None:
            group.join_timer.cancel()
        group.enter(State.DEAD, group.since_ms)


def _rebalance_timeout(request: Request) -> int:
    """Version 0 has none of its own."""
    body = request.body
    timeout: int = body.session_timeout_ms if request.version == 0 else body.rebalance_timeout_ms
    return timeout


def _sync_error(request: Request, group: Group | None) -> ErrorCode:
    body = request.body
    named = body.protocol_type is not None and body.protocol_name is not None
    if request.version >= NAMES_PROTOCOL and not named:
        return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    if not body.group_id:
        return ErrorCode.INVALID_GROUP_ID
    if group is None or group.state is State.EMPTY:
        return ErrorCode.UNKNOWN_MEMBER_ID
    code = group.validate(body.member_id, body.group_instance_id)
    if code:
        return code
    if body.generation_id != group.generation:
        return ErrorCode.ILLEGAL_GENERATION
    if _differ(body.protocol_type, group.protocol_type) or _differ(
        body.protocol_name, group.protocol
    ):
        return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    if group.state is State.PREPARING_REBALANCE:
        return ErrorCode.REBALANCE_IN_PROGRESS
    return ErrorCode.NONE


def _differ(said: str | None, ours: str | None) -> bool:
    return said is not None and ours is not None and said != ours
