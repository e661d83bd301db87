"""What members ask: JoinGroup, SyncGroup, Heartbeat, LeaveGroup. The checks and their order are
Apache Kafka's (GroupMetadataManager, the `classicGroup` methods)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from moldau.broker.groups import answers
from moldau.broker.groups.group import Group, Member, Protocols, State, distinct
from moldau.broker.groups.limits import NEW_MEMBER_JOIN_TIMEOUT_MS, Limits
from moldau.broker.groups.rebalance import Rebalance
from moldau.broker.groups.records import group_key, group_value, too_long
from moldau.broker.replicated import Decision, Reply
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.consumer_offsets import GroupMetadataValue
from moldau.protocol.messages.heartbeat import HeartbeatResponse
from moldau.protocol.messages.leave_group import LeaveGroupResponse, MemberResponse
from moldau.protocol.messages.sync_group import SyncGroupResponse

if TYPE_CHECKING:
    from moldau.broker.request import Request
    from moldau.protocol.messages.leave_group import MemberIdentity

REQUIRES_MEMBER_ID = 4  # first JoinGroup version in which a member gets its id before it joins
SKIPS_ASSIGNMENT = 9
NAMES_PROTOCOL = 5  # first SyncGroup version that must name the protocol


class Membership:
    """Of a shard's groups."""

    def __init__(
        self,
        groups: dict[str, Group],
        limits: Limits,
        rebalance: Rebalance,
        new_uuid: Callable[[], str],
    ) -> None:
        self._groups = groups
        self._limits = limits
        self._rebalance = rebalance
        self._new_uuid = new_uuid

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
        self._store_new(request, group, out)  # also when the member is refused, as in Kafka
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
            self._rebalance.forget(group.id)
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
            self._rebalance.remove(group, body.member_id)
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
            self._rebalance.sessions.expect(group, member_id, now_ms + body.session_timeout_ms)
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
        self._rebalance.sessions.expect(group, member_id, now_ms + NEW_MEMBER_JOIN_TIMEOUT_MS)
        self._rebalance.rebalance(group, now_ms, out)

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
        self._rebalance.turn_away(group, member, ErrorCode.REBALANCE_IN_PROGRESS, member.id, out)
        timeout = _rebalance_timeout(request)
        group.update(member, protocols, timeout, request.body.session_timeout_ms, request)
        self._rebalance.rebalance(group, now_ms, out)

    # --- static members (KIP-345) -----------------------------------------------------------

    def _replace_static(
        self, request: Request, group: Group, member_id: str, protocols: Protocols, now_ms: int,
        out: Decision,
    ) -> None:  # fmt: skip
        """The instance has come again without its member id: whoever still uses that is fenced."""
        body = request.body
        old_leader = group.leader
        old = group.members[group.static[body.group_instance_id]]
        self._rebalance.turn_away(group, old, ErrorCode.FENCED_INSTANCE_ID, old.id, out)
        new = group.replace(old, member_id)
        self._rebalance.sessions.forget(group, old.id)
        self._rebalance.sessions.expect(group, new.id, now_ms + new.session_timeout_ms)
        timeout = _rebalance_timeout(request)
        group.update(new, protocols, timeout, body.session_timeout_ms, request)
        if group.state is State.STABLE and group.select_protocol() == group.protocol:
            self._store_replaced(request, group, old, new, old_leader, now_ms, out)
        elif group.state is State.PREPARING_REBALANCE:
            self._rebalance.complete_if_all_joined(group, now_ms, out)
        else:
            # While the leader assigns, it may have been given the old member id.
            self._rebalance.prepare(group, now_ms, out)

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
            self._rebalance.sessions.forget(group, new.id)
            self._rebalance.sessions.expect(group, old.id, now_ms + old.session_timeout_ms)
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
            self._rebalance.stop_sync_timer(group)
        member = group.members[body.member_id]
        if group.state is State.STABLE:
            out.reply(request, answers.synced(group, member.assignment))
            return out
        self._rebalance.turn_away(group, member, ErrorCode.REBALANCE_IN_PROGRESS, member.id, out)
        member.sync = request
        if group.leader == member.id:
            given = {a.member_id: a.assignment for a in body.assignments}
            assignments = {id: given.get(id, b"") for id in group.members}
            self._rebalance.store_generation(group, assignments, now_ms, out)
        return out

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
                self._rebalance.heard_of(group, group.members[body.member_id], now_ms)
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
                self._rebalance.complete_if_all_joined(group, now_ms, out)
            elif group.state is not State.EMPTY:
                self._rebalance.prepare(group, now_ms, out)
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
        self._rebalance.expel(group, member_id, out)
        return ErrorCode.NONE

    # --- sessions ---------------------------------------------------------------------------

    def heard_of(self, group: Group, member_id: str, now_ms: int) -> None:
        """An OffsetCommit of a member keeps its session too."""
        member = group.members.get(member_id)
        if member is not None and group.state in (State.STABLE, State.PREPARING_REBALANCE):
            self._rebalance.heard_of(group, member, now_ms)


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
