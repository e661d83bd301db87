"""What must hold whatever is sent: the same process serves, without a stall, in bounded memory.

A stall is measured in processor time that the broker spends between a ping and its answer, so a
busy machine is not taken for a slow broker.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

from moldau import Broker
from tests.attacks.raw import Raw

STALL_S = 1.0
_TICK = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Processor seconds, user and system, of all threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory_mb(pid: int, which: str = "VmRSS") -> float:
    """Resident memory of the process, or its peak (VmHWM), MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(which):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"/proc/{pid}/status has no {which}")


class Witness:
    """Pings all the while from a thread; at the end of the block everything is judged."""

    def __init__(self, broker: Broker, *, memory_mb: float = 64) -> None:
        self._broker = broker
        self._address = broker.bootstrap_servers
        self._pid = broker.pid
        self._growth_mb = memory_mb
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._error: BaseException | None = None
        self.longest_s = 0.0
        self.pings = 0

    def __enter__(self) -> Witness:
        # Memory that was used before is no growth of ours; its peak is forgotten (proc(5)).
        Path(f"/proc/{self._pid}/clear_refs").write_text("5")
        self._before_mb = memory_mb(self._pid)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        if kind is None:
            self.judge()

    def _watch(self) -> None:
        try:
            with Raw(self._address, timeout_s=60) as control:
                while not self._stop.wait(0.02):
                    before = cpu_s(self._pid)
                    control.ping()
                    self.longest_s = max(self.longest_s, cpu_s(self._pid) - before)
                    self.pings += 1
        except BaseException as error:
            self._error = error

    @property
    def grown_mb(self) -> float:
        """How much memory the process took at most since the block began, MiB."""
        return memory_mb(self._pid, "VmHWM") - self._before_mb

    def judge(self) -> None:
        said = self._broker.log_text[-4000:]
        assert "Traceback" not in said, said
        assert self._error is None, f"the control connection failed: {self._error!r}\n{said}"
        assert self.longest_s < STALL_S, f"a ping took {self.longest_s:.2f} s of processor time"
        assert self.grown_mb < self._growth_mb, f"memory grew by {self.grown_mb:.0f} MiB"
        with Raw(self._address) as fresh:
            fresh.ping()
