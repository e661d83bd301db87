"""Revenue per category per minute of event time: the program of streams, and its group of three."""

import threading
from typing import Any

import msgspec

from moldau.streams.aggregates import count, sum
from moldau.streams.app import App
from moldau.streams.running.worker import Worker
from moldau.streams.topology import topology
from moldau.streams.upkeep.progress import internal_topics as names_of_internal
from moldau.tools.demo.board import Board, Stage
from moldau.tools.demo.clients import consumer_config
from moldau.tools.demo.orders import LATENESS_MS
from moldau.tools.demo.topics import Topics


class Sold(msgspec.Struct):
    """What revenue needs to know of an order."""

    category: str
    cents: int
    time: int


def revenue(
    bootstrap_servers: str, topics: Topics, state_dir: str | None = None, **config: Any
) -> App:
    """Orders are keyed by customer: to be added up by category they go by a repartition topic."""
    settings = consumer_config(bootstrap_servers, topics.revenue_group) | config
    # The program says these itself.
    for own in ("bootstrap.servers", "group.id", "auto.offset.reset", "enable.auto.commit"):
        del settings[own]
    app = App(
        topics.revenue_group,
        bootstrap_servers,
        checkpoint="500ms",
        config=settings,
        state_dir=state_dir,
    )
    late = f"{LATENESS_MS}ms"
    orders = app.topic(topics.orders, Sold, event_time="time", unit="ms", lateness=late)
    (
        app.stream(orders)
        .group_by("category")
        .tumbling("1m")
        .agg(cents=sum("cents"), orders=count())
        .to(topics.revenue)
    )
    return app


def internal_topics(bootstrap_servers: str, topics: Topics) -> list[str]:
    """The topics that the program makes for itself."""
    app = revenue(bootstrap_servers, topics)
    return [*names_of_internal(topology(app.id, app.nodes)), *app.dead_letter_topics]


class Member:
    """One worker of the group, in a thread: what it does is read and written, which lets others
    go on."""

    def __init__(
        self, name: str, bootstrap_servers: str, topics: Topics, state_dir: str, board: Board
    ) -> None:
        self.name = name
        self._app = revenue(bootstrap_servers, topics, state_dir, **{"client.id": name})
        self._say = board.news.append
        self._worker: Worker | None = None
        self._stopped = threading.Event()
        self.stage = Stage(name, board, self._work)
        self.stage.start()

    def _work(self) -> None:
        self._worker = Worker(self._app, say=self._say)
        if not self._stopped.is_set():
            self._worker.run()

    def stop(self) -> None:
        """It checkpoints and leaves the group."""
        self._stopped.set()
        if self._worker is not None:
            self._worker.stop()

    def finish(self) -> None:
        """It reads to the end, closes every minute and ends, as its fellows do."""
        if self._worker is not None:
            self._worker.finish()


class RevenueGroup:
    """Members started, replaced and brought to their end; none of it waits."""

    def __init__(
        self, bootstrap_servers: str, topics: Topics, state_dir: str, board: Board
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._state_dir = state_dir
        self._topics = topics
        self._board = board
        self._started = 0
        self._members: list[Member] = []
        self._left: list[Member] = []

    def start(self, members: int) -> None:
        for _ in range(members):
            self._started += 1
            name = f"consumer-{self._started}"
            member = Member(
                name, self._bootstrap_servers, self._topics, self._state_dir, self._board
            )
            self._members.append(member)

    def replace_one(self) -> None:
        """The oldest member leaves while another joins and the rest go on."""
        self._left.append(self._members.pop(0))
        self._left[-1].stop()
        self.start(1)

    @property
    def names(self) -> set[str]:
        """Of those that are in it, or join it."""
        return {member.name for member in self._members}

    def finish(self) -> None:
        for member in self._members:
            member.finish()

    @property
    def has_ended(self) -> bool:
        return not any(stage.is_alive() for stage in self.stages)

    @property
    def stages(self) -> list[Stage]:
        return [member.stage for member in [*self._left, *self._members]]

    def stop(self) -> None:
        for member in self._members:
            member.stop()
