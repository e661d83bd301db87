"""The data folder: who owns it, the logs in it, their checkpoints, and what is to be removed.

Names and formats are Apache Kafka's (LogManager, MetaPropertiesEnsemble, CheckpointFile). Logs are
opened by whoever knows that their topic exists; opening after a clean stop scans nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from moldau.protocol import uuids
from moldau.protocol.files import (
    CorruptFile,
    MetaProperties,
    read_meta,
    read_offsets,
    read_partition_metadata,
    write_clean_shutdown,
    write_meta,
    write_offsets,
    write_partition_metadata,
)
from moldau.storage.config import FOREVER, LogConfig
from moldau.storage.disk import Disk, DiskError, DiskFull, read_file, replace_file
from moldau.storage.handles import OpenFiles
from moldau.storage.log import Log

LOCK_FILE = ".lock"
META_FILE = "meta.properties"
CLEAN_FILE = ".kafka_cleanshutdown"
RECOVERY_FILE = "recovery-point-offset-checkpoint"
START_FILE = "log-start-offset-checkpoint"
HIGH_WATERMARK_FILE = "replication-offset-checkpoint"
PARTITION_FILE = "partition.metadata"
NAME_LIMIT = 255
SYNC_TOGETHER = 8  # from so many logs on, one sync of the volume is cheaper

Key = tuple[str, int]


class FolderError(Exception):
    """The folder can't be used. The text says which, why and what to do."""


class Settings(Protocol):
    """What the folder needs to know of how the broker was started."""

    @property
    def node_id(self) -> int: ...

    @property
    def cluster_id(self) -> str | None: ...

    @property
    def broker(self) -> Mapping[str, Any]: ...


class LogManager:
    """`deadline` is when `tick` should be called at the latest (ms); None: no reason to."""

    def __init__(
        self,
        disk: Disk,
        data_dir: str,
        meta: MetaProperties,
        release: Callable[[], None],
        now_ms: int,
        report: Callable[[str], None],
        broker: Mapping[str, Any],
        open_files: int,
    ) -> None:
        self.data_dir = data_dir
        self.cluster_id = meta.cluster_id
        self.node_id = meta.node_id
        self.directory_id = uuids.from_text(meta.directory_id or "")
        self.logs: dict[Key, Log] = {}
        self.deadline: int | None = None
        self.is_begun = False
        self.sync_failed = False
        self.broker_epoch = -1  # of this run; a clean stop leaves it for Apache Kafka (KIP-966)
        self.disk = disk
        self._release = release
        self._report = report
        self._now_ms = now_ms
        self._files = OpenFiles(disk, open_files)
        self._expiration_ms: int = broker["producer.id.expiration.ms"]
        self._checkpoint_ms: int = broker["log.flush.offset.checkpoint.interval.ms"]
        self._first_check_ms: int = now_ms + broker["log.initial.task.delay.ms"]
        self._check_ms: int = broker["log.retention.check.interval.ms"]
        self._changed: dict[Log, None] = {}
        self._wanted_syncs: dict[Log, None] = {}
        self._retention: dict[Log, int] = {}  # when it is looked at next
        self._removals: dict[Log, int] = {}  # when files that retention renamed go
        self._flushes: dict[Log, int] = {}  # by flush.ms
        self._doomed: list[tuple[int, str]] = []
        self._counter = 0
        self._checkpoint_due: int | None = None
        self.was_clean = disk.stat(self._path(CLEAN_FILE)) is not None
        # What the two files on disk say, and what they are to say; the starts are those of logs
        # that are not open.
        self._stored_points = self._read_offsets(RECOVERY_FILE)
        self._stored_starts = self._read_offsets(START_FILE)
        self._recovery_points = dict(self._stored_points)
        self._start_offsets = dict(self._stored_starts)

    @classmethod
    def open(
        cls,
        disk: Disk,
        data_dir: str,
        settings: Settings,
        now_ms: int,
        report: Callable[[str], None],
        randbytes: Callable[[int], bytes],
        *,
        open_files: int = 2000,
    ) -> LogManager:
        """Takes the folder for this process, to have at most so many of its files open. Nobody has
        looked at what is in it yet: `begin` is for when it is known that it can be used. Raises
        FolderError or DiskError."""
        disk.mkdir(data_dir)
        release = disk.lock(f"{data_dir}/{LOCK_FILE}")
        if release is None:
            raise FolderError(
                f"The folder {data_dir} is in use by another broker. Stop that one, or choose"
                f" another folder with --data."
            )
        try:
            meta = _own(disk, data_dir, settings, randbytes)
            return cls(disk, data_dir, meta, release, now_ms, report, settings.broker, open_files)
        except BaseException:
            release()
            raise

    def begin(self) -> None:
        """From here on, only a clean stop makes the folder clean again."""
        self.is_begun = True
        if self.was_clean:
            self.disk.remove(self._path(CLEAN_FILE))
            self.disk.sync_dir(self.data_dir)
        for entry in self.disk.list(self.data_dir):
            if entry.is_directory and entry.name.endswith("-delete"):
                self._doom(self._path(entry.name), self._now_ms)

    def _path(self, name: str) -> str:
        return f"{self.data_dir}/{name}"

    # --- logs -------------------------------------------------------------------------------

    def get(self, topic: str, partition: int) -> Log | None:
        return self.logs.get((topic, partition))

    def was_synced(self, topic: str, partition: int) -> int:
        """Up to where that log was on the disk, as the last checkpoint knows."""
        return self._recovery_points.get((topic, partition), 0)

    def metadata_log(self, topic: str, config: LogConfig) -> Log:
        """The log of the cluster's metadata."""
        return self.open_or_create(topic, 0, bytes(15) + b"\x01", config, self._now_ms)

    def expire_producers_after(self, ms: int) -> None:
        """producer.id.expiration.ms, of all logs, from now on."""
        self._expiration_ms = ms
        for log in self.logs.values():
            log.producer_expiration_ms = ms

    def open_or_create(
        self, topic: str, partition: int, topic_id: bytes, config: LogConfig, now_ms: int
    ) -> Log:
        """The log of a partition; one that belongs to another topic of that name (by its id) is
        set aside as -stray, as in Kafka. Raises DiskError."""
        key = (topic, partition)
        log = self.logs.get(key)
        if log is not None:
            return log
        self._now_ms = now_ms
        directory = self._path(f"{topic}-{partition}")
        is_known = self._check_topic_id(directory, topic_id)
        # What is known was there, and what another topic had of that name is set aside.
        is_new = not is_known and self.disk.stat(directory) is None
        if is_new:
            self._forget(key)
        try:
            log = self._open(directory, key, config, now_ms)
            if not is_known:
                log.wrote(self._write_topic_id(directory, topic_id, is_new=is_new))
        except DiskError:
            if is_new:  # half a directory would pass for an old one whose name is on disk
                self._remove_directory(directory)
            raise
        log.producer_expiration_ms = self._expiration_ms
        log.changed = self._log_changed
        log.wants_sync = self._log_wants_sync
        self.logs[key] = log
        self._start_offsets.pop(key, None)
        if log.size:
            self._log_changed(log, now_ms)
        return log

    def _open(self, directory: str, key: Key, config: LogConfig, now_ms: int) -> Log:
        return Log.open(
            self._files,
            directory,
            *key,
            config,
            now_ms,
            recovery_point=self._recovery_points.get(key, 0),
            log_start_offset=self._start_offsets.get(key, 0),
            clean=self.was_clean,
            report=self._report,
        )

    def _forget(self, key: Key) -> None:
        """A log begins anew under this name. What the checkpoints on disk say of an earlier one
        would, after a crash, cut it or start it over at an offset that it never had."""
        self._recovery_points.pop(key, None)
        self._start_offsets.pop(key, None)
        if key in self._stored_points:
            self._write_recovery_points(sync=True)
        if key in self._stored_starts:
            self.checkpoint_start_offsets()

    def _write_topic_id(self, directory: str, topic_id: bytes, *, is_new: bool) -> str:
        """The path. There is nothing to lose in a directory that was just made."""
        path, content = f"{directory}/{PARTITION_FILE}", write_partition_metadata(topic_id)
        if is_new:
            self.disk.open(path, create=True).append((content,), 0)
        else:
            replace_file(self.disk, path, content, sync=False)
        return path

    def _check_topic_id(self, directory: str, topic_id: bytes) -> bool:
        """Does the directory say that it is this topic's? False: it does not say, or is new."""
        path = f"{directory}/{PARTITION_FILE}"
        if self.disk.stat(path) is None:
            return False
        try:
            found = read_partition_metadata(read_file(self.disk, path))
        except CorruptFile as error:
            self._report(f"{path}: {error}. It is written again.")
            return False
        if found == topic_id:
            return True
        self._set_aside(directory, f"its topic id is {uuids.to_text(found)}, not the current one")
        return False

    def set_aside_strays(self) -> None:
        """Every log that nobody has opened belongs to no topic: it is renamed to -stray. Call it
        when the logs of all known topics are open."""
        known = {f"{topic}-{partition}" for topic, partition in self.logs}
        for entry in self.disk.list(self.data_dir):
            stem, _, number = entry.name.rpartition("-")
            if entry.is_directory and stem and number.isdigit() and entry.name not in known:
                self._set_aside(self._path(entry.name), "no topic has this partition")
        for key in self._recovery_points.keys() - self.logs.keys():
            del self._recovery_points[key]
        self._start_offsets.clear()

    def _set_aside(self, directory: str, why: str) -> None:
        stray = self._unique(directory, "stray")
        self.disk.rename(directory, stray)
        self._report(f"{directory}: {why}; set aside as {stray}.")

    def _unique(self, directory: str, suffix: str) -> str:
        """topic-partition.uniqueid-suffix, as LocalLog names it, of at most 255 characters."""
        self._counter += 1
        tail = f".{self._now_ms:016x}{self._counter:016x}-{suffix}"
        name = directory.rpartition("/")[2]
        stem, _, number = name.rpartition("-")
        end = f"-{number}{tail}"
        return self._path(f"{stem[: NAME_LIMIT - len(end)]}{end}")

    def delete(self, topic: str, partition: int, now_ms: int) -> None:
        """The log is gone for everybody at once; its files go file.delete.delay.ms later."""
        log = self.logs.pop((topic, partition), None)
        if log is None:
            return
        self._now_ms = now_ms
        for known in (
            self._changed,
            self._wanted_syncs,
            self._retention,
            self._removals,
            self._flushes,
        ):
            known.pop(log, None)
        self._recovery_points.pop((topic, partition), None)
        log.delete(self._unique(log.directory, "delete"))
        self._doom(log.directory, now_ms + log.config.file_delete_delay_ms)
        self._checkpoint_at(now_ms)

    def _doom(self, directory: str, due_ms: int) -> None:
        self._doomed.append((due_ms, directory))
        self._wake_at(due_ms)

    # --- time -------------------------------------------------------------------------------

    def _log_changed(self, log: Log, now_ms: int) -> None:
        self._changed[log] = None
        self._checkpoint_at(now_ms)
        self._check_retention_at(log, now_ms)
        if log.config.flush_ms != FOREVER and log not in self._flushes:
            self._flushes[log] = now_ms + log.config.flush_ms
            self._wake_at(self._flushes[log])

    def _checkpoint_at(self, now_ms: int) -> None:
        if self._checkpoint_due is None:
            self._checkpoint_due = now_ms + self._checkpoint_ms
            self._wake_at(self._checkpoint_due)

    def _check_retention_at(self, log: Log, due_ms: int) -> None:
        """At the first look at or after `due_ms`: people who load old records count on the time
        between two looks (log.retention.check.interval.ms)."""
        looks = max(0, -(-(due_ms - self._first_check_ms) // self._check_ms))
        look_ms = self._first_check_ms + looks * self._check_ms
        if look_ms < self._retention.get(log, look_ms + 1):
            self._retention[log] = look_ms
            self._wake_at(look_ms)

    def _log_wants_sync(self, log: Log, _now_ms: int) -> None:
        self._wanted_syncs[log] = None

    def take_wanted_syncs(self) -> list[Log]:
        """Logs to sync although nobody waits: rolled, or by flush.messages and flush.ms."""
        wanted = list(self._wanted_syncs)
        self._wanted_syncs.clear()
        return wanted

    def _wake_at(self, due_ms: int) -> None:
        if self.deadline is None or due_ms < self.deadline:
            self.deadline = due_ms

    def tick(self, now_ms: int) -> int | None:
        """Retention, checkpoints and removals that are due. The next deadline; None when nothing
        will be due by itself: an idle broker sleeps."""
        self._now_ms = now_ms
        for log in _due(self._retention, now_ms):
            self.apply_retention(log, now_ms)
        for log in _due(self._removals, now_ms):
            self._remove_files(log, now_ms)
        if self._checkpoint_due is not None and self._checkpoint_due <= now_ms:
            self._checkpoint_due = None
            self._checkpoint(now_ms)
        for log in _due(self._flushes, now_ms):
            self._wanted_syncs[log] = None
            log.watch()
        self._remove_doomed(now_ms)
        self.deadline = self._next_deadline()
        return self.deadline

    def _next_deadline(self) -> int | None:
        due = [*self._retention.values(), *self._removals.values(), *self._flushes.values()]
        due += [one for one, _ in self._doomed]
        if self._checkpoint_due is not None:
            due.append(self._checkpoint_due)
        return min(due, default=None)

    def clock_moved(self, by_ms: int, now_ms: int) -> None:
        """The clock was set, to `now_ms`: what was due after a while still is. Retention goes by
        the date, so it looks at all its logs when it looks next."""
        self._first_check_ms += by_ms
        if self._checkpoint_due is not None:
            self._checkpoint_due += by_ms
        for waiting in (self._removals, self._flushes):
            for log in waiting:
                waiting[log] += by_ms
        self._doomed = [(due + by_ms, directory) for due, directory in self._doomed]
        logs, self._retention = self._retention, {}
        for log in logs:
            self._check_retention_at(log, now_ms)
        self.deadline = self._next_deadline()

    def apply_retention(self, log: Log, now_ms: int) -> None:
        try:
            due = log.apply_retention(now_ms)
        except DiskError as error:
            self._report(f"Retention of {log.where} failed, it is tried again: {error}")
            due = now_ms
        if due is not None:  # records from the past may be due at once, again and again
            self._check_retention_at(log, max(due, now_ms + 1))
        self._remove_files(log, now_ms)

    def _remove_files(self, log: Log, now_ms: int) -> None:
        try:
            due = log.remove_doomed(now_ms)
        except DiskError as error:
            self._report(f"Files of {log.where} could not be removed, tried again: {error}")
            due = now_ms + self._checkpoint_ms
        if due is not None:
            self._removals[log] = due
            self._wake_at(due)

    def _remove_doomed(self, now_ms: int) -> None:
        for due, directory in [one for one in self._doomed if one[0] <= now_ms]:
            self._doomed.remove((due, directory))
            self._remove_directory(directory)

    def _remove_directory(self, directory: str) -> None:
        self._files.forget_directory(directory)
        try:
            for entry in self.disk.list(directory):
                self.disk.remove(f"{directory}/{entry.name}")
            self.disk.remove_dir(directory)
        except DiskError as error:
            self._report(f"The directory of a log could not be removed: {error}")

    # --- checkpoints ------------------------------------------------------------------------

    def _checkpoint(self, now_ms: int) -> None:
        """Writes the offset checkpoints, and what shortens recovery."""
        changed, self._changed = self._changed, {}
        try:
            for log in changed:
                self._recovery_points[log.topic, log.partition] = log.checkpoint()
                if log.synced_offset < log.log_end_offset:
                    self._wanted_syncs[log] = None
            self._write_checkpoints(sync=False)
        except DiskError as error:
            self._report(f"The checkpoints could not be written, it is tried again: {error}")
            self._changed.update(changed)
            self._checkpoint_at(now_ms)

    def _write_checkpoints(self, *, sync: bool) -> None:
        """Without `sync` a loss of power may cost the two files, and then only time: recovery
        begins further back. Nobody should wait for a slow disk because a minute is over."""
        self._write_recovery_points(sync=sync)
        high = {key: log.log_end_offset for key, log in self.logs.items()}
        self._write_offsets(HIGH_WATERMARK_FILE, high, sync=sync)
        self.checkpoint_start_offsets()

    def _write_recovery_points(self, *, sync: bool) -> None:
        self._write_offsets(RECOVERY_FILE, self._recovery_points, sync=sync)
        self._stored_points = dict(self._recovery_points)

    def checkpoint_start_offsets(self) -> None:
        """After it returns, records that were deleted do not come back. Raises DiskError."""
        try:
            self._write_start_offsets()
        except DiskFull:
            # Who deletes records may do so to make room: their segments go first, and at once.
            for log in self.logs.values():
                if log.log_start_offset > log.first_segment_offset:
                    self.apply_retention(log, self._now_ms)
                    self._remove_files(log, self._now_ms + log.config.file_delete_delay_ms)
            self._write_start_offsets()

    def _write_start_offsets(self) -> None:
        starts = self._start_offsets | {
            key: log.log_start_offset
            for key, log in self.logs.items()
            if log.log_start_offset > log.first_segment_offset
        }
        if starts != self._stored_starts:
            self._write_offsets(START_FILE, starts, sync=True)
            self._stored_starts = starts

    def _write_offsets(self, name: str, offsets: Mapping[Key, int], *, sync: bool) -> None:
        replace_file(self.disk, self._path(name), write_offsets(offsets), sync=sync)

    def _read_offsets(self, name: str) -> dict[Key, int]:
        if self.disk.stat(self._path(name)) is None:
            return {}
        try:
            return read_offsets(read_file(self.disk, self._path(name)))
        except CorruptFile as error:
            self._report(f"{self._path(name)}: {error}. It is taken as empty.")
            return {}

    def disk_space(self) -> tuple[int, int]:
        """Bytes in all and bytes usable, of the volume that holds the folder."""
        return self.disk.space(self.data_dir)

    # --- the end ----------------------------------------------------------------------------

    def close(self, now_ms: int) -> None:
        """A clean stop, after which nothing need be scanned. When a sync has failed
        (`sync_failed`), or one fails now, the folder stays unclean and recovery decides. A folder
        that was not begun stays as it was."""
        self._now_ms = now_ms
        if self.is_begun and not self.sync_failed:
            self._write_all()
        self.logs.clear()
        self._release()

    def _write_all(self) -> None:
        try:
            self._sync_closed([log for log in self.logs.values() if log.close(sync=False)])
            for key, log in self.logs.items():
                self._recovery_points[key] = log.log_end_offset
            self._write_checkpoints(sync=True)
            replace_file(self.disk, self._path(CLEAN_FILE), write_clean_shutdown(self.broker_epoch))
        except DiskError as error:
            self._report(f"The stop is not a clean one, the next start recovers: {error}")

    def _sync_closed(self, logs: list[Log]) -> None:
        """One after the other, thousands of logs would keep a stop waiting for seconds."""
        if len(logs) >= SYNC_TOGETHER and self.disk.syncs_volumes:
            self.disk.sync_all(self.data_dir)
            return
        for log in logs:
            log.sync()


def _due(waiting: dict[Log, int], now_ms: int) -> list[Log]:
    """Takes out those whose time has come."""
    due = [log for log, due_ms in waiting.items() if due_ms <= now_ms]
    for log in due:
        del waiting[log]
    return due


def _own(
    disk: Disk, data_dir: str, settings: Settings, randbytes: Callable[[int], bytes]
) -> MetaProperties:
    """The identity in meta.properties, checked, or a new one written. Raises FolderError."""
    path = f"{data_dir}/{META_FILE}"
    if disk.stat(path) is None:
        cluster_id = settings.cluster_id or uuids.to_text(uuids.draw(randbytes))
        meta = MetaProperties(cluster_id, settings.node_id, uuids.to_text(uuids.draw(randbytes)))
        replace_file(disk, path, write_meta(meta))
        return meta
    try:
        meta = read_meta(read_file(disk, path))
    except CorruptFile as error:
        raise FolderError(
            f"{path}: {error}. Restore the file, or choose another folder with --data."
        ) from None
    if meta.node_id != settings.node_id:
        raise FolderError(
            f"The folder {data_dir} belongs to node {meta.node_id}, and node.id is"
            f" {settings.node_id}. Set node.id={meta.node_id}, or choose another folder."
        )
    if settings.cluster_id not in (None, meta.cluster_id):
        raise FolderError(
            f"The folder {data_dir} belongs to cluster {meta.cluster_id}, not to"
            f" {settings.cluster_id}. Leave CLUSTER_ID out, or choose another folder with --data."
        )
    if meta.directory_id is None:
        meta = meta._replace(directory_id=uuids.to_text(uuids.draw(randbytes)))
        replace_file(disk, path, write_meta(meta))
    return meta
