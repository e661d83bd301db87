# mypy: ignore-errors
"""The introduction: a timer sends what an agent prints."""

import os

import moldau.faust as faust


class Greeting(faust.Record):
    from_name: str
    to_name: str


app = faust.App("hello-app", broker=os.environ.get("KAFKA", "kafka://"))
topic = app.topic("hello-topic", value_type=Greeting)


@app.agent(topic)
async def hello(greetings):
    async for greeting in greetings:
        print(f"Hello from {greeting.from_name} to {greeting.to_name}", flush=True)


@app.timer(interval=1.0)
async def example_sender(app):
    await hello.send(value=Greeting(from_name="Faust", to_name="you"))
