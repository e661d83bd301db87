"""Told to stop, a worker does not wait for the brokers for ever; for its own code it does."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from moldau.streams.running import patience as module
from moldau.streams.running.patience import Patience, StuckError

# Where the main thread is in a call that never comes back, in which no handler is called.
DEAF = """
import ctypes, os, signal, threading
from moldau.streams.running import ears, patience, process
patience.CUT_S = patience.LOOK_S = process.GRACE_S = ears.GRACE_S = 0.05
libc, lock = ctypes.CDLL(None), ctypes.create_string_buffer(256)

class Worker:
    def __init__(self):
        self.patience = patience.Patience()

    def stop(self):
        self.patience.end()
        print("told", flush=True)
        if {times} > 1:
            os.kill(os.getpid(), signal.SIGINT)

class App:
    id = "shop"

signal.signal(signal.SIGINT, signal.default_int_handler)

def waits():
    libc.pthread_mutex_lock(lock)
    threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    libc.pthread_mutex_lock(lock)

if {times} < 0:
    with ears.interruptible():
        waits()
told = process._Told(App())
with process.ears(told.heard):
    if {times}:
        worker = Worker()
        told.begin(worker)
        if {times} == 1:
            worker.patience._since = 0.0
    waits()
"""


def test_waits_add_up_and_what_is_between_them_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    patience = Patience()
    for told, waits, rests in [(False, 5, 5), (True, 3, 100), (False, 4, 100)]:
        with patience.waiting():
            now += 1
            if told:
                patience.end()
            now += waits
        now += rests
    assert patience._waited_s() == 3 + 1 + 4


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


HANGS = """
import signal, threading
from moldau.streams.running import patience as module
module.HOOK_S = module.TO_CUT_S = module.LOOK_S = 0.05
patience = module.Patience()
patience.cut_by(signal.SIGTERM, lambda why: print(why, flush=True))
patience.end()
with patience.calling("on_stop disconnect"):
    threading.Event().wait(60)
"""


@pytest.mark.slow
def test_a_plain_hook_that_hangs_is_cut_off_by_its_name() -> None:
    ended = ran(HANGS)
    assert ended.returncode == -signal.SIGTERM, ended.stderr
    assert ended.stdout.startswith("on_stop disconnect has not ended in 0 s")
    assert "what was not checkpointed is done again" in ended.stdout


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


def ran(program: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("waits", [True, False])
def test_only_waiting_for_brokers_is_cut(waits: bool) -> None:
    ended = ran(PROGRAM.format(waits=waits))
    if waits:
        assert ended.returncode == -signal.SIGTERM
        assert "what was not checkpointed is done again" in ended.stdout
    else:
        assert (ended.returncode, ended.stdout) == (0, "done\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("times", "said"),
    [
        (-1, ""),
        (0, ""),
        (1, "told\nshop: the brokers have not answered for 0 s"),
        (2, "told\ntold\n"),
    ],
    ids=[
        "before there is a worker",
        "before it has begun",
        "while it waits for brokers",
        "a second time",
    ],
)
def test_it_hears_of_its_end_in_a_call_that_never_comes_back(times: int, said: str) -> None:
    ended = ran(DEAF.format(times=times))
    assert ended.returncode == 128 + signal.SIGINT, ended.stderr
    assert ended.stdout.startswith(said)


STUCK = """
import os, signal, sys, threading
from confluent_kafka import Consumer, Producer, TopicPartition
import moldau
from moldau.streams.running import at_least_once, patience
from tests.streams.sales import revenue
from tests.tools.test_worker import children

at_least_once.COMMIT_S = patience.MORE_S = 0.1
with moldau.Broker() as broker:
    settings = {"bootstrap.servers": broker.bootstrap_servers, "socket.timeout.ms": 300_000}
    producer = Producer(settings)
    producer.produce("sales", b"1")
    producer.flush()
    made = {"group.id": "g", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({**settings, **made})
    consumer.subscribe(["sales"])
    while not consumer.consume(1, 1):
        pass
    place = TopicPartition("sales", 0, 1)
    guarantee = at_least_once.AtLeastOnce(revenue(broker.bootstrap_servers), patience.Patience())
    for pid in children(os.getpid()):
        os.kill(pid, signal.SIGSTOP)
    guarantee.commit(consumer, [], [place])
    print(guarantee.accepted, flush=True)
    consumer.consume(1, 0)
    print(consumer.get_watermark_offsets(place, cached=True)[1], flush=True)
    for pid in children(os.getpid()):
        os.kill(pid, signal.SIGKILL)
    os._exit(0)
"""


@pytest.mark.slow
def test_a_commit_that_is_not_answered_keeps_nobody_from_the_consumer() -> None:
    """It would wait there, deaf to signals, until the broker is taken for dead."""
    ended = ran(STUCK, 90)
    assert (ended.returncode, ended.stdout) == (0, "False\n1\n"), ended.stderr
