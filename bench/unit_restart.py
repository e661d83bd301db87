"""Restart after kill -9, with many gigabytes of log: measured once a run, because it is long."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

from confluent_kafka import Consumer as Reader
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from bench.brokers import Kind, Recipe, Running, start, start_again
from bench.unit import Figures, FreshUnit, MeasureError, NotApplicable, Row, Target

GIGABYTES = 10
VALUE_SIZE = 64 * 1024
FREE_FACTOR = 1.5  # of the disk, before it is begun
PATIENCE_S = 300
PAUSE_S = 0.02
# A broker that answers has its log not always yet, or nobody leads it.
_NOT_YET = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.KAFKA_STORAGE_ERROR,
    KafkaError._UNKNOWN_PARTITION,
}


def _restart(kind: Kind, recipe: Recipe, folder: Path) -> Figures:
    if not recipe.keeps_records:
        raise NotApplicable  # in memory only
    needed = GIGABYTES * 1e9 * FREE_FACTOR
    if shutil.disk_usage(folder.parent).free < needed:
        raise MeasureError(f"the disk has less than {needed / 1e9:.0f} GB free")
    broker = start(kind, recipe, folder)
    try:
        count = int(GIGABYTES * 1e9 / VALUE_SIZE)
        target = Target(broker)
        topic = target.new_topic(1)
        job = {"topic": topic, "partitions": 1, "count": count, "size": VALUE_SIZE, "acks": "1"}
        target.client("records", do="produce", **job)
        end = _end_offset(broker, topic)
        broker.process.send_signal(signal.SIGKILL)
        broker.process.wait()
        began = time.perf_counter()
        broker = start_again(broker)
        found = _end_offset(broker, topic)
        took = time.perf_counter() - began
        if found < end:
            raise MeasureError(f"of {end} acknowledged records {found} were there again")
    finally:
        broker.stop()
    return {"restart": took * 1e3}


def _end_offset(broker: Running, topic: str) -> int:
    reader = Reader({"bootstrap.servers": broker.address, "group.id": "bench"})
    until = time.perf_counter() + PATIENCE_S
    try:
        while True:
            try:
                return int(reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=60)[1])
            except KafkaException as error:
                if error.args[0].code() not in _NOT_YET or time.perf_counter() > until:
                    raise MeasureError(f"no end offset after the restart: {error}") from None
            time.sleep(PAUSE_S)
    finally:
        reader.close()


FRESH_UNITS = (
    FreshUnit(
        "restart",
        (
            Row(
                "restart",
                f"restart after kill -9 with {GIGABYTES} GB, exec until its end is known",
                "ms",
                "less",
            ),
        ),
        _restart,
        once=True,
    ),
)
