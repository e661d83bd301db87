"""The clock is set while the broker runs: what takes a while still takes that while."""

from __future__ import annotations

from pathlib import Path
from struct import pack

import pytest

from moldau.protocol.messages.fetch import FetchResponse
from moldau.server import reactor
from moldau.server.reactor import SetClock
from tests.attacks.raw import Raw, batch, fetch_request
from tests.durability.faults import compile_shim
from tests.durability.process import Up

HOUR_S = 3600


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_shim(tmp_path_factory.mktemp("clock"), Path(__file__).with_name("clock.c"))


class Clock:
    def __init__(self, library: Path, file: Path) -> None:
        self._file = file
        self.set(0)
        self.environment = {"LD_PRELOAD": str(library), "MOLDAU_CLOCK": str(file)}

    def set(self, ahead_s: int) -> None:
        with open(self._file, "r+b" if self._file.exists() else "wb") as file:
            file.write(pack("=q", ahead_s))


@pytest.mark.parametrize(
    ("ahead_s", "says"), [(-HOUR_S, "3600 s back"), (HOUR_S, "3600 s forward")]
)
@pytest.mark.slow
def test_who_waits_is_answered_when_the_clock_is_set(
    ahead_s: int, says: str, library: Path, tmp_path: Path
) -> None:
    """Set back by an hour, a Fetch that waits for half a second would wait for an hour."""
    clock = Clock(library, tmp_path / "ahead")
    with Up(tmp_path / "data", environment=clock.environment) as up:
        with Raw(up.serves().address) as client:
            client.create("t")
            expected = client.send(fetch_request("t", 0, max_wait_ms=500, min_bytes=1), 12)
            clock.set(ahead_s)
            with Raw(up.address) as other:
                other.ping()
            answer = client.answer(FetchResponse, 12, expected)
            assert answer.responses[0].partitions[0].error_code == 0
            assert client.produce("t", batch(b"v")).error_code == 0
        code, said = up.stop()
    assert code == 0
    assert said.count(f"The clock was set {says}") == 1, said


def test_a_clock_that_is_corrected_was_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monotonic = 5_000_000
    monkeypatch.setattr(reactor, "monotonic_ns", lambda: monotonic * 1_000_000)
    clock = SetClock(1_000_000)
    for by in (999, -999, 0):
        assert clock.moved(1_000_000 + by) == 0
    assert clock.moved(1_001_000) == 1000
    assert clock.moved(1_001_000) == 0
    monotonic += 70_000
    assert clock.moved(1_071_000) == 0, "time passed"
    assert clock.moved(71_000) == -1_000_000
