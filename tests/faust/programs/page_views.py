# mypy: ignore-errors
"""The tutorial of page views: a table by another key than the records'."""

import os

import moldau.faust as faust

app = faust.App("page_views", broker=os.environ.get("KAFKA", "kafka://"), topic_partitions=4)


class PageView(faust.Record):
    id: str
    user: str


page_view_topic = app.topic("page_views", value_type=PageView)
page_views = app.Table("page_views", default=int)


@app.agent(page_view_topic)
async def count_page_views(views):
    async for view in views.group_by(PageView.id):
        page_views[view.id] += 1
        print(view.id, page_views[view.id], flush=True)
