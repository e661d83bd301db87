"""Keys and values of control records."""

from __future__ import annotations

from moldau.protocol import schema as s


class ControlRecordTypeSchema(s.Message, versions="0"):
    type: int = s.int16()


class EndTxnMarker(s.Message, versions="0"):
    coordinator_epoch: int = s.int32()


class Voter(s.Struct):
    voter_id: int = s.int32()
    voter_directory_id: bytes = s.uuid("1+")


class LeaderChangeMessage(s.Message, versions="0-1", flexible="0+"):
    version: int = s.int16()
    leader_id: int = s.int32()
    voters: list[Voter] = s.array(Voter)
    granting_voters: list[Voter] = s.array(Voter)


class SnapshotHeaderRecord(s.Message, versions="0", flexible="0+"):
    version: int = s.int16()
    last_contained_log_timestamp: int = s.int64()


class SnapshotFooterRecord(s.Message, versions="0", flexible="0+"):
    version: int = s.int16()


class KRaftVersionRecord(s.Message, versions="0", flexible="0+"):
    version: int = s.int16()
    k_raft_version: int = s.int16()


class Endpoint(s.Struct):
    name: str = s.string()
    host: str = s.string()
    port: int = s.uint16()


class KRaftVersionFeature(s.Struct):
    min_supported_version: int = s.int16()
    max_supported_version: int = s.int16()


class VotersRecordVoter(s.Struct):
    voter_id: int = s.int32()
    voter_directory_id: bytes = s.uuid()
    endpoints: list[Endpoint] = s.array(Endpoint)
    k_raft_version_feature: KRaftVersionFeature = s.struct(KRaftVersionFeature)


class VotersRecord(s.Message, versions="0", flexible="0+"):
    version: int = s.int16()
    voters: list[VotersRecordVoter] = s.array(VotersRecordVoter)
