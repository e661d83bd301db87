"""What a measurement of limits gives, and what is watched while it is made."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.attacks.raw import Raw

from bench.brokers import Running, start
from bench.process import cpu_seconds, memory_bytes
from bench.rivals import moldau

PING_EVERY_S = 0.02
TO_TELL_S = 5.0
GREETING = 4  # lines that the broker says when it serves
MB = 1e6


class Figure(NamedTuple):
    """`of` is the broker's processor seconds in that time; `wait_ms` the longest that another
    client's ApiVersions waited meanwhile. None: not measured."""

    what: str
    value: float
    unit: str
    of: float | None = None
    wait_ms: float | None = None


class Told(NamedTuple):
    """What is said at a limit, word by word."""

    limit: str
    client: str
    operator: str = ""


@dataclass
class Result:
    figures: list[Figure] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    def add(self, what: str, value: float, unit: str) -> None:
        self.figures.append(Figure(what, value, unit))

    def memory(self, what: str, broker: Running) -> None:
        self.add(f"memory (PSS) {what}", memory_bytes(broker.pid) / MB, "MB")

    def json(self) -> dict[str, Any]:
        return {
            "figures": [figure._asdict() for figure in self.figures],
            "told": [told._asdict() for told in self.told],
        }

    @contextmanager
    def timed(self, what: str, broker: Running) -> Iterator[None]:
        """The block's time, what it took of the broker's, and how long others waited."""
        with Pinger(broker.address) as pinger:
            before, begin = cpu_seconds(broker.pid), time.perf_counter()
            yield
            seconds, after = time.perf_counter() - begin, cpu_seconds(broker.pid)
        longest = max(pinger.waits) * 1e3 if pinger.waits else None
        self.figures.append(Figure(what, seconds, "s", after - before, longest))


@dataclass(frozen=True)
class Scenario:
    """`measure` is given an empty folder."""

    name: str
    title: str
    how: str
    measure: Callable[[Path], Result]


class Pinger:
    """Another client, that asks all the while from a thread."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.waits: list[float] = []

    def __enter__(self) -> Pinger:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        with Raw(self._address, timeout_s=120) as raw:
            while not self._stop.wait(PING_EVERY_S):
                begin = time.perf_counter()
                raw.ping()
                self.waits.append(time.perf_counter() - begin)


@contextmanager
def running(folder: Path, settings: Mapping[str, str], files: int = 0) -> Iterator[Running]:
    """Our broker, which may have only so many `files` open (0: as many as the system allows)."""
    kind = moldau(dict(settings), files=files)
    broker = start(kind, kind.find(), folder)
    try:
        yield broker
    finally:
        broker.stop()


def told_to_operator(broker: Running, about: str = "") -> str:
    """The last line with these words that the broker has logged behind those of its start; what is
    told of a closed connection may come a moment after its end."""
    until = time.monotonic() + TO_TELL_S
    while True:
        lines = broker.log.read_text(errors="replace").splitlines()[GREETING:]
        lines = [line for line in lines if about in line]
        if lines or time.monotonic() > until:
            return lines[-1] if lines else ""
        time.sleep(0.01)
