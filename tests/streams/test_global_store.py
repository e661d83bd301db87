"""A global table of which not all rows are in memory is the same as one of which all are."""

from __future__ import annotations

import random
import tempfile
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.streams.engine import state as state_module
from moldau.streams.engine.global_store import GlobalStore, known
from moldau.streams.engine.state_memory import shrink
from moldau.streams.engine.typed_keys import plain
from moldau.streams.errors import Trouble
from moldau.streams.running import kept_tables
from moldau.streams.running.local_store import LocalStore
from moldau.streams.watching.question import Refused
from moldau.streams.watching.rows import GlobalRows
from tests.drawn import share

KEYS: dict[Any, list[bytes]] = {
    str: [b"a", b"b", b"ab", b"", "ä".encode(), b"\xff"],
    int: [b"1", b"10", b"9", b" 9", b"-3", b"100000000000000000000"],
    int | bool | float | None: [b"1", b"1.0", b"true", b"null", b"0.0", b"-0.0"],
    tuple[int, int | None]: [b"[1,null]", b"[1,2]", b"[1, 2]", b"[1, null]"],
}
numbers = st.integers(0, 5)
steps = st.lists(
    st.tuples(st.just("put"), st.lists(st.tuples(numbers, st.integers(0, 9) | st.none())))
    | st.tuples(st.sampled_from(["get", "fetch", "page"]), numbers)
    | st.tuples(st.sampled_from(["shrink", "shrink", "again"]), st.none()),
    max_size=40,
)


def topic_of(key_type: Any) -> Any:
    key = msgspec.defstruct("Row", [("k", key_type), ("n", int)])
    return moldau.App("shop").topic("rows", key, key="k", format=Numbers())


class Numbers:
    @staticmethod
    def decode(data: bytes) -> Any:
        return [int(data)]

    @staticmethod
    def encode(value: Any) -> bytes:
        return str(value[0]).encode()


class Life:
    """A table over restarts, with next to nothing in memory."""

    def __init__(self, folder: Path, topic: Any) -> None:
        self._folder = folder
        self._topic = topic
        self.store: LocalStore | None = None
        self.begin()

    def begin(self) -> None:
        if self.store is not None:
            self.store.close()
        self.store = LocalStore(self._folder, "topic", is_shared=True)
        self.rows = GlobalStore(self._topic, self.store, threading.RLock())


@settings(max_examples=share(60), deadline=None)
@given(st.sampled_from(list(KEYS)), st.sampled_from([0, 1, 10_000]), steps)
def test_it_is_a_dict_whatever_is_let_go_of(
    key_type: Any, at_once: int, steps: list[tuple[str, Any]]
) -> None:
    topic, names = topic_of(key_type), KEYS[key_type]
    key_of = topic.key_format.decode
    there: dict[Any, Any] = {}
    spans: dict[int, tuple[int, int]] = {}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(state_module, "AT_ONCE", at_once)
        life = Life(Path(folder), topic)
        for number, (what, some) in enumerate(steps):
            name = names[(some if isinstance(some, int) else 0) % len(names)]
            key = known(key_of(name))
            if what == "put":
                keys = [names[one % len(names)] for one, _ in some]
                values = [None if one is None else str(one).encode() for _, one in some]
                spans = {0: (3, number), 1: (0, 0)}
                life.rows.put([None, *keys], [b"no key", *values], spans)
                for one, (_, value) in zip(keys, some, strict=True):
                    there.pop(known(key_of(one)), None)
                    there.update({} if value is None else {known(key_of(one)): [value]})
            elif what == "get":
                assert life.rows.lookup(key) == there.get(key)
            elif what == "fetch":
                life.rows.fetch([key])
            elif what == "page":
                pages = GlobalRows(topic, {"rows": life.rows})
                found = pages.behind(None, 2)
                rows = list(found)
                while found:
                    found = pages.behind(found[-1].name, 2)
                    rows += found
                assert {known(key_of(one.name)): one.value for one in rows} == there
                one_row = pages.get([name])
                assert (one_row and one_row.value) == there.get(key)
            elif what == "shrink":
                shrink([life.rows.state], 0)
            else:
                life.begin()
            assert life.rows.spans == spans
        assert dict(life.rows) == there
        assert len(life.rows) == len(there)
        assert [key in life.rows for key in there] == [True] * len(there)
        assert life.store is not None
        life.store.close()


def test_memory_is_below_its_bound(tmp_path: Path) -> None:
    app = moldau.App("shop")
    life = Life(tmp_path, app.topic("rows", dict))
    chance = random.Random(1)
    for begin in range(0, 20_000, 500):
        numbers = range(begin, begin + 500)
        keys = [str(number).encode() for number in numbers]
        life.rows.put(keys, [msgspec.json.encode({"n": number}) for number in numbers])
        shrink([life.rows.state], 1_000_000)
        (cache,) = life.rows.state.caches
        assert 0 < cache.used <= 1_000_000
        some = chance.randrange(begin + 500)
        assert life.rows.lookup(str(some)) == {"n": some}
    assert len(life.rows) == 20_000
    assert life.store is not None
    life.store.close()


def test_threads_look_into_it_while_it_changes_and_lets_go(tmp_path: Path) -> None:
    life = Life(tmp_path, moldau.App("shop").topic("rows", int))
    keys = [str(number).encode() for number in range(200)]
    life.rows.put(keys, [b"1"] * 200)
    is_over, wrong = threading.Event(), list[Any]()

    def look() -> None:
        seen = dict.fromkeys(range(200), 1)
        while not is_over.is_set():
            for number in range(200):
                found = life.rows.lookup(str(number))
                if found is None or found < seen[number]:
                    wrong.append((number, found, seen[number]))
                    return
                seen[number] = found
            if len(life.rows.behind(b"1", 50)) != 50:
                wrong.append("a page")

    threads = [threading.Thread(target=look) for _ in range(2)]
    for one in threads:
        one.start()
    for turn in range(2, 100):
        life.rows.put(keys, [str(turn).encode()] * 200)
        shrink([life.rows.state], 0)
    is_over.set()
    for one in threads:
        one.join()
    assert wrong == []
    assert life.store is not None
    life.store.close()


class Late:
    """A lock that another takes first, once."""

    before: Any = None
    times = 1  # that it is taken, until then

    def __enter__(self) -> None:
        self.times -= 1
        if self.times == 0 and self.before is not None:
            self.before()

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_a_row_that_comes_while_a_thread_looks_for_it_is_there_or_not(times: int) -> None:
    """It was None, which a row may be too."""
    lock = Late()
    store = GlobalStore(topic_of(str), lock=lock)
    lock.before, lock.times = lambda: store.put([b"a"], [b"1"]), times
    assert store.get("a", "none") in ([1], "none")
    assert store["a"] == [1]


def test_two_threads_look_for_what_was_let_go_of_at_once() -> None:
    lock = Late()
    store = GlobalStore(topic_of(str), lock=lock)
    store.put([b"a"], [b"1"])
    (cache,) = store.state.caches
    cache.shrink()
    lock.before, lock.times = lambda: store.lookup("a"), 1
    assert store.lookup("a") == [1]


def test_a_page_goes_on_in_the_order_of_keys() -> None:
    store = GlobalStore(topic_of(int))
    store.put([b"10", b"9", b"100", b"-1"], [b"1", b"2", b"3", b"4"])
    rows = GlobalRows(topic_of(int), {"rows": store})
    assert [plain(one.key) for one in rows.behind(None, 3)] == [-1, 9, 10]
    assert [one.name for one in rows.behind(b"10", 3)] == [b"100"]
    with pytest.raises(Refused, match="is no key of this table"):
        rows.behind(b"ten", 3)
    with pytest.raises(Refused, match="is being read, or its worker ends"):
        GlobalRows(topic_of(int), {}).get([b"10"])


def test_what_can_be_no_key_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "AT_ONCE", -1)
    life = Life(tmp_path, moldau.App("shop").topic("rows", int))
    nothing = object()
    life.rows.fetch([nothing, "a"])
    assert life.rows.lookup(known(nothing)) is None
    assert life.store is not None
    life.store.close()


def test_a_row_that_cannot_be_read_is_named() -> None:
    store = GlobalStore(moldau.App("shop").topic("rows", int))
    with pytest.raises(Trouble, match="global table 'rows': a row of it cannot be read"):
        store.put([b"a"], [b"five"])
    store = GlobalStore(topic_of(int))
    with pytest.raises(Trouble, match="'rows': the key b'five' of a row of it cannot be read"):
        store.put([b"five"], [b"1"])


def test_rows_are_kept_for_a_topic_as_it_is_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class of the same name may have other fields by now."""
    monkeypatch.setattr(kept_tables, "topic_id", lambda *_: "topic")
    admin: Any = None
    topics = [topic_of(key_type) for key_type in KEYS]
    assert len({repr(one.type) for one in topics}) == 1
    assert len({kept_tables.id_of(admin, one) for one in topics}) == len(KEYS)


def test_rows_that_cannot_be_read_any_more_are_read_anew(tmp_path: Path) -> None:
    """The topic may have others by now, and was compacted."""
    said: list[str] = []
    admin: Any = None
    app = moldau.App("shop", state_dir=tmp_path)
    life = Life(tmp_path, app.topic("rows", str))
    life.rows.put([b"a"], [b'"one"'], {0: (0, 1)})
    assert life.store is not None
    opening = kept_tables.KeptTables(app, 0, admin, said.append)
    rows = opening._rows(moldau.App("shop").topic("rows", int), life.store, threading.RLock())
    assert (dict(rows), rows.spans) == ({}, {})
    assert said == [
        f"{tmp_path}: rows there are not as they are declared now: it is thrown away, and the "
        f"topic read anew"
    ]
    life.store.close()
