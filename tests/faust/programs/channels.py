# mypy: ignore-errors
"""A channel, and agents that are bound to what they use."""

import os
from functools import partial

import moldau.faust as faust
from moldau.faust import ChannelT, StreamT

app = faust.App("bound_agent", broker=os.environ.get("KAFKA", "kafka://"))
handled = []


class DeviceAction(faust.Record):
    device_id: int


class DeadLetter(faust.Record):
    stage: str
    record: DeviceAction


async def stage(name: str, dead_letters: ChannelT, stream: StreamT[DeviceAction]):
    async for action in stream:
        try:
            if action.device_id % 3 == 0:
                raise ValueError("!!!")
            yield action
        except ValueError:
            await dead_letters.send(value=DeadLetter(stage=name, record=action))


async def keep(stream: StreamT[DeadLetter]):
    async for letter in stream:
        handled.extend([letter])


async def action_generator(device_actions: ChannelT):
    for number in range(6):
        await device_actions.put(DeviceAction(device_id=number))


actions = app.channel(value_type=DeviceAction)
between = app.channel(value_type=DeviceAction)
letters = app.channel(value_type=DeadLetter)
app.timer(interval=3, on_leader=True)(partial(action_generator, actions))
app.agent(letters, name="dead-letters")(keep)
app.agent(actions, name="stage1", sink=[between])(partial(stage, "one", letters))
app.agent(between, name="stage2", sink=[handled.append])(partial(stage, "two", letters))
