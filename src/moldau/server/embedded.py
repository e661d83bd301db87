"""A broker in a subprocess, for tests and programs: `with Broker() as broker: ...`.

A subprocess, because in a thread of a busy Python program its answers would wait for the
interpreter lock (measured: p50 0.08 ms becomes 5.3).
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType


class BrokerError(RuntimeError):
    """The broker did not start, or died. The text is what it said."""


class Broker:
    """A broker on a free port of localhost, ready when the block begins, gone behind it, and gone
    when this process ends, however it ends.

    `data` is the folder to keep; without it the broker has a temporary one. `config` holds Kafka's
    broker configs by name, e.g. {"num.partitions": 3}. The environment is not read.
    """

    START_TIMEOUT_S = 30.0
    STOP_TIMEOUT_S = 10.0

    def __init__(
        self,
        *,
        port: int = 0,
        data: str | Path | None = None,
        config: Mapping[str, object] | None = None,
    ) -> None:
        self._port = port
        self._data = data
        self._config = dict(config or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch: str | None = None
        self._bootstrap_servers: str | None = None

    @property
    def bootstrap_servers(self) -> str:
        """`host:port`, for the setting of that name that every client has."""
        if self._bootstrap_servers is None:
            raise BrokerError("The broker is not running: use it in a `with` block, or start() it.")
        return self._bootstrap_servers

    @property
    def pid(self) -> int:
        if self._process is None:
            raise BrokerError("The broker is not running: use it in a `with` block, or start() it.")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def data_dir(self) -> Path:
        """The folder with the logs."""
        if self._data is not None:
            return Path(self._data)
        if self._scratch is None:
            raise BrokerError("A broker without `data` has a folder only while it is running.")
        return Path(self._scratch, "data")

    @property
    def log_text(self) -> str:
        """What the broker has written so far, for the report of a failed test."""
        path = None if self._scratch is None else Path(self._scratch, "broker.log")
        return path.read_text(errors="replace") if path and path.exists() else ""

    def start(self) -> Broker:
        if self._process is not None:
            raise BrokerError("The broker is already running.")
        if self._scratch is None:
            self._scratch = tempfile.mkdtemp(prefix="moldau-")
        ready_read, ready_write = os.pipe()
        try:
            with open(Path(self._scratch, "broker.log"), "ab") as log:
                self._process = subprocess.Popen(
                    self._command(ready_write),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(ready_write,),
                    env={k: v for k, v in os.environ.items() if not k.startswith("KAFKA_")},
                    # Ctrl-C is for the program; it stops its broker by leaving the block.
                    start_new_session=True,
                )
            os.close(ready_write)
            ready_write = -1
            self._bootstrap_servers = self._wait_ready(ready_read)
            # Started again after `kill`, it is where its clients look for it.
            self._port = int(self._bootstrap_servers.rpartition(":")[2])
        except BaseException:  # Ctrl-C too: nobody would ever stop what has half begun
            self._end(signal.SIGKILL)
            self.stop()
            raise
        finally:
            os.close(ready_read)
            if ready_write >= 0:
                os.close(ready_write)
        return self

    def stop(self) -> None:
        """Stops it cleanly and removes its temporary folder. Does nothing when it is stopped."""
        self._end(signal.SIGTERM)
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def kill(self) -> None:
        """kill -9, as a power cut without the disk's part. The folder stays: `start` recovers."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> Broker:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # --- the process ------------------------------------------------------------------------

    def _command(self, ready: int) -> list[str]:
        command = [sys.executable, "-P", "-m", "moldau", "up", "--no-environment"]
        command += ["--port", str(self._port), "--data", str(self.data_dir)]
        command += ["--ready-file", f"/dev/fd/{ready}", "--parent", str(os.getpid())]
        if self._scratch is not None:
            command += ["--scratch", self._scratch]
        for name, value in self._config.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            command += ["-o", f"{name}={text}"]
        return command

    def _wait_ready(self, ready: int) -> str:
        """The address that the broker writes when it serves. The pipe ends when it dies."""
        text = b""
        while not text.endswith(b"\n"):
            readable, _, _ = select.select([ready], [], [], self.START_TIMEOUT_S)
            chunk = os.read(ready, 4096) if readable else b""
            if not chunk:
                self._end(signal.SIGKILL)
                said = self.log_text.strip() or "it said nothing"
                raise BrokerError(f"The broker did not start: {said}")
            text += chunk
        return text.decode().strip()

    def _end(self, how: signal.Signals) -> None:
        self._bootstrap_servers = None
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(self.STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
