"""What is wrong in a program is said where it is written, with what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.arguments import _ELSEWHERE
from moldau.streams.errors import DefinitionError
from moldau.streams.program import Topic


class Sale(msgspec.Struct):
    category: str
    amount: int
    time: datetime


async def awaited(record: Sale) -> Any: ...


def _grouped(app: moldau.App, sales: Topic) -> Any:
    return app.stream(sales).group_by("category")


def _branches(app: moldau.App, sales: Topic) -> Any:
    return app.table(sales).group_by("category")


fold: Any = moldau.fold  # as who does not check types
WRONG: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "stream of a name": (lambda app, s: app.stream("sales"), "app.topic('sales', Order)"),
    "table of a name": (lambda app, s: app.table("sales"), "app.topic('sales', Order)"),
    "global table of a name": (lambda app, s: app.global_table("s"), "app.topic('s', Order)"),
    "agent of a name": (lambda app, s: app.agent("sales")(print), "app.topic('sales', Order)"),
    "agent of a table": (lambda app, s: app.agent(app.table(s))(print), "table.stream()"),
    "punctuate": (lambda app, s: app.punctuate("sales", "1m")(print), "app.topic('sales', Order)"),
    "to": (lambda app, s: app.stream(s).to(5), "to: a int is no topic"),
    "table.to": (lambda app, s: app.table(s).to(None), "to: a NoneType is no topic"),
    "table.to, every": (lambda app, s: app.table(s).to("x", every=5), "as in '500ms'"),
    "table.to, final": (lambda app, s: app.table(s).to("x", emit="final"), "write every='5s'"),
    "table.to, emit": (lambda app, s: app.table(s).to("x", emit="each"), "nor 'updates'"),
    "table.to twice": (lambda app, s: app.table(s).to("x").to("x"), "goes to 'x' already"),
    "to, every": (lambda app, s: app.stream(s).to("x", every="5s"), "write .to(...) there"),
    "join of a topic": (lambda app, s: app.stream(s).join(s, within="1m"), "app.stream(topic)"),
    "join_asof of a table": (
        lambda app, s: app.stream(s).join_asof(app.table(s), tolerance="1m"),
        "table.stream()",
    ),
    "merge of a topic": (lambda app, s: app.stream(s).merge(s), "app.stream(topic)"),
    "map": (lambda app, s: app.stream(s).map("category"), "'category' is no function"),
    "async map": (lambda app, s: app.stream(s).map(awaited), "awaited is async"),
    "async filter": (lambda app, s: app.stream(s).filter(awaited), "@app.agent"),
    "async flat_map": (lambda app, s: app.stream(s).flat_map(awaited), "@app.agent"),
    "async peek": (lambda app, s: app.stream(s).peek(awaited), "@app.agent"),
    "async branch": (lambda app, s: app.stream(s).branch(awaited), "@app.agent"),
    "async group_by": (lambda app, s: app.stream(s).group_by(awaited), "@app.agent"),
    "async table.map": (lambda app, s: app.table(s).map(awaited), "@app.agent"),
    "async table.filter": (lambda app, s: app.table(s).filter(awaited), "@app.agent"),
    "async join": (lambda app, s: app.stream(s).join(app.table(s), awaited), "@app.agent"),
    "agg of a field": (lambda app, s: _grouped(app, s).agg(n="amount"), "n=moldau.sum('x')"),
    "agg not called": (lambda app, s: _grouped(app, s).agg(n=moldau.count), "n=moldau.count()"),
    "agg of no field": (
        lambda app, s: _grouped(app, s).agg(n=moldau.sum("amont")),
        "did you mean 'amount'?",
    ),
    "top_k by no field": (
        lambda app, s: _grouped(app, s).agg(n=moldau.top_k("amount", 1, by="tme")),
        "did you mean 'time'?",
    ),
    "table's agg of no field": (
        lambda app, s: _branches(app, s).agg(n=moldau.sum("amont")),
        "did you mean 'amount'?",
    ),
    "table's agg": (lambda app, s: _branches(app, s).agg(n="amount"), "n=moldau.sum('x')"),
    "fold in sessions": (
        lambda app, s: _grouped(app, s).session("1m").agg(n=moldau.fold(int, max)),
        "merge=",
    ),
    "fold of a value": (
        lambda app, s: _grouped(app, s).agg(n=moldau.fold(0, max)),  # type: ignore[arg-type]
        "fold: 0 is no function",
    ),
    "fold the wrong way round": (
        lambda app, s: fold(lambda total, sale: total + sale.amount, int),
        "(total, sale) as its parameters: are the two the other way round?",
    ),
    "fold of a builtin, the wrong way round": (
        lambda app, s: fold(max, int),
        "called with nothing, and cannot be with max as its parameters: are the two the other way",
    ),
    "fold that begins with a record": (
        lambda app, s: fold(lambda record: 0, lambda total, sale: total),
        "cannot be with (record) as its parameters; write it as in fold(lambda: 0, lambda state",
    ),
    "fold that adds nothing": (
        lambda app, s: fold(int, lambda total: total + 1),
        "add is called with state and record, and cannot be with (total) as its parameters",
    ),
    "fold that merges one": (
        lambda app, s: fold(int, lambda a, b: a, merge=lambda a: a),
        "merge is called with two states, and cannot be with (a)",
    ),
    "fold with a result of two": (
        lambda app, s: fold(int, lambda a, b: a, result=lambda a, b: a),
        "result is called with the state, and cannot be with (a, b)",
    ),
    "fold that removes a value": (
        lambda app, s: fold(int, lambda a, b: a, remove=0),
        "remove is called with state and row, and cannot be with 0",
    ),
    "top_k the wrong way round": (
        lambda app, s: moldau.top_k(3, "amount"),  # type: ignore[arg-type]
        "k='amount' is no count of 1 or more, as in top_k('amount', 3)",
    ),
    "hours by the calendar": (
        lambda app, s: _grouped(app, s).calendar("hour", "Europe/Prague"),
        "tumbling('1h')",
    ),
    "agent without a record": (
        lambda app, s: app.agent(s)(lambda: None),
        "called with the record alone, and cannot be with ()",
    ),
    "agent of two": (
        lambda app, s: app.agent(s)(lambda key, value: None),
        "cannot be with (key, value)",
    ),
    "topic twice": (
        lambda app, s: (app.stream(s), app.stream(app.topic("sales", dict))),
        "'sales' is read with type Sale already, and cannot be read with dict",
    ),
    "table of a topic that is read otherwise": (
        lambda app, s: (app.stream(s), app.table(app.topic("sales", Sale, event_time="time"))),
        "'sales' is read with key category already",
    ),
    "topic": (lambda app, s: app.topic("my sales"), "topic 'my sales' can be no topic's name"),
    "id": (lambda app, s: moldau.App("my app"), "'my app' can be no topic's name"),
    "until": (lambda app, s: moldau.App("app", until="ende"), "until='ende'"),  # type: ignore[arg-type]
    "topic's until": (lambda app, s: app.topic("in", until="ende"), "topic 'in': until='ende'"),
    "topic for ever": (
        lambda app, s: moldau.App("app", until="end").topic("in", until=None),
        "topic 'in': until=None is for ever",
    ),
    "global table's until": (
        lambda app, s: app.global_table(app.topic("in", until="end")),
        "topic 'in': a global table is followed",
    ),
    "one topic until two ends": (
        lambda app, s: (app.stream(app.topic("in", until="end")), app.stream(app.topic("in"))),
        "'in' is read with until end already",
    ),
    "standbys": (lambda app, s: moldau.App("app", standbys="1"), "standbys='1'"),  # type: ignore[arg-type]
    "group_by of several": (
        lambda app, s: app.stream(s).group_by("category", "amount"),
        "several: give a function of them, as in group_by(lambda one: (one.category, one.amount))",
    ),
    "group_by of a list": (
        lambda app, s: app.stream(app.topic("in")).group_by(["shop", "day"]),
        """as in group_by(lambda one: (one["shop"], one["day"]))""",
    ),
    "key_by of several": (
        lambda app, s: app.stream(s).key_by("category", "amount"),
        "key_by: one field is wanted, and category, amount are several",
    ),
    "group_by of a table": (
        lambda app, s: app.table(s).group_by("category", "amount"),
        "group_by: one field is wanted",
    ),
    "agg without a name": (
        lambda app, s: _grouped(app, s).agg(moldau.count()),
        "agg: give each aggregate the name that it has in the result",
    ),
    "agg of a window without a name": (
        lambda app, s: _grouped(app, s).tumbling("1m").agg(moldau.count()),
        "agg: give each aggregate the name that it has in the result",
    ),
    "agg of a table's groups without a name": (
        lambda app, s: app.table(s).group_by("category").agg(moldau.count()),
        "agg: give each aggregate the name that it has in the result",
    ),
    "config": (lambda app, s: moldau.App("app", config=5), "config=5"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_where_it_is_written(what: str) -> None:
    declare, said = WRONG[what]
    app = moldau.App("app")
    sales = app.topic("sales", Sale, event_time="time", key="category")
    with pytest.raises(DefinitionError) as raised:
        declare(app, sales)
    assert said in str(raised.value)


@pytest.mark.parametrize("name", _ELSEWHERE)
def test_a_verb_of_another_library_is_told_by_its_name_here(name: str) -> None:
    app = moldau.App("app")
    stream = app.stream(app.topic("in"))
    with pytest.raises(AttributeError) as raised:
        getattr(stream, name)
    assert str(raised.value).endswith(f"; here it is .{_ELSEWHERE[name]}")
    verb, _, behind = _ELSEWHERE[name].partition("(")
    found = getattr(stream, verb)
    if ")." in behind:
        assert hasattr(found("of"), behind.partition(").")[2].partition("(")[0])


def test_a_verb_that_is_not_there_yet_is_told_with_what_comes_first() -> None:
    app = moldau.App("app")
    stream = app.stream(app.topic("sales", Sale))
    with pytest.raises(AttributeError, match=r"'tumbling': \.group_by\(\.\.\.\)\.tumbling"):
        stream.tumbling("1m")  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"'to': \.agg\(n=moldau\.count\(\)\)\.to"):
        stream.group_by("category").tumbling("1m").to("out")  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"no attribute 'mep'$"):
        stream.mep(len)  # type: ignore[attr-defined]


def test_a_step_s_name_names_topics() -> None:
    app = moldau.App("app")
    sales = app.topic("sales", Sale, event_time="time")
    _grouped(app, sales).agg(name="per category", n=moldau.count()).to("out")
    with (
        pytest.raises(DefinitionError, match="step 'per category': its topic"),
        moldau.testing.run(app),
    ):
        pass


def test_a_topic_may_be_declared_twice_when_it_says_the_same() -> None:
    app = moldau.App("app")
    for name in ("a", "b"):
        sales = app.topic("sales", Sale, event_time="time")
        app.stream(sales).filter(lambda sale: sale.amount > 1).to(name)
    with moldau.testing.run(app) as t:
        t["sales"].send(Sale("books", 2, datetime(2026, 1, 1)))
        assert len(t["a"].records()) == len(t["b"].records()) == 1


def test_a_topic_may_say_otherwise_than_its_program() -> None:
    app = moldau.App("app", close_after_silence="5m", idle_after="30s")
    assert app.topic("as-app").close_after_silence == 300_000
    assert app.topic("never", close_after_silence=None).close_after_silence is None
    assert app.topic("always-waited-for", idle_after=None).idle_after is None
    assert app.topic("at-once", idle_after="0s").idle_after == 0


def _lines(sale: Sale) -> list[Sale]:
    return [sale]


def _each_line(sale: Sale) -> Iterator[Sale]:
    yield sale


@pytest.mark.parametrize("function", [_lines, _each_line])
def test_what_flat_map_makes_is_known_by_its_annotation(function: Any) -> None:
    app = moldau.App("app")
    lines = app.stream(app.topic("sales", Sale, event_time="time")).flat_map(function)
    with pytest.raises(DefinitionError, match="did you mean 'category'"):
        lines.group_by("categry")
    lines.group_by("category").agg(total=moldau.sum("amount")).to("totals")
    with moldau.testing.run(app) as t:
        t["sales"].send(Sale("books", 2, datetime(2026, 1, 1)))
        assert t["totals"].values() == [{"category": "books", "total": 2}]
