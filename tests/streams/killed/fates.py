"""What befalls workers and brokers, at random, until so many have been killed."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from confluent_kafka import IsolationLevel

from tests.apache_kafka import ApacheKafka, run_tool
from tests.durability.process import Up
from tests.streams.killed.fleet import Fleet
from tests.streams.killed.verdict import open_ends

PROGRESS_S = 120
QUIET_S = 20  # a program that has nothing to read
LOOK_S = 0.1
STALL_S = 5.0  # the sessions are of 3 s


class Brokers(Protocol):
    """What can be done to those who serve."""

    @property
    def bootstrap_servers(self) -> str: ...

    def kill_and_start(self, chance: random.Random) -> None:
        """kill -9 of one, which is there again when this returns."""

    def move_leaders(self) -> None:
        """Where there is more than one broker."""


class OneOfOurs:
    """A `moldau up` on a folder."""

    def __init__(self, up: Up, start: Callable[[int], Up]) -> None:
        self.up = up
        self.bootstrap_servers = up.address
        self._start = start

    def kill_and_start(self, _chance: random.Random) -> None:
        self.up.kill()
        self.up = self._start(self.up.port)

    def move_leaders(self) -> None:
        """It leads everything."""


class OneOfApache:
    """Nothing befalls it: others use it too."""

    def __init__(self, kafka: ApacheKafka) -> None:
        self.bootstrap_servers = kafka.bootstrap_servers

    def kill_and_start(self, chance: random.Random) -> None:
        raise NotImplementedError

    def move_leaders(self) -> None:
        raise NotImplementedError


class ThreeOfApache:
    def __init__(self, kafka: ApacheKafka) -> None:
        self.bootstrap_servers = kafka.bootstrap_servers
        self._kafka = kafka

    def kill_and_start(self, chance: random.Random) -> None:
        index = chance.randrange(self._kafka.brokers)
        self._kafka.kill(index)
        time.sleep(chance.uniform(0, 8))  # others lead what it led
        self._kafka.start_again(index)

    def move_leaders(self) -> None:
        """To those who come first in their lists of replicas, where they are in sync."""
        run_tool(
            "kafka-leader-election",
            "--bootstrap-server",
            self.bootstrap_servers,
            "--election-type",
            "preferred",
            "--all-topic-partitions",
        )


@dataclass
class Toll:
    """What has happened: `killed` by what it was, `open`: kills within a transaction."""

    killed: Counter[str] = field(default_factory=Counter)
    stopped: int = 0
    stalled: int = 0
    moved: int = 0
    open: int = 0

    @property
    def kills(self) -> int:
        return self.killed.total()


class Fates:
    """`topic` is one that the program writes all the time: by it one sees that it goes on."""

    def __init__(self, fleet: Fleet, brokers: Brokers, topic: str, seed: int) -> None:
        self.toll = Toll()
        self._fleet = fleet
        self._brokers = brokers
        self._topic = topic
        self._chance = random.Random(seed)
        self._begins: dict[int, float] = {}  # slots that are down -> when they are started again

    def befall(self, kills: int, broker_every: int, has_all: Callable[[], bool]) -> None:
        """Until so many are killed, workers mostly, and every so manieth a broker; or until nothing
        happens any more when the program `has_all` of its input. All slots run behind it."""
        while self.toll.kills < kills and self._goes_on(has_all):
            time.sleep(self._chance.uniform(0, 2))
            if self.toll.kills >= broker_every * (self.toll.killed["broker"] + 1) - 1:
                self._kill_a_broker()
            elif self._chance.random() < 0.15:
                self._roll()
            elif self._chance.random() < 0.1:
                self._stall()
            else:
                self._kill_workers()
        self._start_due(float("inf"))

    def _kill_workers(self) -> None:
        """One, or two at once; they come back soon, or when others have what was theirs."""
        up = [slot for slot in self._fleet.slots if slot not in self._begins]
        victims = self._chance.sample(up, min(len(up), self._chance.choice((1, 1, 1, 2))))
        self._fleet.kill(*victims)
        self.toll.killed["worker"] += len(victims)
        self.toll.open += self._is_open()
        pause = self._chance.choice((0.0, 0.5, 5.0))
        self._begins.update(dict.fromkeys(victims, time.monotonic() + pause))

    def _roll(self) -> None:
        """Each is stopped and started, one after the other."""
        self._start_due(float("inf"))
        for slot in self._fleet.slots:
            self._fleet.stop(slot)
            self._fleet.start(slot)
            self.toll.stopped += 1

    def _stall(self) -> None:
        """One stands still until it is given up for dead."""
        slot = self._chance.choice(self._fleet.slots)
        if slot not in self._begins:
            self._fleet.stall(slot)
            time.sleep(STALL_S)
            self._fleet.go_on(slot)
            self.toll.stalled += 1

    def _kill_a_broker(self) -> None:
        self._brokers.kill_and_start(self._chance)
        self.toll.killed["broker"] += 1
        self._brokers.move_leaders()
        self.toll.moved += 1

    def _goes_on(self, has_all: Callable[[], bool]) -> bool:
        """Waits until records leave that were not there before. False: there are no more."""
        before, since = self._written(), time.monotonic()
        while self._written() <= before:
            now = time.monotonic()
            self._start_due(now)
            self._fleet.revive()
            if now - since > QUIET_S and has_all():
                return False
            assert now - since < PROGRESS_S, self._stuck()
            time.sleep(LOOK_S)
        return True

    def _start_due(self, now: float) -> None:
        due = [slot for slot, when in self._begins.items() if when <= now]
        for slot in due:
            del self._begins[slot]
            self._fleet.start(slot)

    def _written(self) -> int:
        return sum(open_ends(self._brokers.bootstrap_servers, self._topic).values())

    def _is_open(self) -> bool:
        servers, level = self._brokers.bootstrap_servers, IsolationLevel.READ_COMMITTED
        return sum(open_ends(servers, self._topic, level).values()) < self._written()

    def _stuck(self) -> str:
        said = "\n".join(self._fleet.said(slot) for slot in self._fleet.slots)
        return f"nothing new in {self._topic} in {PROGRESS_S} s; {self.toll}\n{said}"
