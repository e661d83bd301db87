"""What a log needs to know of its topic's configuration, under Kafka's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from moldau.protocol.compression import Codec

FOREVER = (1 << 63) - 1
DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class LogConfig:
    """Defaults are Apache Kafka's (LogConfig.java). Sizes in bytes, times in milliseconds.

    `preallocate` has no effect: segments grow as they are written.
    """

    segment_bytes: int = 1024 * 1024 * 1024
    segment_ms: int = 7 * DAY_MS
    segment_jitter_ms: int = 0
    segment_index_bytes: int = 10 * 1024 * 1024
    index_interval_bytes: int = 4096
    retention_ms: int = 7 * DAY_MS
    retention_bytes: int = -1
    file_delete_delay_ms: int = 60_000
    cleanup_policy: frozenset[str] = frozenset({"delete"})
    max_message_bytes: int = 1024 * 1024 + 12
    compression_type: str = "producer"
    compression_gzip_level: int = -1
    compression_lz4_level: int = 9
    compression_zstd_level: int = 3
    message_timestamp_type: str = "CreateTime"
    message_timestamp_before_max_ms: int = FOREVER
    message_timestamp_after_max_ms: int = 60 * 60 * 1000
    preallocate: bool = False
    flush_messages: int = FOREVER
    flush_ms: int = FOREVER
    # Asked for every batch, so they are worked out once. Are its records looked at, one by one,
    # before it is appended?
    opens_batches: bool = field(init=False, default=False)
    # May it be taken by its header alone? (Its max timestamp is checked apart.)
    passes_batches_through: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        opens = (
            self.compression_type != "producer"
            or self.is_compacted
            or self.message_timestamp_before_max_ms != FOREVER
        )
        plain = not opens and self.message_timestamp_type == "CreateTime"
        object.__setattr__(self, "opens_batches", opens)
        object.__setattr__(self, "passes_batches_through", plain)

    @classmethod
    def of_topic(cls, values: Mapping[str, Any]) -> LogConfig:
        """From the typed values of a topic (`protocol.config.topic`); what is missing or None
        keeps its default."""
        known: dict[str, Any] = {}
        for one in fields(cls):
            value = values.get(one.name.replace("_", "."))
            if value is not None and one.init:
                known[one.name] = frozenset(value) if one.name == "cleanup_policy" else value
        return cls(**known)

    @property
    def is_compacted(self) -> bool:
        return "compact" in self.cleanup_policy

    @property
    def is_deleting(self) -> bool:
        return "delete" in self.cleanup_policy

    @property
    def uses_append_time(self) -> bool:
        return self.message_timestamp_type == "LogAppendTime"

    def target_codec(self, source: int) -> int:
        """The codec in which a batch of codec `source` is kept."""
        if self.compression_type == "producer":
            return source
        if self.compression_type == "uncompressed":
            return Codec.NONE
        return Codec[self.compression_type.upper()]

    def level(self, codec: int) -> int | None:
        """The compression level; None where the codec has none or its own default is meant."""
        if codec == Codec.GZIP:
            return None if self.compression_gzip_level == -1 else self.compression_gzip_level
        if codec == Codec.LZ4:
            return self.compression_lz4_level
        return self.compression_zstd_level if codec == Codec.ZSTD else None
