# mypy: ignore-errors
"""A queue of tasks."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import moldau.faust as faust

registry = {}
results = []


class Request(faust.Record):
    """Describes how tasks are serialized and sent to Kafka."""

    id: str
    name: str
    arguments: Sequence
    keyword_arguments: Mapping

    async def __call__(self) -> Any:
        return await registry[self.name](*self.arguments, **self.keyword_arguments)


app = faust.App("faust-celery", broker=os.environ.get("KAFKA", "kafka://localhost"))
task_queue_topic = app.topic("tasks", value_type=Request)


@app.agent(task_queue_topic)
async def process_task(tasks: faust.Stream[Request]) -> None:
    async for task in tasks:
        results.extend([await task()])


class Task:
    def __init__(self, fun, *, name: str | None = None) -> None:
        self.fun = fun
        self.name = name or fun.__qualname__
        registry[self.name] = fun

    async def delay(self, *args: Any, **kwargs: Any) -> Any:
        return await process_task.send(
            value=Request(id=faust.uuid(), name=self.name, arguments=args, keyword_arguments=kwargs)
        )


@Task
async def add(x: int, y: int) -> int:
    return x + y


@app.timer(1.0)
async def _send_tasks() -> None:
    await add.delay(2, y=3)
