# mypy: ignore-errors
"""The tutorial of leader election: of all workers one sends."""

import os
import random

import moldau.faust as faust

app = faust.App(
    "leader-example", broker=os.environ.get("KAFKA", "kafka://"), value_serializer="raw"
)


@app.agent()
async def say(greetings):
    async for greeting in greetings:
        print(greeting.decode(), flush=True)


@app.timer(0.2, on_leader=True)
async def publish_greetings():
    print("PUBLISHING ON LEADER!", flush=True)
    await say.send(value=str(random.random()))
