"""The programs of Faust's documentation run: on topics in memory, by the clock of the test."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

import moldau
from moldau.streams.faust import cli

START = 1_767_225_600.0


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A module of its own for each test."""
    name = f"tests.faust.programs.{request.param}"
    sys.modules.pop(name, None)
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


def of(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("program", [name], indirect=True)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


@of("hello")
def test_the_quick_start_prints(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with moldau.testing.run(program.app) as t:
        t[program.greetings_topic].send("Hello Faust")
    assert said(capsys) == ["b'Hello Faust'"]


@of("greeting")
def test_the_introduction(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with moldau.testing.run(program.app) as t:
        t.advance("2s")
    assert said(capsys) == ["Hello from Faust to you"] * 2


@of("page_views")
def test_page_views_are_counted_by_page(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    views = [{"id": "foo", "user": "a"}, {"id": "bar", "user": "b"}, {"id": "foo", "user": "c"}]
    with moldau.testing.run(program.app, partitions=4) as t:
        for view in views:
            t[program.page_view_topic].send(view, key=view["user"])
        assert dict(program.page_views.items()) == {"foo": 2, "bar": 1}
    assert said(capsys) == ["foo 1", "bar 1", "foo 2"]


@of("leader")
def test_the_leader_sends(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with moldau.testing.run(program.app) as t:
        t.advance("400ms")
    lines = said(capsys)
    assert lines.count("PUBLISHING ON LEADER!") == 2
    assert len([float(one) for one in lines if one[0] == "0"]) == 2


@of("word_count")
def test_words_are_counted(
    program: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with moldau.testing.run(program.app, partitions=8) as t:
        t.advance("1s")
        assert dict(program.word_counts.items()) == dict.fromkeys(program.WORDS, 20)
    lines = said(capsys)
    at = lines.index("TALLY")
    assert lines[at + 1 : at + 4] == ["word   count", "------------", "brown  20"]
    assert not [one for one in caplog.messages if "used under" in one]


@of("withdrawals")
def test_withdrawals_in_windows(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def withdrawal(number: int) -> dict[str, Any]:
        return {
            "user": f"u{number % 2}",
            "country": "cz",
            "amount": 10.0,
            "date": "2026-01-01T00:00:00+00:00",
        }

    with moldau.testing.run(program.app, partitions=4) as t:
        for number in range(4):
            t[program.withdrawals_topic].send(withdrawal(number), key=f"u{number % 2}")
        t.advance("11s")
        t[program.withdrawals_topic].send(withdrawal(0), key="u0")
    assert said(capsys) == ["cz 10", "cz 20", "cz 30", "cz 40", "cz 10"]


@of("people")
def test_sets_are_changed_in_place(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with moldau.testing.run(program.app, partitions=4) as t:
        t[program.joining_topic].send("ann", "bob", key="room")
        t[program.leaving_topic].send("ann", key="room")
        assert dict(program.table.items()) == {"room": {"bob"}}
    assert said(capsys)[-1] == "ann left room: ['bob']"


@of("windowed")
def test_windows_that_close_are_told_of(program: Any) -> None:
    with moldau.testing.run(program.app) as t:
        for second, value in ((0, 1.0), (4, 2.0), (9, 6.0), (11, 5.0), (21, 0.0)):
            t[program.source].send({"date": START + second, "value": value})
            t.advance("5s")
        closed = [(one.date, one.count, one.mean) for one in t[program.sink].values()]
        assert closed == [(START, 3, 3.0), (START + 10, 1, 5.0)]


@of("windowing")
def test_windows_are_asked(program: Any) -> None:
    with moldau.testing.run(program.app) as t:
        t.advance("44s")
    hopping, tumbling = program.seen[::2], program.seen[1::2]
    assert [one[0] for one in tumbling[:6]] == [1, 2, 3, 4, 1, 2]
    assert {tuple(one[:3]) for one in hopping} == {(1, 1, 1), (2, 2, 2), (3, 3, 3)}
    assert [hopping[0][3], tumbling[0][3]] == [0, 0]
    assert [tumbling[-1][3], hopping[-1][3]] == [5, 5]


@of("rpc")
def test_agents_ask_agents(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with moldau.testing.run(program.app, partitions=2) as t:
        t.advance("1s")
    assert said(capsys) == [
        "JOINED: [900.0, 1600.0, 2500.0]",
        "MAPPED: [900.0, 1600.0, 2500.0]",
    ]


@of("adding")
def test_what_an_agent_yields_goes_to_its_sinks(program: Any) -> None:
    with moldau.testing.run(program.app) as t:
        t[program.topic].send(program.Add(4, 4))
        assert t[program.log].values() == [8]
    assert program.told == [8, 8, "received 8"]


@of("channels")
def test_channels_and_bound_agents(program: Any) -> None:
    with moldau.testing.run(program.app) as t:
        t.advance("3s")
    names = [type(one).__name__ for one in program.handled]
    assert names.count("DeadLetter") == 2
    assert sorted(o.device_id for o in program.handled if hasattr(o, "device_id")) == [1, 2, 4, 5]
    letter = next(one for one in program.handled if hasattr(one, "stage"))
    assert letter == program.DeadLetter("one", program.DeviceAction(0))


@of("task_queue")
def test_a_queue_of_tasks(program: Any) -> None:
    with moldau.testing.run(program.app) as t:
        t.advance("2s")
    assert program.results == [5, 5]


@of("streams")
def test_the_operations_of_streams(program: Any) -> None:
    orders = [program.Order("a", 5.0), program.Order("b", 15.0), program.Order("a", 25.0)]
    with moldau.testing.run(program.app) as t:
        for order in orders:
            t[program.orders].send(order, key=f"k{order.price:.0f}")
        assert t[program.copy_1].values() == t[program.copy_2].values() == orders
        assert t["forwarded"].values() == orders
        assert [one.price for one in t[program.large].values()] == [15.0, 25.0]
    seen = program.seen
    assert seen["items"] == [("k5", 5.0), ("k15", 15.0), ("k25", 25.0)]
    assert seen["events"][1] == ("orders", 1, "k15", "b")
    assert list(chain(*seen["lists"])) == [5.0, 15.0, 25.0]
    assert list(chain(*seen["event_lists"])) == [(0, 5.0), (1, 15.0), (2, 25.0)]
    assert seen["numbered"] == [(0, 5.0), (1, 15.0), (2, 25.0)]
    assert seen["through"] == [15.0, 25.0]
    assert seen["grouped"] == [("a", 5.0), ("b", 15.0), ("a", 25.0)]
    assert seen["echoed"] == [5.0, 15.0, 25.0]


@of("transfers")
def test_values_without_a_description_and_a_codec_of_ones_own(program: Any) -> None:
    small, large = ({"account_id": "a", "amount": amount} for amount in (10.0, 2000.0))
    with moldau.testing.run(program.app) as t:
        t[program.transfers_topic].send(small, large)
        assert t[program.large_transfers_topic].values() == [large]


@of("adding")
def test_commands_read_their_words(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    words = cli.parser(program.app, "adding").parse_args(["send-value", "4", "8", "--print"])
    assert (words.a, words.b, words.print) == (4, 8, True)
    with pytest.raises(SystemExit):
        cli.parser(program.app, "adding").parse_args(["send-value", "four", "8"])
    assert "invalid int value: 'four'" in capsys.readouterr().err


@of("withdrawals")
def test_options_come_from_the_environment(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(words: list[str]) -> Any:
        return cli.parser(program.app, "withdrawals").parse_args(words)

    assert vars(parse(["produce"])) == {
        "command": "produce",
        "max_latency": 0.5,
        "max_messages": None,
    }
    monkeypatch.setenv("PRODUCE_LATENCY", "0.25")
    assert parse(["produce", "--max-messages", "3"]).max_latency == 0.25


def test_an_agent_that_asks_one_that_waits_for_it_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import moldau.faust as faust

    app = faust.App("around")
    numbers = app.topic("numbers", value_type=int)

    @app.agent(numbers)
    async def first(stream: Any) -> None:
        async for number in stream:
            await second.ask(number)

    @app.agent(numbers)
    async def second(stream: Any) -> Any:
        async for number in stream:
            yield number

    with moldau.testing.run(app) as t:
        t[numbers].send(1)
        (letter,) = t["around-dlq"].records()
    told = dict(letter.headers or [])["moldau-dlq-message"] or b""
    assert b"they read one topic or share a table" in told


def test_an_answer_goes_to_the_topic_that_is_asked_for() -> None:
    import moldau.faust as faust

    app = faust.App("shop")
    counts = app.Table("counts", default=int)
    names = app.topic("names", value_type=str)
    answers = app.topic("answers")

    @app.agent(names)
    async def count(stream: Any) -> Any:
        async for name in stream:
            counts[name] += 1
            yield counts[name]

    @app.agent(app.topic("questions"))
    async def asks(stream: Any) -> None:
        async for name in stream:
            await count.send(value=name, reply_to=answers, correlation_id="7")

    with moldau.testing.run(app, partitions=3) as t:
        t["questions"].send("ann")
        (answer,) = t[answers].records()
    assert json.loads(answer.value or b"") == {
        "key": "ann",
        "value": 1,
        "correlation_id": "7",
        "__faust": {"ns": "@ReqRepResponse"},
    }


def test_what_waits_for_an_answer_can_be_given_up() -> None:
    import moldau.faust as faust

    app = faust.App("slow")
    never = app.topic("never")
    tried = []

    @app.agent(never)
    async def sleeps(stream: Any) -> Any:
        async for _ in stream:
            await asyncio.sleep(3600)
            yield 1

    @app.timer(1.0)
    async def asks() -> None:
        try:
            await asyncio.wait_for(sleeps.ask(1), 0.5)
        except TimeoutError:
            tried.append("gave up")

    with moldau.testing.run(app) as t:
        t.advance("1600ms")
    assert tried == ["gave up"]
    assert app.calls._waiting == {}
