# mypy: ignore-errors
"""The quick start."""

import os

import moldau.faust as faust

app = faust.App("hello-world", broker=os.environ.get("KAFKA", "kafka://"), value_serializer="raw")
greetings_topic = app.topic("greetings")


@app.agent(greetings_topic)
async def greet(greetings):
    async for greeting in greetings:
        print(greeting, flush=True)


if __name__ == "__main__":
    app.main()
