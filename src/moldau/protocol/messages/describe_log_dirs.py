"""DescribeLogDirs (API key 35)."""

from __future__ import annotations

from moldau.protocol import schema as s


class DescribableLogDirTopic(s.Struct):
    topic: str = s.string()
    partitions: list[int] = s.array("int32")


class DescribeLogDirsRequest(s.Message, versions="1-5", flexible="2+", key=35):
    topics: list[DescribableLogDirTopic] | None = s.array(
        DescribableLogDirTopic, nullable="0+", default=()
    )


class DescribeLogDirsPartition(s.Struct):
    partition_index: int = s.int32()
    partition_size: int = s.int64()
    offset_lag: int = s.int64()
    is_future_key: bool = s.boolean()


class DescribeLogDirsTopic(s.Struct):
    name: str = s.string()
    partitions: list[DescribeLogDirsPartition] = s.array(DescribeLogDirsPartition)


class DescribeLogDirsResult(s.Struct):
    error_code: int = s.int16()
    log_dir: str = s.string()
    topics: list[DescribeLogDirsTopic] = s.array(DescribeLogDirsTopic)
    total_bytes: int = s.int64("4+", default=-1)
    usable_bytes: int = s.int64("4+", default=-1)
    is_cordoned: bool = s.boolean("5+")


class DescribeLogDirsResponse(s.Message, versions="1-5", flexible="2+", key=35):
    throttle_time_ms: int = s.int32()
    error_code: int = s.int16("3+")
    results: list[DescribeLogDirsResult] = s.array(DescribeLogDirsResult)
