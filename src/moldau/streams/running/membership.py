"""Who is in a group, and what each member has.

Every broker is asked which groups it coordinates (librdkafka's older ListGroups). The newer call,
DescribeConsumerGroups, looks for the coordinator first. Where there is none for a moment (Apache
Kafka has just begun) it may never look again; and where its time is over before there is one,
librdkafka ends the whole process a little later, on "eonce->refcnt > 0" (confluentinc/librdkafka
3847 and 4605, open as of 2.16).
"""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import Future
from typing import NamedTuple

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


def ask(admin: AdminClient, group: str) -> Future[Group]:
    """The same, without waiting."""
    asked: Future[Group] = Future()

    def work() -> None:
        try:
            asked.set_result(describe(admin, group))
        except Exception as error:
            asked.set_exception(error)

    threading.Thread(target=work, name=f"members of {group}", daemon=True).start()
    return asked
