"""Global tables that are kept on the machine: what a worker finds there is what the topic holds."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.engine import state as state_module
from moldau.streams.engine.coding import encode
from moldau.streams.engine.global_store import GlobalStore
from moldau.streams.engine.state_store import Stamp
from moldau.streams.running import kept_tables, task_state
from moldau.streams.running.local_store import FILE, LocalStore
from moldau.streams.running.worker import Worker
from tests.streams.committed import values
from tests.streams.shop_worker import worker
from tests.streams.test_joins_on_a_broker import make_topics
from tests.streams.test_state_on_a_broker import running
from tests.tools.test_worker import wait_for

pytestmark = pytest.mark.slow

SETTINGS = {"session.timeout.ms": 2000, "heartbeat.interval.ms": 300, "log_level": 3}
PROGRAM = """
from pathlib import Path
from tests.streams.test_global_tables_on_a_broker import named
app = named({servers!r}, {name!r}, Path({folder!r}), state_memory="200KB")
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with moldau.Broker(config={"group.min.session.timeout.ms": 500}) as broker:
        yield broker.bootstrap_servers


def named(servers: str, name: str, state_dir: Path, **settings: Any) -> moldau.App:
    """Of each order, what its customer is called now."""
    app = moldau.App(
        name, servers, checkpoint="100ms", state_dir=state_dir, config=SETTINGS, **settings
    )
    names = app.global_table(app.topic(f"{name}-names", dict))
    orders = app.stream(app.topic(f"{name}-orders", dict))
    joined = orders.join(
        names,
        lambda order, row: {"id": order["id"], "is": row and row["is"]},
        on="of",
        how="left",
    )
    joined.to(f"{name}-out")
    return app


class Shop:
    def __init__(self, servers: str, name: str, folder: Path) -> None:
        self.app = named(servers, name, folder)
        self.admin = AdminClient({"bootstrap.servers": servers})
        self.names: dict[str, Any] = {}
        self._name = name
        self._asked = 0
        self._producer = Producer({"bootstrap.servers": servers, "linger.ms": 5})
        topics = {f"{name}-names": 2, f"{name}-orders": 1, f"{name}-out": 1}
        make_topics(servers, topics)

    def put(self, names: Mapping[str, Any]) -> None:
        self.names.update(names)
        for key, value in names.items():
            data = None if value is None else msgspec.json.encode({"is": value})
            place = sum(key.encode()) % 2
            self._producer.produce(f"{self._name}-names", data, key, place)
            self._producer.poll(0)
        assert self._producer.flush(60) == 0

    def look(self, keys: Any) -> list[Any]:
        """What a worker that runs finds."""
        begin, keys = self._asked, list(keys)
        self._asked += len(keys)
        for number, key in enumerate(keys, begin):
            data = msgspec.json.encode({"id": number, "of": key})
            self._producer.produce(f"{self._name}-orders", data, partition=0)
        assert self._producer.flush(60) == 0
        found: dict[int, Any] = {}

        def all_there() -> bool:
            found.update((one["id"], one["is"]) for one in values(self.app, f"{self._name}-out"))
            return len(found) == self._asked

        wait_for(all_there)
        return [found[number] for number in range(begin, self._asked)]

    def is_right(self) -> bool:
        keys = list(self.names)
        return self.look(keys) == [self.names[key] for key in keys]

    def begin_from(self, partition: int, offset: int) -> None:
        """What comes before it is deleted."""
        place = TopicPartition(f"{self._name}-names", partition, offset)
        for one in self.admin.delete_records([place]).values():
            one.result(30)

    def make_anew(self) -> None:
        topic = f"{self._name}-names"
        self.admin.delete_topics([topic])[topic].result(30)
        wait_for(lambda: topic not in self.admin.list_topics(timeout=30).topics)
        self.admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
        self.names = dict.fromkeys(self.names)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records each batch of a global table has."""
    counts: list[int] = []
    put = GlobalStore.put

    def counted(self: GlobalStore, keys: Any, *rest: Any) -> None:
        counts.append(len(keys))
        put(self, keys, *rest)

    monkeypatch.setattr(GlobalStore, "put", counted)
    return counts


def numbered(count: int, what: str = "n") -> dict[str, str]:
    return {f"k{number}": f"{what}{number}" for number in range(count)}


@pytest.mark.parametrize("at_once", [0, 10_000])
def test_a_restart_reads_the_tail_only(
    servers: str,
    tmp_path: Path,
    taken: list[int],
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(state_module, "AT_ONCE", at_once)
    shop = Shop(servers, f"tail{at_once}", tmp_path)
    shop.put(numbered(2000))
    with running(shop.app):
        assert shop.is_right()
    assert sum(taken) == 2000
    shop.put({**numbered(50, "m"), "k7": None, "new": "new"})
    taken.clear()
    with running(shop.app):
        assert shop.is_right()
    assert sum(taken) == 51
    taken.clear()
    with running(shop.app):
        assert shop.is_right()
    assert sum(taken) == 0


def test_what_comes_while_it_runs_is_there_and_kept(
    servers: str, tmp_path: Path, taken: list[int]
) -> None:
    shop = Shop(servers, "follows", tmp_path)
    with running(shop.app) as one:
        wait_for(lambda: bool(one.global_tables))
        shop.put({"a": "first", "b": "first"})
        wait_for(lambda: len(one.global_tables["follows-names"]) == 2)
        shop.put({"a": None, "b": "second"})
        wait_for(lambda: shop.look(["a", "b"]) == [None, "second"])
    taken.clear()
    with running(shop.app):
        assert shop.is_right()
    assert sum(taken) == 0


def test_hooks_and_timers_look_into_it(servers: str, tmp_path: Path) -> None:
    """They are declared, and made, before it is read."""
    shop = Shop(servers, "timers", tmp_path)
    shop.put({"a": "there"})
    names = shop.app.global_table(shop.app.topics["timers-names"])
    seen = []

    @shop.app.on_start
    def look() -> None:
        seen.append(names["a"])

    @shop.app.timer("100ms")
    def look_again() -> None:
        seen.append(names["a"])

    with running(shop.app):
        wait_for(lambda: len(seen) > 2)
    assert seen[0] == {"is": "there"}


def test_more_than_fits_is_found_and_takes_no_more_memory_than_it_should(
    servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most, go_round = [0], Worker._round

    def looked_at(self: Worker) -> None:
        go_round(self)
        most.append(sum(cache.used for one in self._globals.states for cache in one.caches))

    monkeypatch.setattr(Worker, "_round", looked_at)
    shop = Shop(servers, "large", tmp_path)
    shop.app.state_memory = 100_000
    shop.put(numbered(5000))
    for _ in range(2):
        with running(shop.app):
            assert shop.is_right()
            assert shop.look(["k1"]) == ["n1"]
    assert 0 < max(most) <= 100_000


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_damaged_one_is_thrown_away_and_read_anew(
    servers: str, tmp_path: Path, taken: list[int], is_killed: bool
) -> None:
    shop = Shop(servers, f"damaged{is_killed}", tmp_path)
    shop.put(numbered(2000))
    with running(shop.app):
        assert shop.is_right()
    (path,) = (one for one in tmp_path.rglob(FILE) if "globals" in str(one))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    path.write_bytes(content)
    if is_killed:  # nothing says what the file was
        path.with_name(f"{FILE}-sum").unlink()
    said: list[str] = []
    taken.clear()
    with running(shop.app, said):
        assert shop.is_right()
    assert sum(taken) == 2000
    assert len(said) == 1
    assert said[0].endswith("it is thrown away, and the topic read anew")


def test_a_topic_that_is_another_or_begins_or_ends_elsewhere_is_read_anew(
    servers: str, tmp_path: Path, taken: list[int]
) -> None:
    shop = Shop(servers, "anew", tmp_path)
    shop.put(numbered(100))
    with running(shop.app):
        assert shop.is_right()
    first = [key for key in shop.names if sum(key.encode()) % 2 == 0][:10]
    shop.begin_from(0, 10)
    shop.names.update(dict.fromkeys(first))
    taken.clear()
    with running(shop.app):
        assert shop.is_right()
    assert sum(taken) == 90
    (path,) = (one.parent for one in tmp_path.rglob(FILE) if "globals" in str(one))
    shop.make_anew()
    shop.put({"k1": "again"})
    taken.clear()
    with running(shop.app):
        assert shop.is_right()
    assert sum(taken) == 1
    # It ends before what was read of it.
    id = kept_tables.id_of(shop.admin, next(iter(Worker(shop.app)._globals._topics.values())))
    store = LocalStore(path, id)
    assert store.stamp is not None
    store.write({b"rows\0sk2": encode(b'{"is":"lost"}')}, Stamp(0, encode({0: (0, 0), 1: (0, 9)})))
    store.close()
    with running(shop.app):
        assert shop.is_right()


def test_one_that_may_have_missed_a_deletion_is_read_anew(
    servers: str, tmp_path: Path, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compacted topic forgets what was deleted, after a time."""
    shop = Shop(servers, "old", tmp_path)
    shop.put(numbered(100))
    with running(shop.app):
        assert shop.is_right()
    monkeypatch.setattr(task_state, "deletions_kept_ms", lambda *_, **__: 0)
    taken.clear()
    with running(shop.app):  # nothing has come since
        assert shop.is_right()
    assert sum(taken) == 0
    shop.put({"k1": "new"})
    with running(shop.app):
        assert shop.is_right()
    assert sum(taken) == 101


def test_each_process_of_a_machine_has_its_own(
    servers: str, tmp_path: Path, taken: list[int]
) -> None:
    shop = Shop(servers, "two", tmp_path)
    shop.put(numbered(100))
    for turn in range(2):
        taken.clear()
        with running(shop.app) as one, running(named(servers, "two", tmp_path)) as other:
            wait_for(lambda a=one, b=other: bool(a.global_tables and b.global_tables))  # type: ignore[misc]
            assert dict(one.global_tables["two-names"]) == dict(other.global_tables["two-names"])
            assert shop.is_right()
        # The first one keeps its folder, and removes that of the other if it is there before it.
        assert sum(taken) == 200 if turn == 0 else sum(taken) in (0, 100)


@pytest.mark.long
def test_promise_08_a_worker_that_is_killed_finds_all_again(servers: str, tmp_path: Path) -> None:
    """While its table is changed, at any moment; and again."""
    shop = Shop(servers, "killed", tmp_path / "state")
    shop.put(numbered(5000))
    text = PROGRAM.format(servers=servers, name="killed", folder=str(tmp_path / "state"))
    (tmp_path / "shop.py").write_text(text)
    is_over = threading.Event()

    def change() -> None:
        turn = 0
        while not is_over.wait(0.05):
            turn += 1
            shop.put({f"k{n}": None if n % 7 == 0 else f"{turn}" for n in range(turn, 5000, 97)})

    for turn in range(3):
        changing = threading.Thread(target=change)
        with worker(tmp_path) as process:
            shop.look([f"k{turn}"])
            changing.start()
            shop.look([f"k{number}" for number in range(100 * (turn + 1))])
            os.kill(process.pid, signal.SIGKILL)
            process.wait(60)
            is_over.set()
            changing.join()
            is_over.clear()
    with worker(tmp_path) as process:
        assert shop.is_right()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
