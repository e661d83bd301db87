"""What is measured: records, requests, acknowledgements, start and memory; and what the other files
add. Each unit measures one broker once and gives some rows' figures."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

from bench import unit_flows, unit_restart, unit_tools
from bench.brokers import Kind, Recipe, start
from bench.process import memory_bytes
from bench.unit import (
    IDLE_S,
    Effort,
    Figures,
    FreshUnit,
    Row,
    Target,
    Unit,
    acks_text,
    count_text,
    size_text,
)


def _records_unit(size: int, partitions: int, acks: str) -> Unit:
    """Produces into a new topic; with acks=1 (what is read does not depend on it) reads it too."""
    label = f"{size_text(size)}, {count_text(partitions, 'partition')}"
    key = f"{size}B-{partitions}p"
    rows = list(_record_rows(f"produce-{key}-acks-{acks}", f"produce {label}, acks={acks}", "in"))
    if acks == "1":
        rows += _record_rows(f"consume-{key}", f"consume {label}", "out")

    def measure(target: Target, effort: Effort) -> Figures:
        count = effort.records if size < 1000 else effort.records // 3
        topic = target.new_topic(partitions)
        job = {"topic": topic, "partitions": partitions, "count": count, "size": size}
        figures = target.client("records", do="produce", acks=acks, **job)
        result = _record_figures(f"produce-{key}-acks-{acks}", count, size, figures)
        if acks == "1":
            figures = target.client("records", do="consume", **job)
            result |= _record_figures(f"consume-{key}", count, size, figures)
        target.drop_topic(topic)
        return result

    return Unit(f"records-{key}-acks-{acks}", tuple(rows), measure)


def _record_rows(key: str, title: str, way: str) -> tuple[Row, ...]:
    return (
        Row(f"{key}-records", title, "records/s", "more"),
        Row(f"{key}-mb", title, "MB/s", "more"),
        Row(f"{key}-cpu", title, f"broker s/GB {way}", "less"),
        Row(f"{key}-client", title, "client cores", ""),
    )


def _record_figures(key: str, count: int, size: int, figures: Figures) -> Figures:
    megabytes = count * size / 1e6
    return {
        f"{key}-records": count / figures["seconds"],
        f"{key}-mb": megabytes / figures["seconds"],
        f"{key}-cpu": figures["broker_cpu"] / megabytes * 1e3,
        f"{key}-client": figures["client_cpu"] / figures["seconds"],
    }


def _requests_unit(connections: int, depth: int, acks: int) -> Unit:
    """Connections write to up to six partitions, as those of several applications do."""
    name = f"requests-{connections}c-{depth}deep-acks-{acks_text(acks)}"
    pipelined = f", {depth} deep" if depth > 1 else ""
    title = f"requests, {count_text(connections, 'connection')}{pipelined}"
    title += f", acks={acks_text(acks)}"

    def measure(target: Target, effort: Effort) -> Figures:
        partitions = min(connections, 6)
        topic = target.new_topic(partitions)
        job = {"topic": topic, "partitions": partitions, "acks": acks, "depth": depth}
        job |= {"seconds": effort.seconds, "warm_seconds": effort.warm_seconds}
        figures = target.client("requests", do="rate", connections=connections, **job)
        target.drop_topic(topic)
        return {f"{name}-{figure}": value for figure, value in figures.items()}

    rows = (
        Row(f"{name}-per_second", title, "requests/s", "more"),
        Row(f"{name}-broker_us", title, "broker µs each", "less"),
        Row(f"{name}-client_us", title, "client µs each", ""),
    )
    return Unit(name, rows, measure)


def _latency_unit(acks: int) -> Unit:
    name = f"latency-acks-{acks_text(acks)}"

    def measure(target: Target, effort: Effort) -> Figures:
        topic = target.new_topic(1)
        job = {"topic": topic, "partitions": 1, "acks": acks, "depth": 1}
        # At most five times as long as other requests: a slow disk has its say in p50 then.
        job |= {"seconds": effort.seconds * 5, "warm_seconds": effort.warm_seconds}
        figures = target.client("requests", do="latency", most=effort.answers, **job)
        target.drop_topic(topic)
        return {f"{name}-{part}": value for part, value in figures.items()}

    title = f"ack of one record at a time, acks={acks_text(acks)}"
    parts = ("p50", "p99", "p99.9")
    rows = tuple(Row(f"{name}-{part}", f"{title}, {part}", "ms", "less") for part in parts)
    return Unit(name, rows, measure)


def _memory_loaded(target: Target, effort: Effort) -> Figures:
    """A load of its own, so that the figure does not hang on which other units were asked for."""
    topic = target.new_topic(6)
    job = {"topic": topic, "partitions": 6, "count": effort.records // 3, "size": 1024}
    target.client("records", do="produce", acks="all", **job)
    target.client("records", do="consume", **job)
    figures = {"memory-loaded": memory_bytes(target.broker.pid) / 1e6}
    target.drop_topic(topic)
    return figures


def _start(kind: Kind, recipe: Recipe, folder: Path) -> Figures:
    broker = start(kind, recipe, folder)
    try:
        time.sleep(IDLE_S)
        memory = memory_bytes(broker.pid)
    finally:
        broker.stop()
    return {"start-up": broker.seconds_to_answer * 1e3, "memory-idle": memory / 1e6}


FRESH_UNITS = (
    FreshUnit(
        "start",
        (
            Row("start-up", "start-up, exec to first answer", "ms", "less"),
            Row("memory-idle", "memory (PSS), idle", "MB", "less"),
        ),
        _start,
    ),
    *unit_restart.FRESH_UNITS,
)
UNITS = (
    *(
        _records_unit(size, partitions, acks)
        for size, partitions, acks in itertools.product((100, 1024), (1, 6), ("1", "all"))
    ),
    *(
        _requests_unit(connections, depth, acks)
        for acks, depth, connections in itertools.product((1, -1), (1, 16), (1, 10, 100))
    ),
    _requests_unit(1000, 1, 1),
    _latency_unit(1),
    _latency_unit(-1),
    Unit(
        "memory",
        (Row("memory-loaded", "memory (PSS), after a load", "MB", "less"),),
        _memory_loaded,
    ),
    *unit_flows.UNITS,
    *unit_tools.UNITS,
)
ALL_NAMES = [unit.name for unit in FRESH_UNITS] + [unit.name for unit in UNITS]
ALL_ROWS = [row for unit in FRESH_UNITS for row in unit.rows]
ALL_ROWS += [row for unit in UNITS for row in unit.rows]
