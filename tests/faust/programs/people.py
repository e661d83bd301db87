# mypy: ignore-errors
"""A table of sets, changed in place by two agents; commands with arguments."""

import os

import moldau.faust as faust
from moldau.faust.cli import argument

app = faust.App(
    "table-of-sets", broker=os.environ.get("KAFKA", "kafka://"), topic_partitions=4, version=2
)
table = app.SetTable("people", value_type=str)
joining_topic = app.topic("people_joining", key_type=str, value_type=str)
leaving_topic = app.topic("people_leaving", key_type=str, value_type=str)


@app.agent(joining_topic)
async def join(stream):
    async for key, name in stream.items():
        table[key].add(name)
        print(f"{name} joined {key}: {sorted(table[key])}", flush=True)


@app.agent(leaving_topic)
async def leave(stream):
    async for key, name in stream.items():
        table[key].discard(name)
        print(f"{name} left {key}: {sorted(table[key])}", flush=True)


@app.command(argument("location"), argument("name"))
async def joining(self, location: str, name: str):
    await joining_topic.send(key=location, value=name)


@app.command(argument("location"), argument("name"))
async def leaving(self, location: str, name: str):
    await leaving_topic.send(key=location, value=name)


@app.timer(10.0)
async def _dump():
    print(f"TABLE NOW:\n{table.as_ansitable()}")
