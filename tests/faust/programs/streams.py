# mypy: ignore-errors
"""The operations of streams."""

import os

import moldau.faust as faust

app = faust.App("stream-ops", broker=os.environ.get("KAFKA", "kafka://"), key_serializer="json")


class Order(faust.Record):
    account_id: str
    price: float


orders = app.topic("orders", key_type=str, value_type=Order)
copy_1, copy_2 = app.topic("source-copy-1"), app.topic("source-copy-2")
large = app.topic("large", key_type=str, value_type=Order)
seen = {}


def note(name, value):
    seen.setdefault(name, []).append(value)


@app.agent(orders)
async def items(stream):
    async for key, order in stream.items():
        note("items", (key, order.price))


@app.agent(orders)
async def events(stream):
    async for event in stream.events():
        async with event:
            message = event.message
            note("events", (message.topic, message.offset, event.key, event.value.account_id))


@app.agent(orders)
async def lists(stream):
    async for values in stream.take(100, within=10):
        note("lists", [one.price for one in values])


@app.agent(orders)
async def event_lists(stream):
    async for many in stream.take_events(100, within=10):
        note("event_lists", [(one.message.offset, one.value.price) for one in many])


@app.agent(orders)
async def numbered(stream):
    async for i, order in stream.enumerate():
        note("numbered", (i, order.price))


@app.agent(orders)
async def through(stream):
    async for order in stream.filter(lambda o: o.price > 10).through(large):
        note("through", order.price)


@app.agent(orders)
async def grouped(stream):
    async for key, order in stream.group_by(Order.account_id).items():
        note("grouped", (key, order.price))


@app.agent(orders)
async def echoed(stream):
    async for order in stream.echo(copy_1, copy_2):
        note("echoed", order.price)


@app.agent(orders)
async def current(stream):
    async for order in stream:
        event = faust.current_event()
        assert stream.current_event.value is order
        await event.forward("forwarded")
