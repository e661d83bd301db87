# mypy: ignore-errors
"""Agents that ask agents."""

import os
from collections.abc import AsyncIterable

import moldau.faust as faust
from moldau.faust import StreamT
from moldau.faust.cli import argument

app = faust.App("RPC99", broker=os.environ.get("KAFKA", "kafka://"), reply_create_topic=True)
pow_topic = app.topic("RPC__pow")
mul_topic = app.topic("RPC__mul")
VALUES = [3.0, 4.0, 5.0]


@app.agent(pow_topic)
async def pow(stream: StreamT[float]) -> AsyncIterable[float]:
    async for value in stream:
        yield await mul.ask(value=value**2)


@app.agent(mul_topic)
async def mul(stream: StreamT[float]) -> AsyncIterable[float]:
    async for value in stream:
        yield value * 100.0


@app.timer(interval=1.0)
async def _sender() -> None:
    print(f"JOINED: {await pow.join(VALUES)!r}", flush=True)
    print(f"MAPPED: {sorted([value async for value in pow.map(VALUES)])}", flush=True)


@app.command(argument("x"))
async def x100(self, x):
    print(f"{x} * 100 = {await mul.ask(float(x))}")
