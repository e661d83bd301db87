"""Told to stop, a worker does not wait for the brokers for ever; for its own code it does."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from moldau.streams.running import patience as module
from moldau.streams.running.patience import Patience, StuckError

PROGRAM = """
import contextlib, signal, threading, time
from moldau.streams.running import patience as module
module.CUT_S = module.LOOK_S = 0.05
patience = module.Patience()
patience.end()
patience.cut_by(signal.SIGTERM, lambda why: print(why, flush=True))
with patience.waiting() if {waits} else contextlib.nullcontext():
    threading.Event().wait(60 if {waits} else 1)
print("done")
"""


def test_what_a_call_returns_with_is_heard() -> None:
    ended: list[str] = []
    Patience().within(60, lambda: ended.append("called"))
    assert ended == ["called"]

    def fails() -> None:
        raise ValueError("of the call")

    with pytest.raises(ValueError, match="of the call"):
        Patience().within(60, fails)


def test_a_call_that_never_comes_back_is_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MORE_S", 0.1)
    never = threading.Event()
    with pytest.raises(StuckError):
        Patience().within(0, never.wait)
    never.set()


def test_who_is_told_to_stop_waits_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAVE_S", 0.1)
    never, patience = threading.Event(), Patience()
    assert patience.left_s(60) == 60
    patience.end()
    assert patience.left_s(60) < 1
    with pytest.raises(StuckError):
        patience.within(60, never.wait)
    never.set()


@pytest.mark.slow
@pytest.mark.parametrize("waits", [True, False])
def test_only_waiting_for_brokers_is_cut(waits: bool) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(waits=waits)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if waits:
        assert ended.returncode == -signal.SIGTERM
        assert "what was not checkpointed is done again" in ended.stdout
    else:
        assert (ended.returncode, ended.stdout) == (0, "done\n")
