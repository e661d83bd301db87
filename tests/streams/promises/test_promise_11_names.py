"""State belongs to a step by its name: a program that no longer fits it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import moldau
from moldau.streams.engine.state import State
from moldau.streams.engine.task import Task
from moldau.streams.errors import StreamsError
from moldau.streams.running.host import AsyncHost
from moldau.streams.topology import topology

HOSTS: list[AsyncHost] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while HOSTS:
        HOSTS.pop().close()


def host() -> AsyncHost:
    HOSTS.append(AsyncHost())
    return HOSTS[-1]


def task(app: moldau.App, changelog: list[tuple[bytes, bytes | None]] | None = None) -> Task:
    made = topology(app.id, app.nodes)
    state = State()
    marker = state.restore(changelog or [])
    stage = made.stages[0]
    counts = dict.fromkeys([*stage.topics, "out"], 1)
    return Task(made, stage, 0, counts, state, marker, host())


def kept(app: moldau.App) -> list[tuple[bytes, bytes | None]]:
    """A changelog of a program that has read one record."""
    one = task(app)
    one.passed("in", 1)
    return [(change.key or b"", change.value) for change in one.checkpoint()]


def with_state(name: str) -> moldau.App:
    app = moldau.App("shop")
    counts = app.state(name, default=int)

    @app.agent(app.topic("in", dict, key="k"), states=[counts])
    def count(row: Any) -> None:
        counts[row["k"]] += 1

    return app


def test_promise_11_state_of_handlers_under_another_name_is_refused() -> None:
    changelog = kept(with_state("counts"))
    task(with_state("counts"), changelog)
    with pytest.raises(StreamsError, match=r"keeps app.state\('counts'\).*give it its name again"):
        task(with_state("numbers"), changelog)


def test_promise_11_another_k_of_top_k_is_refused() -> None:
    def best(k: int) -> moldau.App:
        app = moldau.App("shop")
        rows = app.stream(app.topic("in", dict, key="k")).group_by("k").tumbling("1m")
        rows.agg(best=moldau.top_k("n", k)).to("out")
        return app

    changelog = kept(best(2))
    task(best(2), changelog)
    with pytest.raises(StreamsError, match=r"best was top_2\(n, n\) and is top_3\(n, n\)"):
        task(best(3), changelog)


def test_promise_11_a_faust_table_under_another_name_is_refused() -> None:
    import moldau.faust as faust

    def counting(name: str) -> moldau.App:
        app = faust.App("shop", broker="kafka://localhost:9092", value_serializer="json")
        counts = app.Table(name, default=int)

        @app.agent(app.topic("in", value_type=dict))
        async def count(rows: Any) -> None:
            async for row in rows:
                counts[row["k"]] += 1

        return app.program

    def stage(app: moldau.App, changelog: list[tuple[bytes, bytes | None]]) -> Task:
        made = topology(app.id, app.nodes)
        state = State()
        marker = state.restore(changelog)
        (keeps,) = (one for one in made.stages if one.is_stateful)
        counts = {topic: 1 for one in made.stages for topic in one.topics}
        return Task(made, keeps, 0, counts, state, marker, host())

    first = stage(counting("orders"), [])
    first.passed("in", 1)
    changelog = [(change.key or b"", change.value) for change in first.checkpoint()]
    with pytest.raises(StreamsError, match=r"keeps state of step 'table-orders'"):
        stage(counting("others"), changelog)
