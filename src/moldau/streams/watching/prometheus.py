"""A worker's document in Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/
exposition_formats). A new metric is a line in `_METRICS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from moldau.streams.watching.document import Document, Process

TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = dict[str, str | int]
Sample = tuple[Labels, float]


class _Metric(NamedTuple):
    name: str
    type: str
    help: str
    samples: Callable[[Process], Iterable[Sample]]


def as_text(document: Document) -> str:
    lines = []
    for metric in _METRICS:
        samples = [
            ({"app": document.app, "process": process.slot, **labels}, value)
            for process in document.processes
            for labels, value in metric.samples(process)
        ]
        if samples:
            lines.append(f"# HELP {metric.name} {_escaped(metric.help)}")
            lines.append(f"# TYPE {metric.name} {metric.type}")
            lines += [_line(metric.name, *sample) for sample in samples]
    lines += _up(document)
    return "\n".join(lines) + "\n"


def _up(document: Document) -> list[str]:
    """How many processes answer, and how many do not."""
    name = "moldau_processes"
    counts = {"up": len(document.processes), "silent": len(document.silent)}
    return [
        f"# HELP {name} Worker processes that are behind this address, by whether they answer.",
        f"# TYPE {name} gauge",
        *(_line(name, {"app": document.app, "status": k}, n) for k, n in counts.items()),
    ]


def _line(name: str, labels: Mapping[str, str | int], value: float) -> str:
    """A summary's sample says of itself which part it is."""
    labels = dict(labels)
    name += str(labels.pop("", ""))
    told = ",".join(f'{key}="{_escaped(str(one), quote=True)}"' for key, one in labels.items())
    return f"{name}{{{told}}} {value!r}"


def _escaped(text: str, *, quote: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quote else text


def _one(value: Callable[[Process], float]) -> Callable[[Process], Iterable[Sample]]:
    return lambda process: [({}, value(process))]


def _steps(field: str) -> Callable[[Process], Iterable[Sample]]:
    return lambda process: [
        ({"stage": one.stage, "step": one.step}, getattr(one, field)) for one in process.steps
    ]


def _topics(field: str) -> Callable[[Process], Iterable[Sample]]:
    return lambda process: [
        ({"stage": one.stage, "topic": one.topic}, getattr(one, field)) for one in process.topics
    ]


def _state(field: str) -> Callable[[Process], Iterable[Sample]]:
    return lambda process: [
        ({"stage": one.stage, "table": one.table}, getattr(one, field)) for one in process.state
    ]


def _watermarks(process: Process, now: int | None = None) -> Iterable[Sample]:
    """In s since 1970; with `now`, in ms, how far behind it."""
    for one in process.tasks:
        if one.watermark is not None:
            value = one.watermark if now is None else now - one.watermark
            yield {"stage": one.stage, "partition": one.partition}, value / 1000


def _behind(process: Process) -> Iterable[Sample]:
    for one in process.tasks:
        if one.behind is not None:
            yield {"stage": one.stage, "partition": one.partition}, one.behind


def _restoring(process: Process) -> Iterable[Sample]:
    for one in process.restoring:
        labels: Labels = {"stage": one.stage, "partition": one.partition}
        yield labels, one.done / one.total if one.total else 1.0


def _checkpoints(process: Process) -> Iterable[Sample]:
    return [
        ({"": "_sum"}, process.checkpoint_total_s),
        ({"": "_count"}, process.checkpoints),
    ]


_METRICS = [
    _Metric("moldau_records_total", "counter", "Records that a step was given.", _steps("records")),
    _Metric(
        "moldau_errors_total",
        "counter",
        "Records that a step gave up: dead letters, and those that its policy skips.",
        _steps("errors"),
    ),
    _Metric(
        "moldau_late_records_total",
        "counter",
        "Records that came too late for a step.",
        _steps("late"),
    ),
    _Metric(
        "moldau_read_records_total", "counter", "Records read from a topic.", _topics("records")
    ),
    _Metric(
        "moldau_unreadable_records_total",
        "counter",
        "Records of a topic that could not be decoded.",
        _topics("errors"),
    ),
    _Metric(
        "moldau_lag_records",
        "gauge",
        "Records of its topics that a task has not read yet.",
        _behind,
    ),
    _Metric(
        "moldau_watermark_timestamp_seconds",
        "gauge",
        "Event time that a task has come to.",
        _watermarks,
    ),
    _Metric(
        "moldau_watermark_lag_seconds",
        "gauge",
        "How far that is behind the wall clock.",
        lambda process: _watermarks(process, process.at),
    ),
    _Metric("moldau_state_keys", "gauge", "Keys of a table, as committed.", _state("keys")),
    _Metric("moldau_state_bytes", "gauge", "Its keys and values, in bytes.", _state("bytes")),
    _Metric(
        "moldau_restored_ratio",
        "gauge",
        "How much of its changelog a task has read that is being restored, of 1.",
        _restoring,
    ),
    _Metric(
        "moldau_tasks",
        "gauge",
        "Tasks that a process has.",
        _one(lambda process: len(process.tasks)),
    ),
    _Metric(
        "moldau_records_per_second",
        "gauge",
        "Records read in the last seconds.",
        _one(lambda process: process.records_per_second),
    ),
    _Metric("moldau_checkpoint_seconds", "summary", "What checkpoints took.", _checkpoints),
    _Metric(
        "moldau_checkpoint_last_seconds",
        "gauge",
        "What the last checkpoint took.",
        _one(lambda process: process.checkpoint_last_s),
    ),
    _Metric(
        "moldau_aborted_transactions_total",
        "counter",
        "Transactions that were aborted, and whose records were taken again.",
        _one(lambda process: process.aborted_transactions),
    ),
    _Metric(
        "moldau_dead_letters_total",
        "counter",
        "Records that became dead letters.",
        _one(lambda process: process.dead_letters),
    ),
    _Metric(
        "moldau_start_time_seconds",
        "gauge",
        "When the process began, in seconds since 1970.",
        _one(lambda process: process.started / 1000),
    ),
]
