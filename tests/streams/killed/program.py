"""Random numbers under a hundred keys: echoed, added up by key with and without a repartition,
and in windows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec

import moldau
from tests.streams.killed.generator import Made

KEYS = 100
GROUPS = 7
PARTITIONS = 5
TOPICS = dict.fromkeys(("data", "echo", "keyed", "moved", "windows"), PARTITIONS)
WINDOW_MS = 60_000
START_MS = 1_767_225_600_000  # 2026-01-01
STEP_MS = 50  # of event time between two records


class Number(msgspec.Struct):
    key: str
    value: int
    group: int
    time: int  # ms since 1970, UTC
    place: int  # from 0, without gaps


def numbers(bootstrap_servers: str, **settings: Any) -> moldau.App:
    app = moldau.App("numbers", bootstrap_servers, **settings)
    read = app.stream(app.topic("data", Number, event_time="time", unit="ms", key="key"))
    running: Any = {
        "least": moldau.min("value"),
        "most": moldau.max("value"),
        "total": moldau.sum("value"),
        "average": moldau.mean("value"),
        "count": moldau.count(),
    }
    read.to("echo")
    read.group_by("key").agg(name="keyed", **running).to("keyed")
    # A function is not what the topic is keyed by: these go by a repartition topic.
    read.group_by(lambda one: one.key).agg(name="moved", **running).to("moved")
    read.group_by("group").tumbling("1m").agg(name="windowed", **running).to("windows")
    return app


def random_numbers(seed: int) -> Iterator[Made]:
    chance = random.Random(seed)
    for place in count():
        key = f"key-{chance.randrange(KEYS)}"
        value, group = chance.randrange(10_000), chance.randrange(GROUPS)
        one = Number(key, value, group, START_MS + place * STEP_MS, place)
        yield Made("data", key, msgspec.json.encode(one))
