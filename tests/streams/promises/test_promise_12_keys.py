"""Keys: raw text, no repartition where a topic is keyed already, and what has none."""

from __future__ import annotations

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
