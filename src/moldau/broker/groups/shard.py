"""One partition of `__consumer_offsets` as a machine: the groups whose ids hash to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from moldau.broker.groups import records
from moldau.broker.groups.answers import coordinator_error
from moldau.broker.groups.expiry import Expiry
from moldau.broker.groups.group import Group, State
from moldau.broker.groups.limits import Limits
from moldau.broker.groups.membership import Membership
from moldau.broker.groups.offsets import Offsets, commit_error, delete_error
from moldau.broker.groups.rebalance import Rebalance
from moldau.broker.groups.records import Offset, group_key, offset_key
from moldau.broker.replicated import Decision, KeyValue, Reply
from moldau.broker.timers import Timers
from moldau.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from moldau.broker.request import Request
    from moldau.protocol.messages.offset_commit import (
        OffsetCommitRequestPartition,
        OffsetCommitRequestTopic,
        OffsetCommitResponse,
    )
    from moldau.protocol.messages.offset_delete import (
        OffsetDeleteRequestTopic,
        OffsetDeleteResponse,
    )


FOREVER = (1 << 63) - 1


class Shard:
    """It begins as one that is being loaded: `replay` the log, then call `loaded`."""

    def __init__(self, limits: Limits, new_uuid: Callable[[], str]) -> None:
        self.groups: dict[str, Group] = {}
        self.offsets = Offsets()
        self.unknown: Counter[int] = Counter()  # records that nothing here reads, by type
        self.loading = True
        self._limits = limits
        self._timers = Timers()
        self._rebalance = Rebalance(self.groups, limits, self._timers)
        self.membership = Membership(self.groups, limits, self._rebalance, new_uuid)
        self._expiry = Expiry(self.groups, self.offsets, limits, self._timers, self._expired)

    # --- the machine ------------------------------------------------------------------------

    def replay(
        self, key: bytes | None, value: bytes | None, offset: int, timestamp_ms: int
    ) -> None:
        kind = records.MALFORMED if key is None else records.record_type(key)
        if key is None or kind not in (0, 1, 2):
            self.unknown[kind] += 1
        elif kind == records.GROUP_METADATA:
            self._replay_group(key, value, timestamp_ms)
        else:
            self._replay_offset(key, value, timestamp_ms)

    def _replay_offset(self, key: bytes, value: bytes | None, timestamp_ms: int) -> None:
        group, topic, partition = records.read_offset_key(key)
        if value is None:
            self.offsets.remove(group, topic, partition)
            return
        if group not in self.groups:
            # A simple group: somebody who only keeps offsets here.
            self.groups[group] = Group(group, timestamp_ms)
        offset = records.read_offset_value(value)
        self.offsets.put(group, topic, partition, offset)
        if not self.loading:
            self._expiry.committed(offset.commit_timestamp, offset.expire_timestamp)

    def _replay_group(self, key: bytes, value: bytes | None, timestamp_ms: int) -> None:
        group_id = records.read_group_key(key)
        stored = None if value is None else records.read_group_value(value)
        if self.loading:
            self._rebalance.load(group_id, stored)
            return
        self._rebalance.replay(group_id, stored, timestamp_ms)
        if stored is not None:
            # It may have become empty, or have left a topic whose offsets are old.
            self._expiry.check_at(timestamp_ms)

    def loaded(self, heard_ms: int, now_ms: int) -> Decision:
        """The log has been replayed. Members' sessions began at `heard_ms`: from then on they
        could have been heard of."""
        for group_id in self.offsets.by_group:
            if group_id not in self.groups:
                self.groups[group_id] = Group(group_id, now_ms)
        self.loading = False
        self._expiry.start(now_ms)
        self._rebalance.loaded(heard_ms, now_ms)
        return self._take_due()

    def unloaded(self) -> Decision:
        """The partition is no longer ours: who waits is sent to look for its coordinator."""
        self._rebalance.unload()
        return self._take_due()

    def tick(self, now_ms: int) -> Decision:
        self._timers.run(now_ms)
        return self._take_due()

    def deadline(self) -> int | None:
        return self._timers.next_deadline()

    def clock_moved(self, by_ms: int) -> None:
        """The clock was set: no member was silent for longer, or for less, because of that."""
        self._timers.clock_moved(by_ms)
        for group in self.groups.values():
            for session in group.sessions.values():
                session.deadline_ms += by_ms
        self._expiry.clock_moved(by_ms)

    def _expired(self, tombstones: list[KeyValue]) -> None:
        self._rebalance.due.records += tombstones

    def _take_due(self) -> Decision:
        due = self._rebalance.due
        self._rebalance.due = Decision()
        if due.records:
            due.refused = partial(self._not_written, due.replies)
        return due

    def _not_written(self, replies: list[Reply], code: ErrorCode) -> list[Reply]:
        """That a group is empty, or what has expired. Nobody waits for that: the replies are to
        members of other groups."""
        self._expiry.refused()
        return replies

    # --- offsets and groups -----------------------------------------------------------------

    def commit(
        self,
        request: Request,
        topics: list[OffsetCommitRequestTopic],
        answer: Callable[
            [Callable[[OffsetCommitRequestPartition], ErrorCode]], OffsetCommitResponse
        ],
        now_ms: int,
    ) -> Decision:
        """Commits for partitions that exist; the topics have name and id. `answer` makes the
        response, given the error code of each partition."""
        body = request.body
        group = self.groups.get(body.group_id)
        code = commit_error(request, group)
        if code:
            return Decision(replies=[(request, answer(lambda _: code))])
        if group is not None:
            self.membership.heard_of(group, body.member_id, now_ms)
        expires = (
            -1 if body.retention_time_ms < 0 else min(now_ms + body.retention_time_ms, FOREVER)
        )
        decided: list[KeyValue] = []
        for topic in topics:
            for p in topic.partitions:
                if self._metadata_error(p):
                    continue
                offset = Offset(
                    p.committed_offset,
                    p.committed_leader_epoch,
                    p.committed_metadata or "",
                    now_ms,
                    expires,
                    topic.topic_id,
                )
                key = offset_key(body.group_id, topic.name, p.partition_index)
                decided.append((key, records.offset_value(offset)))
        return Decision(
            decided,
            [(request, answer(self._metadata_error))],
            lambda code: [(request, answer(lambda _: coordinator_error(code)))],
        )

    def _metadata_error(self, partition: OffsetCommitRequestPartition) -> ErrorCode:
        metadata = partition.committed_metadata
        limit = self._limits.max_metadata
        # Java counts UTF-16 units: at most twice what Python counts.
        if metadata and len(metadata) * 2 > limit and len(metadata.encode("utf-16-le")) > 2 * limit:
            return ErrorCode.OFFSET_METADATA_TOO_LARGE
        return ErrorCode.NONE

    def delete_offsets(
        self,
        request: Request,
        topics: list[OffsetDeleteRequestTopic],
        answer: Callable[[ErrorCode, Callable[[str], bool]], OffsetDeleteResponse],
    ) -> Decision:
        """Deletes offsets of partitions that exist. `answer` makes the response, given the error
        of all, and which topics the group subscribes to."""
        group_id = request.body.group_id
        group = self.groups.get(group_id)
        code = delete_error(group) if group_id else ErrorCode.INVALID_GROUP_ID
        if code or group is None:
            return Decision(replies=[(request, answer(code, lambda _: False))])
        decided: list[KeyValue] = [
            (offset_key(group_id, topic.name, p.partition_index), None)
            for topic in topics
            if not group.subscribes(topic.name)
            for p in topic.partitions
            if self.offsets.get(group_id, topic.name, p.partition_index) is not None
        ]
        return Decision(
            decided,
            [(request, answer(ErrorCode.NONE, group.subscribes))],
            lambda code: [(request, answer(coordinator_error(code), lambda _: False))],
        )

    def delete_group(self, group_id: str) -> tuple[ErrorCode, list[KeyValue]]:
        """Why the group cannot be deleted, or the records that do it."""
        group = self.groups.get(group_id)
        if group is None:
            return ErrorCode.GROUP_ID_NOT_FOUND, []
        if group.state is not State.EMPTY:
            return ErrorCode.NON_EMPTY_GROUP, []
        return ErrorCode.NONE, [*self.offsets.tombstones(group_id), (group_key(group_id), None)]

    def topics_deleted(self, topics: Iterable[tuple[str, bytes]]) -> list[KeyValue]:
        """The records that drop the offsets of topics (name and id) that are no more."""
        return [(offset_key(*place), None) for place in self.offsets.of_topics(topics)]
