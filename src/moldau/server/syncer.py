"""Puts logs on disk in threads, so that no other client waits for the disk.

Group commit: while a log is being synced, what is appended to it gathers for the next sync. Syncs
of several logs run in parallel; from `SYNCFS_FROM` dirty files on, one `syncfs` serves all of them
(measured with 50 dirty files: one after the other 11-14 ms, eight threads 4 ms, syncfs 1.4 ms).

A sync that fails is never tried again: the kernel may have dropped the pages and would answer the
second try with success.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from errno import ENOENT
from functools import partial
from typing import TYPE_CHECKING

from moldau.server.workers import Workers
from moldau.storage.disk import DiskError

if TYPE_CHECKING:
    from moldau.storage.disk import Disk
    from moldau.storage.log import Log, SyncJob

THREADS = 4
SYNCFS_FROM = 8

Jobs = list[tuple["Log", "SyncJob"]]


class Syncer:
    """`done(log, offset)` and `failed(log, error)` are called in the loop, by `hand_over`."""

    def __init__(
        self,
        disk: Disk,
        data_dir: str,
        hand_over: Callable[[Callable[[], None]], None],
        done: Callable[[Log, int], None],
        failed: Callable[[Log, BaseException], None],
    ) -> None:
        self._disk = disk
        self._data_dir = data_dir
        self._done = done
        self._failed = failed
        self._busy: set[Log] = set()
        self._again: dict[Log, None] = {}
        self._workers = Workers("sync", THREADS, hand_over)

    def sync(self, logs: Iterable[Log]) -> None:
        """Each log will be synced up to its end of now, or later."""
        free = []
        for log in logs:
            if log in self._busy:
                self._again[log] = None
            else:
                self._busy.add(log)
                free.append(log)
        together = self._disk.syncs_volumes and sum(log.dirty_files for log in free) >= SYNCFS_FROM
        jobs: Jobs = []
        for log in free:
            try:
                jobs.append((log, log.sync_job(opened=not together)))
            except DiskError as error:
                self._failed(log, error)
                return
        if together:
            sync_all = partial(self._disk.sync_all, self._data_dir)
            self._workers.run(sync_all, partial(self._finished, jobs))
            return
        for log, job in jobs:
            self._workers.run(partial(self._sync, log, job), partial(self._finished, [(log, job)]))

    @property
    def is_busy(self) -> bool:
        return bool(self._busy)

    def close(self) -> None:
        self._workers.close()

    def _sync(self, log: Log, job: SyncJob) -> None:
        """In a thread. A log may be deleted meanwhile; then its directory has another name."""
        for file in job.files:
            file.sync()
        for directory in job.directories:
            try:
                self._disk.sync_dir(directory)
            except DiskError as error:
                if not (log.is_deleted and error.errno == ENOENT):
                    raise

    def _finished(self, jobs: Jobs, problem: BaseException | None) -> None:
        again = []
        for log, job in jobs:
            if problem is not None:
                self._failed(log, problem)
                return
            self._busy.discard(log)
            self._done(log, job.offset)
            if log in self._again:
                del self._again[log]
                again.append(log)
        self.sync(again)
