"""How far a program is, seen from outside."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, TopicPartition

from bench.streams import sales
from bench.streams.engines import Job, Tells
from bench.streams.verify import Results

TIMEOUT_S = 10.0


class Progress:
    """Of the program that does the job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._group = Consumer(
            {
                "bootstrap.servers": job.address,
                "group.id": job.group,
                # What a transaction is about to commit must not be waited for.
                "isolation.level": "read_uncommitted",
                "log_level": 0,
            }
        )
        self._places = [TopicPartition(job.input, number) for number in range(job.partitions)]
        self._results = Results(job)
        self._seen = 0

    def by(self, way: Tells) -> Callable[[], int]:
        return self._committed if way == "commits" else self._told

    def goal(self, way: Tells) -> int:
        """What it comes to when all is read."""
        job = self._job
        if way == "commits" or job.work != "sum":
            return job.records
        return sum(
            orders
            for (start, _), (_, orders) in sales.windows(job.records).items()
            if sales.closes_by_itself(start, job.records)
        )

    def close(self) -> None:
        self._group.close()
        self._results.close()

    def _committed(self) -> int:
        try:
            found = self._group.committed(self._places, TIMEOUT_S)
        except KafkaException:  # the group has no coordinator yet: it is asked again
            return 0
        return sum(one.offset for one in found if one.offset != OFFSET_INVALID)

    def _told(self) -> int:
        """The records that its results are made of."""
        self._seen += sum(one.get("orders", 1) for one in self._results.more())
        return self._seen
