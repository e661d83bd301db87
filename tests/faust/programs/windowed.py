# mypy: ignore-errors
"""A windowed table of lists, whose windows are told of when they close."""

import os
from datetime import datetime, timedelta

import moldau.faust as faust


class RawModel(faust.Record):
    date: datetime
    value: float


class AggModel(faust.Record):
    date: datetime
    count: int
    mean: float


app = faust.App(
    "windowed-agg", broker=os.environ.get("KAFKA", "kafka://"), version=1, topic_partitions=1
)
app.conf.table_cleanup_interval = 1.0
source = app.topic("raw-event", value_type=RawModel)
sink = app.topic("agg-event", value_type=AggModel)


def window_processor(key, events):
    values = [event.value for event in events]
    mean = sum(values) / len(values)
    sink.send_soon(value=AggModel(date=key[1][0], count=len(values), mean=mean))


tumbling_table = (
    app.Table("tumbling_table", default=list, partitions=1, on_window_close=window_processor)
    .tumbling(10, expires=timedelta(seconds=1))
    .relative_to_field(RawModel.date)
)


@app.agent(source)
async def print_windowed_events(stream):
    async for event in stream:
        value_list = tumbling_table["events"].value()
        value_list.append(event)
        tumbling_table["events"] = value_list
