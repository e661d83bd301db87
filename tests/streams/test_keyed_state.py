"""What agents keep by key: kept when the record ends, dropped on an error, back after a restart."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.engine import state as state_module
from moldau.streams.engine.pace import PacedTask
from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import State
from moldau.streams.engine.state_store import InMemory
from moldau.streams.engine.task import Task
from moldau.streams.errors import DefinitionError, StreamsError
from moldau.streams.running.host import AsyncHost
from moldau.streams.running.local_store import DamagedError
from moldau.streams.topology import topology
from tests.streams.sales import Sale, sale


def program() -> tuple[moldau.App, Any, Any, Any]:
    app = moldau.App("shop", on_error=moldau.retry(2))
    orders, out = app.topic("orders", Sale, key="category"), app.topic("out")
    return app, orders, out, app.state("counts", default=int)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_promise_16_state_is_set_when_the_record_ends_and_not_when_it_fails(
    concurrency: int,
) -> None:
    app, orders, out, counts = program()

    @app.agent(orders, states=[counts], concurrency=concurrency)
    async def count(order: Sale) -> None:
        counts[order.category] += 1
        if order.amount == 2:
            raise ValueError("no two")
        await out.send([order.category, counts[order.category]])

    with moldau.testing.run(app, partitions=2) as t:
        t[orders].send(sale(1, "a", "1"), sale(2, "a", "2"), sale(3, "b", "1"), sale(4, "a", "1"))
        assert sorted(t[out].values()) == [["a", 1], ["a", 2], ["b", 1]]


def test_values_that_are_changed_in_place_are_not_kept() -> None:
    app, orders, out, _ = program()
    seen = app.state("seen")

    @app.agent(orders, states=[seen])
    def note(order: Sale) -> None:
        if order.category not in seen:
            seen[order.category] = []
        seen[order.category].append("lost")
        if order.amount == 9:
            del seen[order.category]
        out.send([seen.get(order.category), seen.get("nobody", 0)])

    with moldau.testing.run(app) as t:
        t[orders].send(sale(1), sale(2), sale(3, amount="9"))
        assert t[out].values() == [[[], 0], [[], 0], [None, 0]]


def test_promise_08_state_of_agents_comes_back_from_the_last_marker() -> None:
    app, orders, out, counts = program()

    @app.agent(orders, states=[counts])
    def count(order: Sale) -> None:
        counts[order.category] += 1
        if order.amount == 5:
            del counts[order.category]
        out.send(counts[order.category])

    made = topology(app.id, app.nodes)
    (stage,) = made.stages
    partitions = dict.fromkeys([*stage.topics, "out"], 1)
    host = AsyncHost()

    def feed(task: PacedTask, first: int, count: int, amount: str = "1") -> list[Any]:
        values = [
            msgspec.json.encode(sale(n, "books", amount)) for n in range(first, first + count)
        ]
        offsets = range(first, first + count)
        task.feed("orders", Records(offsets, [0] * count, [b"books"] * count, values), 0)
        while task.is_busy:
            host.work([task])
        sent = [msgspec.json.decode(one.value or b"") for one in task.outputs]
        task.outputs.clear()
        return sent

    def task(state: State, marker: Any = None) -> PacedTask:
        return PacedTask(Task(made, stage, 0, partitions, state, marker, host), host)

    one = task(State())
    assert feed(one, 0, 2) == [1, 2]
    changelog = [(change.key or b"", change.value) for change in one.checkpoint()]
    assert feed(one, 2, 1) == [3]  # and killed before the next marker
    state = State()
    again = task(state, state.restore(changelog))
    assert again.positions["orders"] == 2
    assert feed(again, 2, 2) == [3, 4]
    assert feed(again, 4, 1, "5") == [0]  # what was deleted stays so
    changelog += [(change.key or b"", change.value) for change in again.checkpoint()]
    state = State()
    last = task(state, state.restore(changelog))
    assert feed(last, 5, 1) == [1]
    host.close([one, again, last])


def test_what_state_cannot_be_used_for_is_said() -> None:
    app, orders, _, counts = program()
    with pytest.raises(StreamsError, match=r"state 'counts': .* states=\[counts\]"):
        counts["a"] += 1
    with pytest.raises(DefinitionError, match="two states are named 'counts'"):
        app.state("counts")
    app.agent(orders, states=[counts])(lambda order: None)
    with pytest.raises(DefinitionError, match="must read the same topic"):
        app.agent(app.topic("others"), states=[counts])


def test_state_that_cannot_be_read_is_no_record_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is damaged, or the disk gives nothing: that ends the worker, and no record becomes
    a dead letter."""
    app = moldau.App("shop")
    orders = app.topic("orders", dict)
    seen = app.state("seen", default=int)

    @app.agent(orders, states=[seen])
    def count(order: dict[str, Any]) -> None:
        seen["all"] += 1

    def damaged(*_: object) -> bytes:
        raise DamagedError("the state there is damaged")

    monkeypatch.setattr(state_module, "AT_ONCE", -1)  # nothing is in memory
    monkeypatch.setattr(InMemory, "get", damaged)
    with pytest.raises(DamagedError), moldau.testing.run(app) as t:
        t[orders].send({})
