"""Who is in a group, and what each member has.

Every broker is asked which groups it coordinates (librdkafka's older ListGroups). The newer call,
DescribeConsumerGroups, looks for the coordinator first. Where there is none for a moment (Apache
Kafka has just begun) it may never look again; and where its time is over before there is one,
librdkafka ends the whole process a little later, on "eonce->refcnt > 0" (confluentinc/librdkafka
3847 and 4605, open as of 2.16).
"""

from __future__ import annotations

import threading
import time
import warnings
from concurrent.futures import Future
from contextlib import suppress
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from moldau.protocol.assignments import assigned
from moldau.streams.running.polled import Place

ASK_S = 5.0
# Of what else is asked of a coordinator, as to delete a group: the longest that librdkafka takes.
# Who waits for the answer waits for less.
NO_LIMIT_S = 3600.0


class Member(NamedTuple):
    """`client`: its client id."""

    client: str
    places: frozenset[Place]


class Group(NamedTuple):
    """`state`: as brokers name it; empty where they know nothing of it."""

    state: str
    members: list[Member]


def describe(admin: AdminClient, group: str, timeout_s: float = ASK_S) -> Group:
    """Raises KafkaException, also where one of the brokers does not answer."""
    # Where warnings are errors it would be one: in favour of the call that ends processes.
    warnings.filterwarnings("ignore", r"list_groups\(\) is deprecated", DeprecationWarning)
    for found in admin.list_groups(group, timeout_s):
        given = found.members if found.protocol_type == "consumer" else []
        members = [Member(one.client_id, frozenset(assigned(one.assignment))) for one in given]
        return Group(found.state, members)
    return Group("", [])


class MemberWatch:
    """Of one worker. `look` is called in each of its rounds, and does not wait."""

    def __init__(self, admin: AdminClient, group: str, every_s: float) -> None:
        self._admin = admin
        self._group = group
        self._every_s = every_s
        self._asked: Future[Group] | None = None
        self._due = 0.0

    def look(self) -> Group | None:
        """What was told since the last look. None: nothing yet, or brokers do not answer, which are
        asked again."""
        if self._asked is None:
            if time.monotonic() >= self._due:
                self._due = time.monotonic() + self._every_s
                self._asked = self._ask()
        elif self._asked.done():
            asked, self._asked = self._asked, None
            with suppress(KafkaException):
                return asked.result()
        return None

    def _ask(self) -> Future[Group]:
        asked: Future[Group] = Future()

        def work() -> None:
            try:
                asked.set_result(describe(self._admin, self._group))
            except Exception as error:
                asked.set_exception(error)

        threading.Thread(target=work, name=f"members of {self._group}", daemon=True).start()
        return asked
