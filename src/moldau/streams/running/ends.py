"""Where a program with until="end" has come to: told in the metadata of committed positions."""

from __future__ import annotations

import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from moldau.streams.errors import StreamsError
from moldau.streams.topology import Topology

# In the metadata of a position: nothing comes behind it any more, of all that the task reads, or of
# that topic.
DONE, ENDED = "end", "end of topic"
ASK_S = 30.0
# Positions that an open transaction is about to change are not told before it ends (KIP-447): with
# whoever stands still in one, when its time is over and the coordinator has come round to it.
STABLE_S = 120.0
PAUSE_S = 0.1
BATCH = 5000
# A coordinator that has just begun; or that has nothing stable to say.
_NOT_YET = (
    KafkaError._TIMED_OUT,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)


class Ends:
    def __init__(
        self, app_id: str, topology: Topology, partitions: Mapping[str, int], consumer: Consumer
    ) -> None:
        self._id = app_id
        self._topology = topology
        self._partitions = partitions
        self._consumer = consumer

    def all_done(self) -> bool:
        """All of the program, also what others hold, or nobody: what a worker had that died is
        given to another only when its session is over."""
        leads = [
            TopicPartition(stage.topics[0], partition)
            for stage in self._topology.stages
            for partition in range(stage.count(self._partitions))
        ]
        return all(one.metadata == DONE for one in self.committed(leads))

    def refuse_more(self) -> None:
        """Raises StreamsError where there is more than an earlier run has read to its end: that
        run closed everything, so all of it would be late."""
        if not self.all_done():
            return
        for topic in self._topology.source_topics:
            places = [TopicPartition(topic, one) for one in range(self._partitions[topic])]
            for place in self.committed(places):
                more = self._behind(place)
                if more:
                    raise StreamsError(
                        f"{self._id} has read to the end before (until='end') and closed every "
                        f"window; {topic} {place.partition} has {more} records more, which would "
                        f"be late: reset the program (moldau streams reset) to read all of it again"
                    )

    def _behind(self, place: TopicPartition) -> int:
        """How many records there are behind it. A log may go on and hold none: ends of
        transactions, and what was aborted."""
        first, end = self._consumer.get_watermark_offsets(place, ASK_S)
        begin = max(place.offset, first)  # it has no position where it is new
        if begin >= end:
            return 0
        self._consumer.assign([TopicPartition(place.topic, place.partition, begin)])
        try:
            return self._count(end)
        finally:
            self._consumer.unassign()

    def _count(self, end: int) -> int:
        count, position = 0, -1
        while position < end:
            for message in self._consumer.consume(BATCH, PAUSE_S):
                error, position = message.error(), message.offset() or 0
                if error is None:
                    position += 1
                    count += position <= end
                elif error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
        return count

    def taken_away(self, place: tuple[str, int]) -> StreamsError:
        """That partition has ended for good, and is to be read on."""
        topic, partition = place
        return StreamsError(
            f"{self._id} has read {topic} {partition} to its end before (until='end') and closed "
            f"what it held, so the records that it has more would be late: give the topic "
            f"until='end' again, or reset the program (moldau streams reset) to read all of it"
        )

    def of(self, place: tuple[str, int]) -> int:
        """Where that partition ends now. Raises KafkaException."""
        return int(self._consumer.get_watermark_offsets(TopicPartition(*place), ASK_S)[1])

    def committed(self, places: list[TopicPartition]) -> list[TopicPartition]:
        """Where the group is there. Raises KafkaException."""
        until = time.monotonic() + STABLE_S
        while True:
            try:
                return list(self._consumer.committed(places, ASK_S))
            except KafkaException as error:
                if error.args[0].code() not in _NOT_YET or time.monotonic() > until:
                    raise
            time.sleep(PAUSE_S)
