# mypy: ignore-errors
"""What an agent yields: to its sinks, and to who asks."""

import os

import moldau.faust as faust
from moldau.faust.cli import argument, option


class Add(faust.Record):
    a: int
    b: int


app = faust.App("agent-example", broker=os.environ.get("KAFKA", "kafka://"))
topic = app.topic("adding", value_type=Add)
log = app.topic("agent_log")
told = []


async def on_sum(value):
    told.append(value)


@app.agent()
async def received(stream):
    async for value in stream:
        told.extend([f"received {value}"])


@app.agent(topic, sink=[told.append, on_sum, log, received])
async def adding(stream):
    """Adds."""
    async for value in stream:
        yield value.a + value.b


@app.command(
    argument("a", type=int, help="First number to add"),
    argument("b", type=int, help="Second number to add"),
    option("--print/--no-print", help="Enable debug output"),
)
async def send_value(a: int, b: int, print: bool) -> None:
    if print:
        __builtins__["print"](f"Sending Add({a}, {b})...")
    __builtins__["print"](await adding.ask(Add(a, b)))
