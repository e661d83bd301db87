"""Two programs of one id: they would be one group and share changelogs, and each would count what
the other counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from moldau.streams.app import App
from moldau.streams.errors import StreamsError
from moldau.streams.running.membership import Group, Member, describe


class Strangers:
    """Members of the group that have nothing but topics which this program does not read. A program
    that reads more than it did in an earlier version, whose workers still run, is no stranger."""

    def __init__(self, app: App, leads: Collection[str], say: Callable[[str], None]) -> None:
        """`leads`: the topics that the group deals out."""
        self._id = app.id
        self._leads = set(leads)
        self._say = say
        self._is_said = False

    def refuse(self, admin: AdminClient) -> None:
        """Before it joins them. Raises StreamsError."""
        try:
            topics = self._read_by_others(describe(admin, self._id).members)
        except KafkaException:  # it is no reason to stop
            return
        if topics:
            raise StreamsError(f"{self._told(topics)}: give it an id of its own, moldau.App(id)")

    def look(self, group: Group) -> None:
        """As it is now. Of two that begin at once neither is there first, so it is only said."""
        topics = self._read_by_others(group.members)
        if topics and not self._is_said:
            self._is_said = True
            self._say(f"{self._told(topics)}: stop one, give it an id of its own, reset both")

    def _read_by_others(self, members: Iterable[Member]) -> set[str]:
        read = ({topic for topic, _ in member.places} for member in members)
        return set().union(*(topics for topics in read if not topics & self._leads))

    def _told(self, topics: Collection[str]) -> str:
        return (
            f"{self._id}: another program of that id runs, which reads {', '.join(sorted(topics))}"
        )
