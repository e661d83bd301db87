"""What is done to a program that is not running: how far it is, and beginning anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec, TopicMetadata

from moldau.streams.app import App
from moldau.streams.errors import StreamsError
from moldau.streams.running.ends import DONE, ENDED
from moldau.streams.running.first_contact import ask
from moldau.streams.running.membership import NO_LIMIT_S, describe
from moldau.streams.running.rights import DESCRIBE, lacking, refuse_group, refuse_hidden
from moldau.streams.running.state_folders import remove_all
from moldau.streams.topology import (
    Topology,
    changelog_topic,
    members_topic,
    redrive_topic,
    topology,
)

TIMEOUT_S = 30.0
TO_ANSWER_S = 5.0
_WITHOUT_WORKERS = ("Empty", "Dead", "")
_Place = tuple[str, int]


class Lag(NamedTuple):
    """`position` is where the last checkpoint was, None without one; `lag` in records: from there,
    or from the first that is still kept. None of a topic that has ended (until="end") where the
    program goes on: what came behind its end is not read."""

    stage: str
    topic: str
    partition: int
    position: int | None
    end: int
    lag: int


class Upkeep:
    """Talks to the App's Kafka. Everything raises KafkaException where that cannot be done, and
    StreamsError where nobody answers at first."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._topology = topology(app.id, app.nodes)
        ask(app.client_settings, patience_s=TO_ANSWER_S)
        self._admin = AdminClient(app.client_settings)

    def lags(self) -> list[Lag]:
        """Of every partition that the program reads; none of topics that are not there yet."""
        known = self._known(one for stage in self._topology.stages for one in stage.topics)
        places = [
            (stage.name, (topic, partition))
            for stage in self._topology.stages
            for topic in stage.topics
            if topic in known
            for partition in sorted(known[topic].partitions)
        ]
        asked = [place for _, place in places]
        begins = self._offsets(asked, OffsetSpec.earliest())
        ends = self._offsets(asked, OffsetSpec.latest())
        committed = self._committed()
        made = []
        for stage, place in places:
            at, end = committed.get(place), ends[place]
            position = None if at is None else at.offset
            lag = max(0, end - max(position or 0, begins[place]))
            made.append(Lag(stage, *place, position, end, 0 if self._has_ended(at) else lag))
        return made

    def _known(self, names: Iterable[str]) -> Mapping[str, TopicMetadata]:
        """Raises StreamsError where the user may not see one of these."""
        known: Mapping[str, TopicMetadata] = self._admin.list_topics(timeout=TIMEOUT_S).topics
        unseen = [one for one in names if one not in known]
        servers = self._app.bootstrap_servers
        refuse_hidden(self._admin, unseen, DESCRIBE, self._app.id, servers)
        return known

    def _has_ended(self, at: TopicPartition | None) -> bool:
        """Of a program that ends as a whole what came since is refused, and counts."""
        if at is None or self._topology.is_bounded:
            return False
        return at.topic in self._topology.bounded_topics and at.metadata in (DONE, ENDED)

    def _offsets(self, places: Iterable[_Place], which: OffsetSpec) -> dict[_Place, int]:
        asked = {TopicPartition(*place): which for place in places}
        return {
            (one.topic, one.partition): future.result().offset
            for one, future in (self._admin.list_offsets(asked) if asked else {}).items()
        }

    def _committed(self) -> dict[_Place, TopicPartition]:
        self._find_coordinator()
        asked = [ConsumerGroupTopicPartitions(self._app.id)]
        (future,) = self._admin.list_consumer_group_offsets(
            asked, request_timeout=NO_LIMIT_S
        ).values()
        found = _answer(future).topic_partitions or []
        return {(one.topic, one.partition): one for one in found if one.offset >= 0}

    def _find_coordinator(self) -> None:
        """As a consumer does, which looks until it has found one: where there was none at first,
        the admin client may look no more."""
        consumer = Consumer({**self._app.client_settings, "group.id": self._app.id})
        try:
            place = TopicPartition(self._topology.stages[0].topics[0], 0)
            refuse_group(self._app, consumer, place)
            consumer.committed([place], TIMEOUT_S)
        finally:
            consumer.close()

    def to_reset(self) -> list[str]:
        """The internal topics that a reset deletes: changelogs, repartition and redrive topics,
        those of steps too that the program had under another name."""
        own = dict.fromkeys([*internal_topics(self._topology), *self._of_before()])
        known = self._known(own)
        return [name for name in own if name in known and name not in self._topology.source_topics]

    def _of_before(self) -> list[str]:
        """By what the group has read: a prefix would be that of another program's topics too (shop,
        and shop-eu). Of each stage it has read the redrive topic, whose name tells the stage's."""
        app = self._app.id
        read = sorted({topic for topic, _ in self._committed() if topic.startswith(f"{app}-")})
        begin, end = redrive_topic(app, "\0").split("\0")
        stages = [one.removeprefix(begin).removesuffix(end) for one in read if one.endswith(end)]
        return [
            *(one for one in read if one.endswith("-repartition")),
            *(changelog_topic(app, stage) for stage in stages),
            *(redrive_topic(app, stage) for stage in stages),
        ]

    def reset(self) -> None:
        """Deletes the group's positions and the internal topics: the program begins at the earliest
        records again; and what this machine keeps of its state. What it wrote to topics of the
        user's stays. Raises StreamsError while workers run."""
        app = self._app
        self._find_coordinator()
        group = describe(self._admin, app.id, TIMEOUT_S)
        if group.state not in _WITHOUT_WORKERS:
            raise StreamsError(
                f"{app.id} has workers that run (its group is {group.state}): stop them first; one "
                f"that was killed is forgotten after its session, 45 s as a rule"
            )
        topics = self.to_reset()
        for name, future in (self._admin.delete_topics(topics) if topics else {}).items():
            try:
                future.result(TIMEOUT_S)
            except KafkaException as error:
                why = error.args[0].str()
                if error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    why = "its user has no right DELETE on it"
                raise StreamsError(f"{app.id}: {name} cannot be deleted: {why}") from None
        # Last: as long as they are there, a program that was half reset refuses to run.
        try:
            asked = self._admin.delete_consumer_groups([app.id], request_timeout=NO_LIMIT_S)
            _answer(asked[app.id])
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.GROUP_AUTHORIZATION_FAILED:
                raise lacking(
                    app.id, app.bootstrap_servers, [f"DELETE on group {app.id}"]
                ) from None
            if code != KafkaError.GROUP_ID_NOT_FOUND:
                raise
        remove_all(app)


def _answer(future: Future[Any]) -> Any:
    """Raises KafkaException."""
    try:
        return future.result(TIMEOUT_S)
    except TimeoutError:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None


def internal_topics(made: Topology) -> list[str]:
    return [
        *(one.name for one in made.repartitions),
        *(made.changelog(stage) for stage in made.stages),
        *(redrive_topic(made.app, stage.name) for stage in made.stages),
        members_topic(made.app),
    ]
