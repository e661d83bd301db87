# mypy: ignore-errors
"""Values without a description; a codec of one's own."""

import os
from typing import Any

import msgspec

import moldau.faust as faust
from moldau.faust.serializers import codecs


class raw_msgpack(codecs.Codec):  # noqa: N801
    def _dumps(self, obj: Any) -> bytes:
        return msgspec.msgpack.encode(obj)

    def _loads(self, s: bytes) -> Any:
        return msgspec.msgpack.decode(s)


codecs.register("msgpack", raw_msgpack() | codecs.binary())
app = faust.App("values", broker=os.environ.get("KAFKA", "kafka://"))
transfers_topic = app.topic("transfers")
large_transfers_topic = app.topic("large_transfers", value_serializer="msgpack")


@app.agent(transfers_topic)
async def find_large_transfers(transfers):
    async for transfer in transfers:
        if transfer["amount"] > 1000.0:
            await large_transfers_topic.send(value=transfer)


async def send_transfer(account_id, amount):
    await transfers_topic.send(value={"account_id": account_id, "amount": amount})
