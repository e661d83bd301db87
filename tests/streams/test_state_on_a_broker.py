"""State that is kept on the machine: over restarts, ends at any point, and other machines."""

from __future__ import annotations

import random
import shutil
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.engine.coding import encode
from moldau.streams.engine.state import State
from moldau.streams.errors import DefinitionError, StreamsError
from moldau.streams.running import changelogs, local_store, task_state
from moldau.streams.running.file_sum import beside
from moldau.streams.running.local_store import FILE
from moldau.streams.running.membership import Member
from moldau.streams.running.standbys import client_id, machine_of, placed
from moldau.streams.running.worker import Worker
from moldau.streams.upkeep.progress import Upkeep
from tests.streams.committed import values
from tests.streams.shop_worker import worker as worker_process

pytestmark = pytest.mark.slow

SETTINGS = {
    "session.timeout.ms": 2000,
    "heartbeat.interval.ms": 300,
    "max.poll.interval.ms": 2000,
    "log_level": 3,
}
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with moldau.Broker(config={"group.min.session.timeout.ms": 500}) as broker:
        yield broker.bootstrap_servers


class Order(msgspec.Struct):
    of: int


def counting(servers: str, name: str, state_dir: Path | None, **settings: Any) -> moldau.App:
    """How many records there are of each key; all that it says goes to NAME-counts."""
    app = moldau.App(
        name, servers, checkpoint="100ms", state_dir=state_dir, config=SETTINGS, **settings
    )
    records = app.topic(f"{name}-in", Order, key="of")  # one stage
    app.stream(records).group_by("of").agg(orders=moldau.count()).to(f"{name}-counts")
    return app


class Input:
    """A topic, and how often each key is in it."""

    def __init__(self, servers: str, name: str, partitions: int = 1) -> None:
        self.servers = servers
        self.name = name
        self.counts: Counter[int] = Counter()
        admin = AdminClient({"bootstrap.servers": servers})
        topic = f"{name}-in"
        admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(10)
        self._partitions = partitions
        self._producer = Producer({"bootstrap.servers": servers, "linger.ms": 5})

    def send(self, keys: Any) -> None:
        for key in keys:
            self.counts[key] += 1
            data = msgspec.json.encode({"of": key})
            place = key % self._partitions
            self._producer.produce(f"{self.name}-in", data, str(key), place)
            self._producer.poll(0)
        assert self._producer.flush(60) == 0

    def wait(self, app: moldau.App) -> None:
        """Until the last that is said of each key is how often it is there."""
        reader = Reader(self.servers, f"{app.id}-counts")
        reader.until(lambda last: last == self.counts)


class Reader:
    """The newest value of each key."""

    def __init__(self, servers: str, topic: str) -> None:
        from confluent_kafka import Consumer, TopicPartition

        self.last: dict[int, int] = {}
        self._consumer = Consumer(
            {"bootstrap.servers": servers, "group.id": "reader", "auto.offset.reset": "earliest"}
        )
        until = time.monotonic() + 30
        while topic not in (known := self._consumer.list_topics(timeout=30).topics):
            assert time.monotonic() < until, f"there is no {topic}"
            time.sleep(0.05)
        self._consumer.assign([TopicPartition(topic, n, 0) for n in known[topic].partitions])

    def until(self, done: Callable[[dict[int, int]], bool]) -> None:
        until = time.monotonic() + 60
        while not done(self.last):
            assert time.monotonic() < until, f"{sum(self.last.values())} of them are counted"
            for message in self._consumer.consume(5000, 0.05):
                assert message.error() is None
                row = msgspec.json.decode(message.value() or b"")
                key, count = int(row["of"]), row["orders"]
                self.last[key] = count
        self._consumer.close()


@contextmanager
def running(app: moldau.App, said: list[str] | None = None) -> Iterator[Worker]:
    said = [] if said is None else said
    made = Worker(app, say=said.append)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            made.run()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join(60)
    assert not failed, failed


class Taken:
    """How many records of changelogs are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        take = State.take

        def counted(state: State, records: Any) -> None:
            records = list(records)
            self.count += len(records)
            take(state, records)

        monkeypatch.setattr(State, "take", counted)


def test_promise_08_a_restart_reads_the_tail_of_the_changelog_only(
    servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = Taken(monkeypatch)
    data = Input(servers, "again")
    data.send(range(2000))
    for state_dir, most in ((tmp_path / "a", 0), (tmp_path / "a", 99), (tmp_path / "b", 9999)):
        app = counting(servers, "again", state_dir)
        taken.count = 0
        with running(app):
            data.send(range(1000, 1010))
            data.wait(app)
        assert taken.count <= most
    assert taken.count >= 2000  # another machine reads all of it


def test_promise_08_a_store_that_lies_behind_is_brought_up_to_date(
    servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Input(servers, "behind")
    app = counting(servers, "behind", tmp_path / "a")
    data.send(range(2000))
    with running(app):
        data.wait(app)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with running(app):
        data.send(range(500))
        data.wait(app)
    taken = Taken(monkeypatch)
    other = counting(servers, "behind", tmp_path / "b")
    with running(other):
        data.send(range(400, 600))
        data.wait(other)
    assert 500 <= taken.count < 1000


def test_a_damaged_store_is_thrown_away_and_restored(servers: str, tmp_path: Path) -> None:
    data = Input(servers, "damaged")
    app = counting(servers, "damaged", tmp_path)
    data.send(range(2000))
    with running(app):
        data.wait(app)
    (path,) = (one for one in tmp_path.rglob(FILE) if one.stat().st_size > 20_000)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    path.write_bytes(content)
    said: list[str] = []
    with running(app, said):
        data.send(range(2000))
        data.wait(app)
    assert len(said) == 1
    assert "damaged" in said[0]
    assert said[0].endswith("it is thrown away, and restored from the changelog")


def test_damage_that_is_found_later_ends_the_worker_and_the_next_one_is_well(
    servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that was not read at the start."""
    data = Input(servers, "spoilt")
    app = counting(servers, "spoilt", tmp_path)
    data.send(range(12_000))
    with running(app):
        data.wait(app)
    (path,) = (one for one in tmp_path.rglob(FILE) if one.stat().st_size > 20_000)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        name = b"agg-1\0" + encode(11_999)
        found = file.execute("update state set value = zeroblob(9) where key = ?", (name,))
        assert found.rowcount == 1
    beside(path).unlink()
    monkeypatch.setattr(local_store, "LOOKED_THROUGH", 0)
    data.send([11_999])
    with pytest.raises(StreamsError, match=r"damaged: .*thrown away; start again"):
        Worker(app).run()
    with running(app):
        data.wait(app)


def test_reset_forgets_what_the_machine_keeps(servers: str, tmp_path: Path) -> None:
    data = Input(servers, "forgotten")
    app = counting(servers, "forgotten", tmp_path / "a")
    data.send(range(50))
    with running(app):
        data.wait(app)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    Upkeep(app).reset()
    assert not (tmp_path / "a" / "forgotten").exists()
    other = counting(servers, "forgotten", tmp_path / "b")  # where nobody said so
    with running(other):
        data.send(range(20))
        data.wait(other)


def test_promise_08_two_processes_of_a_machine_swap_their_tasks(
    servers: str, tmp_path: Path
) -> None:
    """One comes, the other goes, again and again; all in one folder."""
    data = Input(servers, "swap", partitions=4)
    app = counting(servers, "swap", tmp_path)
    data.send(range(100))
    with running(app) as one:
        for number in range(3):
            with running(counting(servers, "swap", tmp_path)) as other:
                _until(lambda w=other: bool(w._tasks), "a task")  # type: ignore[misc]
                data.send(range(number, 100 + number))
                data.wait(app)
            _until(lambda: len(one._tasks) == 4, "all tasks with one again")
    assert not list(tmp_path.rglob("*.2"))


def test_promise_08_an_end_that_is_too_low_is_asked_for_again(
    servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a broker may tell that has only just begun to lead."""
    data = Input(servers, "low")
    app = counting(servers, "low", tmp_path / "a")
    data.send(range(10))
    with running(app):
        data.wait(app)
    monkeypatch.setattr(task_state, "end_of", lambda *_, **__: 0)
    other = counting(servers, "low", tmp_path / "b")
    with running(other):
        data.send(range(10))
        data.wait(other)


def test_promise_08_restoring_keeps_its_worker_in_the_group(
    servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two polls it takes little of a changelog, however much there is."""
    data = Input(servers, "long")
    app = counting(servers, "long", tmp_path / "a")
    data.send(range(4000))
    with running(app):
        data.wait(app)
    monkeypatch.setattr(changelogs, "BATCH", 50)
    take = State.take

    taken = [0]  # in each round
    round_ = Worker._round

    def slowly(state: State, records: Any) -> None:
        time.sleep(0.05)
        taken[-1] += 1
        take(state, records)

    def counted(worker: Worker) -> None:
        taken.append(0)
        round_(worker)

    monkeypatch.setattr(State, "take", slowly)
    monkeypatch.setattr(Worker, "_round", counted)
    said: list[str] = []
    other = counting(servers, "long", tmp_path / "b")
    with running(other, said):
        data.send(range(10))
        data.wait(other)
    assert sum(taken) >= 80
    assert max(taken) <= 3
    assert said[0].startswith("restoring ")
    assert " changes, 0 of 1 tasks, " in said[0]
    assert said[-1].startswith("restored 1 tasks, 4,")


SHOP = """
from pathlib import Path
from tests.streams.test_state_on_a_broker import counting
app = counting({servers!r}, {name!r}, Path({folder!r}), state_memory="100KB", standbys={standbys})
"""


def shop(servers: str, name: str, folder: Path, state_dir: Path, standbys: int = 0) -> None:
    text = SHOP.format(servers=servers, name=name, folder=str(state_dir), standbys=standbys)
    (folder / "shop.py").write_text(text)


def test_promise_08_kill_9_loses_and_repeats_nothing_of_the_state(
    servers: str, tmp_path: Path
) -> None:
    """Counts count each record once, however often the results are repeated."""
    name, rng = "killed", random.Random(8)
    data = Input(servers, name, partitions=2)
    shop(servers, name, tmp_path, tmp_path / "state")
    for _ in range(6):
        with worker_process(tmp_path) as process:
            data.send(rng.choices(range(20_000), k=3000))
            time.sleep(rng.random() * 1.5)  # where it is killed is to be anywhere
            process.kill()
            process.wait()
    with worker_process(tmp_path):
        data.wait(counting(servers, name, tmp_path / "state"))


class Visit(msgspec.Struct):
    of: int
    at: int  # ms


def visits_a_day(servers: str, name: str, state_dir: Path) -> moldau.App:
    """As long as it runs, its days stay open."""
    app = moldau.App(
        name,
        servers,
        checkpoint="100ms",
        state_dir=state_dir,
        state_memory="100KB",
        config=SETTINGS,
    )
    visits = app.topic(f"{name}-in", Visit, key="of", event_time="at", unit="ms", lateness="30d")
    days = app.stream(visits).group_by("of").tumbling("1d")
    days.agg(visits=moldau.count()).to(f"{name}-out")
    return app


def test_promise_08_kill_9_loses_and_repeats_nothing_of_open_windows(
    servers: str, tmp_path: Path
) -> None:
    """Ten times what there may be in memory."""
    name, rng = "killed-days", random.Random(9)
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(f"{name}-in", 2, 1)])[f"{name}-in"].result(10)
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 5})
    text = "from pathlib import Path\nfrom tests.streams.test_state_on_a_broker import *\n"
    text += f"app = visits_a_day({servers!r}, {name!r}, Path({str(tmp_path / 'state')!r}))\n"
    (tmp_path / "shop.py").write_text(text)
    expected: Counter[tuple[int, int]] = Counter()
    for _ in range(6):
        with worker_process(tmp_path) as process:
            for _ in range(4000):
                key, day = rng.randrange(4000), rng.randrange(9)
                expected[key, day] += 1
                data = msgspec.json.encode(Visit(key, day * DAY_MS))
                producer.produce(f"{name}-in", data, str(key), key % 2)
            assert producer.flush(60) == 0
            time.sleep(rng.random() * 1.5)  # where it is killed is to be anywhere
            process.kill()
            process.wait()
    app = visits_a_day(servers, name, tmp_path / "state")
    app.until = "end"
    Worker(app).run()
    found: dict[tuple[int, int], int] = {}
    for row in values(app, f"{name}-out"):
        begin = datetime.fromisoformat(row["window_start"]).timestamp()
        place = (int(row["of"]), round(begin * 1000) // DAY_MS)
        assert found.setdefault(place, row["visits"]) == row["visits"]
    assert found == expected


def test_a_machine_that_has_a_warm_copy_reads_the_tail_only(
    servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines are two folders; one is killed."""
    data = Input(servers, "warm")
    data.send(range(3000))
    shop(servers, "warm", tmp_path, tmp_path / "a", standbys=1)
    app = counting(servers, "warm", tmp_path / "b", standbys=1)
    taken = Taken(monkeypatch)
    with worker_process(tmp_path) as process:
        data.wait(app)
        with running(app) as other:
            _until(lambda: taken.count >= 3000, "a copy")
            assert not other._tasks
            data.send(range(1000))
            data.wait(app)
            _until(lambda: taken.count >= 4000, "what came since")
            process.kill()
            taken.count = 0
            data.send(range(10))
            data.wait(app)
            assert other._tasks
            assert taken.count < 100


def _until(done: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + 60
    while not done():
        assert time.monotonic() < until, f"no sign of {what}"
        time.sleep(0.02)


def test_where_copies_are_kept() -> None:
    """On other machines than the task is, by one process of each; the same for all who ask."""
    members = [
        Member(f"moldau/{machine}/{n}", frozenset({("in", "abc".index(machine) * 2 + n)}))
        for machine in "abc"
        for n in range(2)
    ]
    leads = [("in", number) for number in range(6)]
    for count in (1, 2, 3):
        keeps = placed(members, leads, count)
        assert keeps == placed(members[::-1], leads, count)
        for lead, clients in keeps.items():
            machines = [machine_of(one) for one in clients]
            assert "abc"[lead[1] // 2] not in machines
            assert len(set(machines)) == len(machines) == min(count, 2)
    assert placed(members[:2], leads, 1) == {key: set() for key in leads}  # one machine
    assert placed(members, [("in", 9)], 1) == {("in", 9): set()}  # nobody has it
    without = Member("rdkafka", frozenset({("in", 9)}))  # keeps none itself
    assert len(placed([*members, without], [("in", 9)], 2)["in", 9]) == 2


def test_a_machine_is_known_by_its_client_id(tmp_path: Path) -> None:
    app = counting("localhost:1", "known", tmp_path, standbys=1)
    one, other = client_id(app, 0), client_id(app, 1)
    assert one != other
    assert machine_of(one) == machine_of(other)
    assert machine_of(one) is not None
    assert machine_of("rdkafka") is None
    with pytest.raises(DefinitionError, match="standbys=-1: on how many other machines"):
        counting("localhost:1", "known", tmp_path, standbys=-1)
