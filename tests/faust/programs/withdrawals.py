# mypy: ignore-errors
"""Windowed tables, and a command that sends examples."""

import asyncio
import os
import random
from datetime import UTC, datetime
from itertools import count

import moldau.faust as faust
from moldau.faust.cli import option


class Withdrawal(faust.Record, isodates=True, serializer="json"):
    user: str
    country: str
    amount: float
    date: datetime = None


app = faust.App(
    "faust-withdrawals",
    version=5,
    broker=os.environ.get("KAFKA", "aiokafka://"),
    topic_partitions=4,
)
withdrawals_topic = app.topic("withdrawals", value_type=Withdrawal)
user_to_total = app.Table("user_to_total", default=int).tumbling(3600).relative_to_stream()
country_to_total = (
    app.Table("country_to_total", default=int).tumbling(10.0, expires=10.0).relative_to_stream()
)


@app.agent(withdrawals_topic)
async def track_user_withdrawal(withdrawals):
    async for withdrawal in withdrawals:
        user_to_total[withdrawal.user] += withdrawal.amount


@app.agent(withdrawals_topic)
async def track_country_withdrawal(withdrawals):
    async for withdrawal in withdrawals.group_by(Withdrawal.country):
        country_to_total[withdrawal.country] += withdrawal.amount
        assert isinstance(withdrawal.date, datetime)
        total = country_to_total[withdrawal.country].current()
        print(withdrawal.country, f"{total:.0f}", flush=True)


@app.command(
    option(
        "--max-latency", type=float, default=0.5, envvar="PRODUCE_LATENCY", help="at most so long"
    ),
    option("--max-messages", type=int, default=None, help="at most N, or for ever"),
)
async def produce(self, max_latency: float, max_messages: int):
    """Produce example Withdrawal events."""
    for i in count() if max_messages is None else range(max_messages):
        withdrawal = Withdrawal(
            user=f"user_{i % 5}", amount=10.0, country=f"country_{i % 2}", date=datetime.now(UTC)
        )
        await withdrawals_topic.send(key=withdrawal.user, value=withdrawal)
        if not i % 10_000:
            self.say(f"+SEND {i}")
        if max_latency:
            await asyncio.sleep(random.uniform(0, max_latency))
