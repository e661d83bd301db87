"""What a task was to read next is not there: it was deleted before it was read, or the whole topic
was. A consumer would go on at the beginning of what there is, and say nothing."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from moldau.streams.app import App
from moldau.streams.errors import StreamsError
from moldau.streams.running.changelogs import end_of
from moldau.streams.running.polled import Place
from moldau.streams.topology import Topology

ASK_S = 30.0


class Gaps:
    def __init__(
        self,
        app: App,
        topology: Topology,
        consumer: Consumer,
        admin: AdminClient,
        say: Callable[[str], None],
    ) -> None:
        self._id = app.id
        self._own = {one.name for one in topology.repartitions}
        self._consumer = consumer
        self._admin = admin
        self._say = say

    def first_behind(self, place: Place, position: int) -> int:
        """Where to go on instead. Raises StreamsError, KafkaException."""
        topic, partition = place
        where = TopicPartition(topic, partition)
        end = end_of(self._admin, where)
        if position > end:
            raise StreamsError(
                f"{self._id} has read {topic} {partition} to {position}, and it ends at {end}: it "
                f"was deleted and made anew, or has lost records; reset the program (moldau "
                f"streams reset) to read what is there"
            )
        first: int = self._consumer.get_watermark_offsets(where, ASK_S)[0]
        if position < first:
            self._tell(
                f"{self._id}: the records {position} to {first - 1} of {topic} {partition} were "
                f"deleted before they were read (retention, or DeleteRecords)",
                topic in self._own,
            )
        return max(position, first)

    def _tell(self, gap: str, is_own: bool) -> None:
        if is_own:
            raise StreamsError(f"{gap}: reset the program (moldau streams reset)")
        self._say(f"{gap}: it goes on without them")
