"""Two programs of one id: they would be one group and share changelogs, and each would count what
the other counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from concurrent.futures import Future

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from moldau.streams.app import App
from moldau.streams.errors import StreamsError
from moldau.streams.running.membership import Group, ask, describe

LOOK_S = 10.0


class Strangers:
    """Members of the group that have nothing but topics which this program does not read. A program
    that reads more than it did in an earlier version, whose workers still run, is no stranger."""

    def __init__(
        self, app: App, leads: Collection[str], admin: AdminClient, say: Callable[[str], None]
    ) -> None:
        """`leads`: the topics that the group deals out."""
        self._id = app.id
        self._leads = set(leads)
        self._admin = admin
        self._say = say
        self._asked: Future[Group] | None = None
        self._due = time.monotonic() + LOOK_S
        self._is_said = False

    def refuse(self) -> None:
        """Before it joins them. Raises StreamsError."""
        topics = self._read_by_others(lambda: describe(self._admin, self._id))
        if topics:
            raise StreamsError(f"{self._told(topics)}: give it an id of its own, moldau.App(id)")

    def look(self) -> None:
        """In each round; does not wait. Of two that begin at once neither is there first, so it is
        only said."""
        if self._is_said:
            return
        if self._asked is None:
            if time.monotonic() >= self._due:
                self._asked = ask(self._admin, self._id)
        elif self._asked.done():
            asked, self._asked = self._asked, None
            self._due = time.monotonic() + LOOK_S
            topics = self._read_by_others(asked.result)
            if topics:
                self._is_said = True
                self._say(f"{self._told(topics)}: stop one, give it an id of its own, reset both")

    def _read_by_others(self, told: Callable[[], Group]) -> set[str]:
        try:
            members = told().members
        except KafkaException:  # it is no reason to stop
            return set()
        read = ({topic for topic, _ in member.places} for member in members)
        return set().union(*(topics for topics in read if not topics & self._leads))

    def _told(self, topics: Collection[str]) -> str:
        return (
            f"{self._id}: another program of that id runs, which reads {', '.join(sorted(topics))}"
        )
