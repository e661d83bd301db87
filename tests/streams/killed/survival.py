"""A program under the fates: fed, killed, fed on, and at last run to its end."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, NewTopic

from tests.streams.killed.fates import Brokers, Fates, Toll
from tests.streams.killed.fleet import Fleet
from tests.streams.killed.generator import Generator, Made

KILLS = int(os.environ.get("MOLDAU_KILLS", "0"))
# So many kills that one of them must have been inside a transaction.
MANY = 20
SEED = int(os.environ.get("MOLDAU_SEED", "0")) or random.SystemRandom().randrange(1 << 30)
SHOP = """
import os
from {module} import {function}
app = {function}(
    {servers!r},
    until=os.environ["UNTIL"] or None,
    checkpoint="1s",
    state_dir=os.environ["STATE_DIR"],
    config={{"session.timeout.ms": 3000, "heartbeat.interval.ms": 500, "log_level": 3}},
    **{settings!r},
)
"""


@dataclass
class Plan:
    """`program`: the function that makes the App, of an address and settings. `topics`: what it
    reads and how many partitions. `written`: a topic that it writes all the time. `rate`: of
    `records`, in a second; 0: as fast as they go. `to_the_end`: all of them, though there be fewer
    kills. `broker_every`: so manieth kill."""

    program: Any
    topics: Mapping[str, int]
    written: str
    records: Iterator[Made]
    kills: int
    rate: int = 1000
    broker_every: int = 10
    to_the_end: bool = False


def survive(brokers: Brokers, folder: Path, plan: Plan, **settings: Any) -> tuple[Toll, int]:
    """What has befallen it until all is read and closed, and how many records were sent.
    `settings` are the App's. With `standbys` each worker is a machine of its own."""
    servers = brokers.bootstrap_servers
    print(f"MOLDAU_SEED={SEED}")
    make_topics(servers, plan.topics)
    write_shop(folder, plan.program, servers, **settings)
    with (
        Fleet(folder, are_machines="standbys" in settings) as fleet,
        Generator(servers, plan.records, plan.rate) as generator,
    ):
        fates = Fates(fleet, brokers, plan.written, SEED)
        fleet.start()
        fates.befall(plan.kills, plan.broker_every, lambda: generator.is_done)
        sent = generator.finish(all_of_them=plan.to_the_end)
        fleet.stop()
        fleet.finish()
        print(f"{fates.toll}, {sent} records; died by themselves: {fleet.died}")
    return fates.toll, sent


def write_shop(folder: Path, program: Any, servers: str, **settings: Any) -> None:
    """What the workers of a Fleet run: `program`, a function of a module."""
    names = {"module": program.__module__, "function": program.__name__}
    (folder / "shop.py").write_text(SHOP.format(**names, servers=servers, settings=settings))


def make_topics(servers: str, topics: Mapping[str, int]) -> None:
    """Event times are of long ago: nothing may go by age."""
    admin = AdminClient({"bootstrap.servers": servers})
    kept = {"retention.ms": "-1"}
    made = [NewTopic(name, count, config=kept) for name, count in topics.items()]
    for future in admin.create_topics(made).values():
        future.result(30)
