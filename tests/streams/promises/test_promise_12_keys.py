"""Keys: raw text, no repartition where a topic is keyed already, and what has none."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.topology import topology
from tests.streams.sales import revenue


def test_promise_12_a_topic_s_key_needs_no_repartition() -> None:
    keyed, other = revenue(key="category"), revenue()
    assert topology(keyed.id, keyed.nodes).repartitions == []
    assert len(topology(other.id, other.nodes).repartitions) == 1


def test_promise_12_keys_that_are_strings_go_out_as_raw_text() -> None:
    app = moldau.App("shop")
    app.stream(app.topic("in", dict)).key_by("k").to("out")
    with moldau.testing.run(app) as t:
        t["in"].send({"k": "čaj"}, {"k": 7}, {"k": None})
        assert [one.key for one in t["out"].records()] == ["čaj".encode(), b"7", None]


def test_promise_12_a_record_without_a_key_is_in_no_group_and_one_without_a_value_is_unread() -> (
    None
):
    app = moldau.App("shop")
    rows = app.stream(app.topic("in", dict, key="k"))
    rows.group_by("k").tumbling("1m").agg(n=moldau.count()).to("out")
    with moldau.testing.run(app) as t:
        t["in"].send_raw(b'{"k":null}')
        t["in"].send_raw(None, key=b"a")
        t["in"].send_raw(b'{"k":"a"}', key=b"a")
        t.end()
        assert [(row["k"], row["n"]) for row in t["out"].values()] == [("a", 1)]
        assert len(t["shop-dlq"].records()) == 1


def said(letter: Any) -> str:
    message: bytes = dict(letter.headers)["moldau-dlq-message"]
    return message.decode()


@pytest.mark.parametrize("key", [b"books", None, b"\xff"])
def test_promise_12_a_record_whose_key_is_not_its_field_is_a_bad_record(key: bytes | None) -> None:
    app = moldau.App("shop")
    rows = app.stream(app.topic("in", dict, key="k"))
    rows.group_by("k").tumbling("1m").agg(n=moldau.count()).to("out")
    with moldau.testing.run(app) as t:
        t["in"].send_raw(b'{"k":"tea"}', key=b"tea")
        t["in"].send_raw(b'{"k":"tea"}', key=key)
        (letter,) = t["shop-dlq"].records()
        assert (letter.key, letter.value) == (key, b'{"k":"tea"}')
        assert said(letter) == (
            f"its key is {key!r} and its field 'k' is 'tea', but topic 'in' is said to be keyed "
            f"by that (key='k'): write it with that key, or leave out key= of the topic, and what "
            f"needs it repartitions"
        )
        assert t.redrive() == 1  # nothing was mended: so it is one again
        assert len(t["shop-dlq"].records()) == 2
        t.end()
        assert [(row["k"], row["n"]) for row in t["out"].values()] == [("tea", 1)]


class Item(msgspec.Struct):
    k: int


@pytest.mark.parametrize("type_", [dict, Item])
def test_promise_12_a_key_that_is_no_text_is_checked_as_it_is_written(type_: Any) -> None:
    app = moldau.App("shop")
    app.stream(app.topic("in", type_, key="k")).map(lambda row: 1).to("out")
    with moldau.testing.run(app) as t:
        t["in"].send_raw(b'{"k":7}', key=b"7")
        t["in"].send_raw(b'{"k":7}', key=b"8")
        assert t["out"].values() == [1]
        assert "its key is b'8' and its field 'k' is 7" in said(*t["shop-dlq"].records())


def test_promise_12_rows_of_a_table_are_checked_and_its_deletions_have_no_field() -> None:
    app = moldau.App("shop")
    rows = app.table(app.topic("rows", dict, key="k"))
    rows.group_by("g").agg(n=moldau.count()).to("out")
    with moldau.testing.run(app) as t:
        t["rows"].send({"k": "a", "g": 1}, {"k": "b", "g": 1})
        t["rows"].send_raw(b'{"k":"c","g":1}', key=b"b")
        t["rows"].send_raw(None, key=b"b")
        t.end()
        assert [row["n"] for row in t["out"].values()][-1] == 1
        assert "its key is b'b' and its field 'k' is 'c'" in said(*t["shop-dlq"].records())
