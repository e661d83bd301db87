"""Which segments of a log have served their time (UnifiedLog.deleteOldSegments)."""

from __future__ import annotations

from collections.abc import Sequence

from moldau.storage.config import LogConfig
from moldau.storage.segment import Segment


def expired(
    segments: Sequence[Segment],
    config: LogConfig,
    log_start_offset: int,
    log_end_offset: int,
    now_ms: int,
) -> int:
    """How many of the oldest segments go. The newest goes only by time or size, not when empty."""
    excess = sum(segment.size for segment in segments) - config.retention_bytes
    count = 0
    for segment in segments:
        following = segments[count + 1] if count + 1 < len(segments) else None
        if following is None and segment.size == 0:
            break
        before_start = following is not None and following.base_offset <= log_start_offset
        if not before_start and not _breached(segment, config, excess, now_ms):
            break
        excess -= segment.size
        count += 1
    return count


def _breached(segment: Segment, config: LogConfig, excess: int, now_ms: int) -> bool:
    if not config.is_deleting:
        return False
    if config.retention_bytes >= 0 and excess >= segment.size:
        return True
    return 0 <= config.retention_ms < now_ms - segment.largest_timestamp


def deadline_ms(segments: Sequence[Segment], config: LogConfig) -> int | None:
    """When the oldest segment will have served its time; None: it will not by time alone."""
    oldest = segments[0]
    if not config.is_deleting or config.retention_ms < 0 or oldest.size == 0:
        return None
    return oldest.largest_timestamp + config.retention_ms + 1
