"""Puts logs on disk in threads, so that no other client waits for the disk.

Group commit: while a log is being synced, what is appended to it gathers for the next sync. Syncs
of several logs run in parallel; from `SYNCFS_FROM` dirty files on, one `syncfs` serves all of them
(measured with 50 dirty files: one after the other 11-14 ms, eight threads 4 ms, syncfs 1.4 ms).

A sync that fails is never tried again: the kernel may have dropped the pages and would answer the
second try with success.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moldau.storage.disk import Disk
    from moldau.storage.log import Log, SyncJob

THREADS = 4
SYNCFS_FROM = 8

Task = Callable[[], None]


class Syncer:
    """`done(log, offset)` and `failed(log, error)` are called in the loop, by `hand_over`."""

    def __init__(
        self,
        disk: Disk,
        data_dir: str,
        hand_over: Callable[[Callable[[], None]], None],
        done: Callable[[Log, int], None],
        failed: Callable[[Log, OSError], None],
    ) -> None:
        self._disk = disk
        self._data_dir = data_dir
        self._hand_over = hand_over
        self._done = done
        self._failed = failed
        self._busy: set[Log] = set()
        self._again: dict[Log, None] = {}
        self._queue: SimpleQueue[Task | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = 0

    def sync(self, logs: Iterable[Log]) -> None:
        """Each log will be synced up to its end of now, or later."""
        jobs = []
        for log in logs:
            if log in self._busy:
                self._again[log] = None
            else:
                self._busy.add(log)
                jobs.append((log, log.sync_job()))
        files = sum(len(job.files) for _, job in jobs)
        if files >= SYNCFS_FROM and sys.platform == "linux":
            self._submit(lambda: self._sync_all(jobs))
        else:
            for log, job in jobs:
                self._submit(lambda log=log, job=job: self._sync_one(log, job))  # type: ignore[misc]

    def close(self) -> None:
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    # --- in the loop ------------------------------------------------------------------------

    def _submit(self, task: Task) -> None:
        if self._idle == 0 and len(self._threads) < THREADS:
            thread = threading.Thread(target=self._work, name="sync", daemon=True)
            self._threads.append(thread)
            thread.start()
        else:
            self._idle = max(self._idle - 1, 0)
        self._queue.put(task)

    def _finished(self, log: Log, offset: int) -> None:
        self._idle = min(self._idle + 1, len(self._threads))
        self._busy.discard(log)
        self._done(log, offset)
        if log in self._again:
            del self._again[log]
            self.sync([log])

    # --- in a thread ------------------------------------------------------------------------

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            task()

    def _sync_one(self, log: Log, job: SyncJob) -> None:
        try:
            for file in job.files:
                file.sync()
            for directory in job.directories:
                self._disk.sync_dir(directory)
        except OSError as error:
            self._report(log, error)
        else:
            self._hand_over(lambda: self._finished(log, job.offset))

    def _sync_all(self, jobs: list[tuple[Log, SyncJob]]) -> None:
        try:
            syncfs(self._data_dir)
        except OSError as error:
            self._report(jobs[0][0], error)
            return

        def finished() -> None:
            for log, job in jobs:
                self._finished(log, job.offset)

        self._hand_over(finished)

    def _report(self, log: Log, error: OSError) -> None:
        self._hand_over(lambda: self._failed(log, error))


def syncfs(path: str) -> None:
    """syncfs(2) for the file system that holds `path`. It reports write-back errors since Linux
    5.8."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(path, os.O_RDONLY)
    try:
        if libc.syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"syncfs: {os.strerror(number)}", path)
    finally:
        os.close(fd)
