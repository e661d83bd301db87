# mypy: ignore-errors
"""Hopping and tumbling tables, and the ways to ask them."""

import os
from datetime import timedelta
from random import random

import moldau.faust as faust

app = faust.App("windowing", broker=os.environ.get("KAFKA", "kafka://"))


class Model(faust.Record, serializer="json"):
    random: float


hopping_topic = app.topic("hopping_topic", value_type=Model)
hopping_table = app.Table("hopping_table", default=int).hopping(
    10, 5, expires=timedelta(minutes=10), key_index=True
)
tumbling_table = app.Table("tumbling_table", default=int).tumbling(
    10, expires=timedelta(minutes=10)
)
seen = []


@app.agent(hopping_topic)
async def print_windowed_events(stream):
    async for _ in stream:
        hopping_table["counter"] += 1
        tumbling_table["counter"] += 1
        for table in (hopping_table, tumbling_table):
            value = table["counter"]
            seen.append([value.now(), value.current(), value.value(), value.delta(30)])
        assert list(hopping_table.keys()) == ["counter"]


@app.timer(2.0, on_leader=True)
async def publish_every_2secs():
    await hopping_topic.send(value=Model(random=round(random(), 2)))
