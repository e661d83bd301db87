"""Units of several clients at once: end-to-end latency, groups, readers behind, compression."""

from __future__ import annotations

import time

from bench.unit import Effort, Figures, MeasureError, Row, Target, Unit

PARTS = ("p50", "p99", "p99.9")
MEMBERS = 100
READERS = 10
CODECS = ("lz4", "zstd")
MANY_PARTITIONS = 1000


def _end_to_end(rate: int) -> Unit:
    """acks=1, so that all brokers promise the same; the record is visible at once with each."""
    name = f"end-to-end-{rate}"
    title = f"end to end at {rate:,} records/s"

    def measure(target: Target, effort: Effort) -> Figures:
        topic = target.new_topic(1)
        job = {"topic": topic, "rate": rate, "seconds": effort.seconds * 4, "acks": "1"}
        figures = target.client("flows", do="end_to_end", **job)
        target.drop_topic(topic)
        return {f"{name}-{part}": figures[part] for part in PARTS}

    rows = tuple(Row(f"{name}-{part}", f"{title}, {part}", "ms", "less") for part in PARTS)
    return Unit(name, rows, measure)


def _group(target: Target, _: Effort) -> Figures:
    topic = target.new_topic(MEMBERS)
    job = {"topic": topic, "partitions": MEMBERS, "members": MEMBERS, "group": f"group-{topic}"}
    figures = target.client("flows", do="group", **job)
    target.drop_topic(topic)
    return {f"group-{part}": seconds * 1e3 for part, seconds in figures.items()}


def _behind(target: Target, effort: Effort) -> Figures:
    topics = [target.new_topic(1) for _ in range(READERS)]
    count = effort.records // READERS // 2
    for topic in topics:
        job = {"topic": topic, "partitions": 1, "count": count, "size": 1024, "acks": "1"}
        target.client("records", do="produce", **job)
    # The warming record of each partition is read as well.
    figures = target.client("flows", do="behind", topics=topics, count=count)
    for topic in topics:
        target.drop_topic(topic)
    megabytes = READERS * count * 1024 / 1e6
    return {
        "behind-mb": megabytes / figures["seconds"],
        "behind-cpu": figures["broker_cpu"] / megabytes * 1e3,
    }


def _compressed(codec: str) -> Unit:
    name = f"compressed-{codec}"

    def measure(target: Target, effort: Effort) -> Figures:
        topic = target.new_topic(1)
        count = effort.records // 3
        job = {"topic": topic, "partitions": 1, "count": count, "size": 1024, "acks": "1"}
        figures = target.client("records", do="produce", codec=codec, **job)
        target.drop_topic(topic)
        megabytes = count * 1024 / 1e6
        return {
            f"{name}-mb": megabytes / figures["seconds"],
            f"{name}-cpu": figures["broker_cpu"] / megabytes * 1e3,
        }

    title = f"produce 1 KiB, {codec}"
    rows = (
        Row(f"{name}-mb", title, "MB/s", "more"),
        Row(f"{name}-cpu", title, "broker s/GB in", "less"),
    )
    return Unit(name, rows, measure)


def _create_partitions(target: Target, _: Effort) -> Figures:
    """Until Metadata names a leader for each."""
    begin = time.perf_counter()
    topic = target.new_topic(MANY_PARTITIONS)
    while target.led_partitions(topic) < MANY_PARTITIONS:
        if time.perf_counter() > begin + 60:
            raise MeasureError(f"{MANY_PARTITIONS} partitions had no leaders after 60 s")
        time.sleep(0.002)
    seconds = time.perf_counter() - begin
    target.drop_topic(topic)
    return {"create-partitions": seconds * 1e3}


UNITS = (
    _end_to_end(1_000),
    _end_to_end(20_000),
    *map(_compressed, CODECS),
    Unit(
        "behind",
        (
            Row("behind-mb", f"{READERS} consumers behind, 1 KiB", "MB/s", "more"),
            Row("behind-cpu", f"{READERS} consumers behind, 1 KiB", "broker s/GB out", "less"),
        ),
        _behind,
    ),
    Unit(
        "create-partitions",
        (Row("create-partitions", f"create {MANY_PARTITIONS:,} partitions", "ms", "less"),),
        _create_partitions,
    ),
    Unit(
        "group",
        (
            Row("group-joined", f"{MEMBERS} members, until all are assigned", "ms", "less"),
            Row("group-settled", f"{MEMBERS} members, one leaves", "ms", "less"),
        ),
        _group,
    ),
)
