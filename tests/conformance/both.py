"""Two brokers asked as one: what is asked, is asked of both, and the answers are compared.

An answer is a `Pair`. Its parts are pairs as well, and a pair in a request is filled in for each
broker, so that a story reads as if there were one:

    joined = both.ask("JoinGroup", group_id=group, ...)
    both.ask("Heartbeat", group_id=group, member_id=joined.member_id)
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from moldau.broker.served import SERVED
from moldau.protocol.codec import decode_from
from moldau.protocol.primitives import Malformed
from moldau.protocol.schema import Message, Struct
from tests.attacks.raw import Raw
from tests.conformance.compare import Difference, Ids, differences, named, report, tree
from tests.conformance.ignored import Ledger
from tests.conformance.requests import (
    answer_class,
    init_producer,
    list_offsets,
    name_of,
    request,
    said,
)

ANSWER_S = 20.0
# A broker of Apache Kafka learns a little later what its controller decided: what it answers to
# these is asked for again, for a while, when it is not yet what ours says.
LEARNED_S = ANSWER_S
LEARNED = frozenset(
    {
        "DescribeClientQuotas",
        "DescribeConfigs",
        "DescribeTopicPartitions",
        "ListConfigResources",
        "Metadata",
    }
)
_RUN = f"{os.getpid():x}"
CLOSED = "the connection is closed"
SILENT = "no answer"
MALFORMED = "an answer that cannot be read"


class Pair:
    """What Apache Kafka gave, and what ours did."""

    __slots__ = ("ours", "theirs")

    def __init__(self, theirs: Any, ours: Any) -> None:
        self.theirs = theirs
        self.ours = ours

    def __getattr__(self, name: str) -> Pair:
        return self.map(lambda value: getattr(value, name))

    def __getitem__(self, key: Any) -> Pair:
        return self.map(lambda value: value[key])

    def __bool__(self) -> bool:
        raise TypeError("two brokers, two truths: ask a pair for what is `agreed`")

    __eq__ = None  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Pair({self.theirs!r}, {self.ours!r})"

    def __iter__(self) -> Iterator[Pair]:
        return (self[i] for i in range(len(self.theirs)))

    def map(self, change: Callable[[Any], Any]) -> Pair:
        return Pair(change(self.theirs), change(self.ours))

    @property
    def agreed(self) -> Any:
        """The value, which must be one."""
        assert self.theirs == self.ours, f"theirs {self.theirs!r}, ours {self.ours!r}"
        return self.ours


def each(make: Callable[..., Any], *values: Any) -> Pair:
    """`make` from values among which are pairs."""
    return Pair(make(*(of(v, "theirs") for v in values)), make(*(of(v, "ours") for v in values)))


def of(value: Any, side: str) -> Any:
    """A value, or what it is for one of the two, wherever pairs stand in it."""
    if isinstance(value, Pair):
        return getattr(value, side)
    if isinstance(value, Struct):
        cls = type(value)
        return cls(**{f.name: of(getattr(value, f.name), side) for f in cls.fields})
    if isinstance(value, list):
        return [of(item, side) for item in value]
    return value


class Judge:
    """What one story has found. All its clients share it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ids = Ids()
        self.ledger = ledger
        self.asked = 0
        self.found: list[str] = []

    def new(self, asked: Message, answers: Pair, version: int, own: str = "") -> list[Difference]:
        """Differences that are not on purpose. `own`: only among what is named so."""
        ids = self.ids.copy()
        trees = answers.map(lambda answer: named(tree(answer, version), own))
        found = differences(name_of(asked), trees.theirs, trees.ours, ids)
        fresh = [one for one in found if not self.ledger.covers(one)]
        if not fresh:
            self.ids = ids
        return fresh

    def judge(
        self, asked: Message, answers: Pair, version: int, note: str = "", own: str = ""
    ) -> None:
        self.asked += 1
        fresh = self.new(asked, answers, version, own)
        if fresh:
            head = f"request {self.asked}{note and f', {note}'}: {said(asked, version)}"[:1500]
            text = report(fresh)
            known = any(text in one for one in self.found)
            self.found.append(f"{head}\n{'    the same' if known else text}")

    def compare(self, name: str, values: Pair) -> None:
        """Trees of another origin than answers."""
        found = differences(name, values.theirs, values.ours, self.ids)
        fresh = [one for one in found if not self.ledger.covers(one)]
        if fresh:
            self.found.append(report(fresh))

    def note(self, difference: Difference) -> None:
        """A difference that was found otherwise than in answers."""
        if not self.ledger.covers(difference):
            self.found.append(report([difference]))

    def verdict(self) -> str:
        """What the story is told when it ends; empty when all is well."""
        lines = self.found + [
            f"no longer needed in differences.toml: {field}" for field in self.ledger.unused()
        ]
        return "\n".join(lines)


class Both:
    """One client's two connections. `connect` gives another client."""

    def __init__(self, addresses: Pair, judge: Judge, name: str, client: str = "judge") -> None:
        self.addresses = addresses
        self.judge = judge
        self.name = name if name.endswith(_RUN) else f"{name}-{_RUN}"
        self.client = client
        self._connections: dict[str, Raw] = {}
        self._others: list[Both] = []
        self._named = 0
        self._patience_s = ANSWER_S

    def connect(self, client: str = "judge") -> Both:
        other = Both(self.addresses, self.judge, self.name, client)
        self._others.append(other)
        return other

    @contextmanager
    def impatient(self) -> Iterator[Both]:
        """For what is not answered: it is waited for a second only."""
        self._patience_s = 1.0
        yield self
        self.close()

    def close(self) -> None:
        for other in self._others:
            other.close()
        for connection in self._connections.values():
            connection.socket.close()
        self._connections.clear()

    def unused_name(self) -> str:
        """For a topic or a group of this story alone, also when it is told twice."""
        self._named += 1
        return f"{self.name}-{self._named}"

    # --- asking -----------------------------------------------------------------------------

    def ask(
        self,
        what: str | Message,
        version: int | None = None,
        note: str = "",
        own: bool = False,
        **fields: Any,
    ) -> Pair:
        """Asks both, in the newest version that is served unless another is named.

        `own`: of what is listed, topics, groups and configs of other stories are not looked at.
        """
        waiting = self.send(what, version, **fields)
        answers, prefix = waiting.take(), self.name if own else ""
        if name_of(waiting.asked) in LEARNED:
            answers = self._ask_again(waiting.asked, answers, waiting.version, prefix)
        self.judge.judge(waiting.asked, answers, waiting.version, note, prefix)
        return answers

    def send(self, what: str | Message, version: int | None = None, **fields: Any) -> Waiting:
        """Asks both and does not wait."""
        asked = request(what, **fields) if isinstance(what, str) else what
        if version is None:
            version = SERVED[asked.api_key][2]
        sent = {
            side: self._connection(side).send(of(asked, side), version, self.client)
            for side in ("theirs", "ours")
        }
        return Waiting(self, asked, version, sent)

    def quietly(self, what: str | Message, version: int | None = None, **fields: Any) -> Pair:
        """Asks both and compares nothing."""
        return self.send(what, version, **fields).take()

    def _ask_again(self, asked: Message, answers: Pair, version: int, own: str) -> Pair:
        deadline = time.monotonic() + (0.2 if self.judge.found else LEARNED_S)
        while self.judge.new(asked, answers, version, own) and time.monotonic() < deadline:
            time.sleep(0.03)
            sent = self._connection("theirs").send(of(asked, "theirs"), version, self.client)
            answers = Pair(self.receive("theirs", asked, version, sent), answers.ours)
        return answers

    def _connection(self, side: str) -> Raw:
        if side not in self._connections:
            self._connections[side] = Raw(getattr(self.addresses, side), self._patience_s)
        return self._connections[side]

    def receive(
        self, side: str, asked: Message, version: int, sent: int, within_s: float | None = None
    ) -> Any:
        """The answer of one of them to the request `sent`, or what came instead."""
        connection = self._connection(side)
        connection.socket.settimeout(self._patience_s if within_s is None else within_s)
        try:
            data = connection.receive()
        except TimeoutError:
            self._forget(side)
            return SILENT
        except OSError:
            self._forget(side)
            return CLOSED
        got = int.from_bytes(data[:4], "big")
        assert got == sent, (
            f"the answer to request {got} comes before that to {sent}: take it first"
        )
        return decoded(data, type(asked), version)

    def is_silent(self, side: str, wait_s: float) -> bool:
        """Does nothing come for so long?"""
        return not select.select([self._connection(side).socket], [], [], wait_s)[0]

    def are_silent(self, wait_s: float) -> Pair:
        """The same of both, in the same time."""
        deadline = time.monotonic() + wait_s
        return Pair(
            *(
                self.is_silent(side, max(0, deadline - time.monotonic()))
                for side in ("theirs", "ours")
            )
        )

    def _forget(self, side: str) -> None:
        self._connections.pop(side).socket.close()

    # --- what stories begin with --------------------------------------------------------------

    def topic(self, partitions: int = 1, **configs: str) -> str:
        """A new topic that both serve; underscores in the names of configs stand for dots."""
        name = self.unused_name()
        wanted = [{"name": k.replace("_", "."), "value": v} for k, v in configs.items()]
        self.ask(
            "CreateTopics", topics=[{"name": name, "num_partitions": partitions, "configs": wanted}]
        )
        self.until_led(name, partitions)
        return name

    def until_led(self, topic: str, partitions: int) -> None:
        def are_led(answer: Any) -> bool:
            return not any(p.error_code for t in answer.topics for p in t.partitions)

        self.until(list_offsets(topic, *[-1] * partitions), are_led)

    def producer(self) -> Pair:
        """A new producer's id. Apache Kafka may still be asking its controller for ids."""
        asked = init_producer()
        self.until(asked, lambda answer: not answer.error_code)
        return self.ask(asked).producer_id

    def topic_id(self, topic: str) -> Pair:
        return self.ask("Metadata", topics=[{"name": topic}]).topics[0].topic_id

    def group(self) -> str:
        """A new group's name; both have its coordinator ready."""
        name = self.unused_name()
        asked = request("FindCoordinator", coordinator_keys=[name])
        self.until(asked, lambda answer: not answer.coordinators[0].error_code)
        asked = request("DescribeGroups", groups=[name])
        self.until(asked, lambda answer: answer.groups[0].error_code in (0, 69))
        return name

    def until_theirs(self, asked: Message, holds: Callable[[Any], bool]) -> None:
        """For what Apache Kafka learns and we do not answer at all."""
        self.until(asked, holds, ours=lambda _answer: True)

    def until(
        self,
        asked: Message,
        holds: Callable[[Any], bool],
        ours: Callable[[Any], bool] | None = None,
    ) -> None:
        """Asks both until their answers are as they should become."""
        deadline = time.monotonic() + ANSWER_S
        while True:
            answers = self.quietly(asked)
            if holds(answers.theirs) and (ours or holds)(answers.ours):
                return
            assert time.monotonic() < deadline, f"waited {ANSWER_S} s: {answers}"
            time.sleep(0.03)


class Waiting:
    """A request that is sent and whose answers are still to come."""

    def __init__(self, both: Both, asked: Message, version: int, sent: dict[str, int]) -> None:
        self.both = both
        self.asked = asked
        self.version = version
        self._sent = sent  # correlation ids

    def take(self, within_s: float | None = None) -> Pair:
        theirs, ours = (
            self.both.receive(side, self.asked, self.version, sent, within_s)
            for side, sent in self._sent.items()
        )
        return Pair(theirs, ours)

    def answer(self, note: str = "", within_s: float | None = None) -> Pair:
        """Waits for both, and compares them."""
        answers = self.take(within_s)
        self.both.judge.judge(self.asked, answers, self.version, note)
        return answers

    def is_parked(self, wait_s: float = 0.3) -> Pair:
        """Is there no answer yet?"""
        return self.both.are_silent(wait_s)


def decoded(data: bytes, asked: type[Message], version: int) -> Any:
    """An answer as a message, read to its last byte; or MALFORMED."""
    cls = answer_class(asked)
    flexible = cls.flexible[0] <= version <= cls.flexible[1]
    try:
        message, end = decode_from(cls, version, data, 5 if flexible and cls.api_key != 18 else 4)
    except Malformed as error:
        return f"{MALFORMED}: {error}"
    return message if end == len(data) else f"{MALFORMED}: {len(data) - end} bytes behind it"
