"""Keys and values of the records of `__consumer_offsets` (classic groups)."""

from __future__ import annotations

from moldau.protocol import schema as s


class OffsetCommitKey(s.Message, versions="0", key=1):
    group: str = s.string()
    topic: str = s.string()
    partition: int = s.int32()


class OffsetCommitValue(s.Message, versions="0-4", flexible="4+", key=1):
    offset: int = s.int64()
    leader_epoch: int = s.int32("3+", default=-1)
    metadata: str = s.string()
    commit_timestamp: int = s.int64()
    expire_timestamp: int = s.int64("1", default=-1)
    topic_id: bytes = s.uuid("4+", tag=0)


class GroupMetadataKey(s.Message, versions="0", key=2):
    group: str = s.string()


class MemberMetadata(s.Struct):
    member_id: str = s.string()
    group_instance_id: str | None = s.string("3+", nullable="3+", default=None)
    client_id: str = s.string()
    client_host: str = s.string()
    rebalance_timeout: int = s.int32("1+", default=-1)
    session_timeout: int = s.int32()
    subscription: bytes = s.raw()
    assignment: bytes = s.raw()


class GroupMetadataValue(s.Message, versions="0-4", flexible="4+", key=2):
    protocol_type: str = s.string()
    generation: int = s.int32()
    protocol: str | None = s.string(nullable="0+")
    leader: str | None = s.string(nullable="0+")
    current_state_timestamp: int = s.int64("2+", default=-1)
    members: list[MemberMetadata] = s.array(MemberMetadata)


class LegacyOffsetCommitKey(s.Message, versions="0", key=0):
    group: str = s.string()
    topic: str = s.string()
    partition: int = s.int32()


class LegacyOffsetCommitValue(s.Message, versions="0", key=0):
    offset: int = s.int64()
    metadata: str = s.string()
    commit_timestamp: int = s.int64()
