"""Records of the metadata log `__cluster_metadata`, by their type."""

from __future__ import annotations

from moldau.protocol import schema as s


class AbortTransactionRecord(s.Message, versions="0", flexible="0+", key=25):
    reason: str | None = s.string("0+", nullable="0+", tag=0, default=None)


class AccessControlEntryRecord(s.Message, versions="0", flexible="0+", key=18):
    id: bytes = s.uuid()
    resource_type: int = s.int8()
    resource_name: str = s.string()
    pattern_type: int = s.int8()
    principal: str = s.string()
    host: str = s.string()
    operation: int = s.int8()
    permission_type: int = s.int8()


class BeginTransactionRecord(s.Message, versions="0", flexible="0+", key=23):
    name: str | None = s.string("0+", nullable="0+", tag=0, default=None)


class BrokerRegistrationChangeRecord(s.Message, versions="0-3", flexible="0+", key=17):
    broker_id: int = s.int32()
    broker_epoch: int = s.int64()
    fenced: int = s.int8("0+", tag=0)
    in_controlled_shutdown: int = s.int8("1+", tag=1)
    log_dirs: list[bytes] = s.array("uuid", "2+", tag=2)
    cordoned_log_dirs: list[bytes] | None = s.array("uuid", "3+", nullable="3+", tag=3)


class ClearElrRecord(s.Message, versions="0", flexible="0+", key=28):
    topic_name: str = s.string()


class EntityData(s.Struct):
    entity_type: str = s.string()
    entity_name: str | None = s.string(nullable="0+")


class ClientQuotaRecord(s.Message, versions="0", flexible="0+", key=14):
    entity: list[EntityData] = s.array(EntityData)
    key: str = s.string()
    value: float = s.float64()
    remove: bool = s.boolean()


class ConfigRecord(s.Message, versions="0", flexible="0+", key=4):
    resource_type: int = s.int8()
    resource_name: str = s.string()
    name: str = s.string()
    value: str | None = s.string(nullable="0+")


class DelegationTokenRecord(s.Message, versions="0", flexible="0+", key=10):
    owner: str = s.string()
    requester: str = s.string()
    renewers: list[str] = s.array("string")
    issue_timestamp: int = s.int64()
    max_timestamp: int = s.int64()
    expiration_timestamp: int = s.int64()
    token_id: str = s.string()


class EndTransactionRecord(s.Message, versions="0", flexible="0+", key=24):
    pass


class FeatureLevelRecord(s.Message, versions="0", flexible="0+", key=12):
    name: str = s.string()
    feature_level: int = s.int16()


class FenceBrokerRecord(s.Message, versions="0", flexible="0+", key=7):
    id: int = s.int32()
    epoch: int = s.int64()


class NoOpRecord(s.Message, versions="0", flexible="0+", key=20):
    pass


class PartitionChangeRecord(s.Message, versions="0-2", flexible="0+", key=5):
    partition_id: int = s.int32(default=-1)
    topic_id: bytes = s.uuid()
    isr: list[int] | None = s.array("int32", "0+", nullable="0+", tag=0)
    leader: int = s.int32("0+", tag=1, default=-2)
    replicas: list[int] | None = s.array("int32", "0+", nullable="0+", tag=2)
    removing_replicas: list[int] | None = s.array("int32", "0+", nullable="0+", tag=3)
    adding_replicas: list[int] | None = s.array("int32", "0+", nullable="0+", tag=4)
    leader_recovery_state: int = s.int8("0+", tag=5, default=-1)
    directories: list[bytes] | None = s.array("uuid", "1+", nullable="1+", tag=8)
    eligible_leader_replicas: list[int] | None = s.array("int32", "2+", nullable="2+", tag=6)
    last_known_elr: list[int] | None = s.array("int32", "2+", nullable="2+", tag=7)


class PartitionRecord(s.Message, versions="0-2", flexible="0+", key=3):
    partition_id: int = s.int32(default=-1)
    topic_id: bytes = s.uuid()
    replicas: list[int] = s.array("int32")
    isr: list[int] = s.array("int32")
    removing_replicas: list[int] = s.array("int32")
    adding_replicas: list[int] = s.array("int32")
    leader: int = s.int32(default=-1)
    leader_recovery_state: int = s.int8("0+", tag=0)
    leader_epoch: int = s.int32(default=-1)
    partition_epoch: int = s.int32(default=-1)
    directories: list[bytes] = s.array("uuid", "1+")
    eligible_leader_replicas: list[int] | None = s.array("int32", "2+", nullable="2+", tag=1)
    last_known_elr: list[int] | None = s.array("int32", "2+", nullable="2+", tag=2)


class ProducerIdsRecord(s.Message, versions="0", flexible="0+", key=15):
    broker_id: int = s.int32()
    broker_epoch: int = s.int64(default=-1)
    next_producer_id: int = s.int64()


class BrokerEndpoint(s.Struct):
    name: str = s.string()
    host: str = s.string()
    port: int = s.uint16()
    security_protocol: int = s.int16()


class BrokerFeature(s.Struct):
    name: str = s.string()
    min_supported_version: int = s.int16()
    max_supported_version: int = s.int16()


class RegisterBrokerRecord(s.Message, versions="0-4", flexible="0+", key=0):
    broker_id: int = s.int32()
    is_migrating_zk_broker: bool = s.boolean("2+")
    incarnation_id: bytes = s.uuid()
    broker_epoch: int = s.int64()
    end_points: list[BrokerEndpoint] = s.array(BrokerEndpoint)
    features: list[BrokerFeature] = s.array(BrokerFeature)
    rack: str | None = s.string(nullable="0+")
    fenced: bool = s.boolean(default=True)
    in_controlled_shutdown: bool = s.boolean("1+")
    log_dirs: list[bytes] = s.array("uuid", "3+", tag=0)
    cordoned_log_dirs: list[bytes] | None = s.array("uuid", "4+", nullable="4+", tag=1)


class ControllerEndpoint(s.Struct):
    name: str = s.string()
    host: str = s.string()
    port: int = s.uint16()
    security_protocol: int = s.int16()


class ControllerFeature(s.Struct):
    name: str = s.string()
    min_supported_version: int = s.int16()
    max_supported_version: int = s.int16()


class RegisterControllerRecord(s.Message, versions="0", flexible="0+", key=27):
    controller_id: int = s.int32()
    incarnation_id: bytes = s.uuid()
    zk_migration_ready: bool = s.boolean()
    end_points: list[ControllerEndpoint] = s.array(ControllerEndpoint)
    features: list[ControllerFeature] = s.array(ControllerFeature)


class RemoveAccessControlEntryRecord(s.Message, versions="0", flexible="0+", key=19):
    id: bytes = s.uuid()


class RemoveDelegationTokenRecord(s.Message, versions="0", flexible="0+", key=26):
    token_id: str = s.string()


class RemoveTopicRecord(s.Message, versions="0", flexible="0+", key=9):
    topic_id: bytes = s.uuid()


class RemoveUserScramCredentialRecord(s.Message, versions="0", flexible="0+", key=22):
    name: str = s.string()
    mechanism: int = s.int8()


class TopicRecord(s.Message, versions="0", flexible="0+", key=2):
    name: str = s.string()
    topic_id: bytes = s.uuid()


class UnfenceBrokerRecord(s.Message, versions="0", flexible="0+", key=8):
    id: int = s.int32()
    epoch: int = s.int64()


class UnregisterBrokerRecord(s.Message, versions="0", flexible="0+", key=1):
    broker_id: int = s.int32()
    broker_epoch: int = s.int64()


class UserScramCredentialRecord(s.Message, versions="0", flexible="0+", key=11):
    name: str = s.string()
    mechanism: int = s.int8()
    salt: bytes = s.raw()
    stored_key: bytes = s.raw()
    server_key: bytes = s.raw()
    iterations: int = s.int32()


class ZkMigrationStateRecord(s.Message, versions="0", flexible="0+", key=21):
    zk_migration_state: int = s.int8()
