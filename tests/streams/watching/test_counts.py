"""What is counted of steps, and how Prometheus reads it."""

from __future__ import annotations

from typing import Any

import msgspec
from prometheus_client.parser import text_string_to_metric_families

import moldau
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import State
from moldau.streams.engine.task import Task
from moldau.streams.running.task_state import TaskState
from moldau.streams.topology import topology
from moldau.streams.watching.document import Document
from moldau.streams.watching.prometheus import as_text
from moldau.streams.watching.watch import Watch
from tests.streams.sales import Sale, sale


def program() -> moldau.App:
    app = moldau.App("revenue", on_error=moldau.retry(1))
    sales = app.topic("sales", Sale, event_time="timestamp", key="category")
    taken = app.stream(sales).filter(lambda one: 1 / one.amount > 0)
    made = taken.group_by("category").tumbling("1m").agg(name="revenue", total=moldau.sum("amount"))
    made.to("totals")
    return app


def fed(watch: Watch, task: Task, *values: bytes) -> None:
    count = len(values)
    task.feed("sales", Records(range(count), [0] * count, [b"books"] * count, values), 0)


def watched() -> tuple[Watch, Task]:
    made = topology("revenue", program().nodes)
    watch = Watch(made, 3, keeps=True)
    place = (made.stages[0].name, 0)
    watch.begun(place, [])
    counts = {"sales": 1, "totals": 1}
    return watch, Task(made, made.stages[0], 0, counts, State(), counts=watch.counts)


def test_records_errors_and_late_ones_are_counted_by_step() -> None:
    watch, task = watched()
    values = [msgspec.json.encode(sale(second)) for second in (1, 70, 2)]  # the third is late
    fed(watch, task, *values, msgspec.json.encode(sale(80, amount="0")), b"{ no sale")
    watch.round([task], lambda _: 7, aborts=2)
    told = watch.told()
    steps = {one.step: (one.records, one.errors, one.late) for one in told.steps}
    assert steps["filter-1"] == (4, 1, 0)
    assert steps["revenue"] == (3, 0, 1)
    assert [(one.topic, one.records, one.errors) for one in told.topics] == [("sales", 5, 1)]
    assert (told.records, told.dead_letters, told.aborted_transactions) == (5, 2, 2)
    (only,) = told.tasks
    assert (only.partition, only.behind) == (0, 7)
    assert only.watermark == round(sale(80).timestamp.timestamp() * 1000)


def test_the_size_of_state_is_that_of_what_is_committed() -> None:
    watch, task = watched()
    for offset, one in enumerate((sale(1), sale(2, "toys"))):
        key, value = one.category.encode(), msgspec.json.encode(one)
        task.feed("sales", Records([offset], [0], [key], [value]), 0)
    changes = task.checkpoint()
    assert sizes(watch, task) == {}
    watch.checkpointed([changes], 0.25)
    expected = [one for one in changes if one.key and one.key.startswith(b"revenue\0")]
    assert sizes(watch, task) == {"revenue": (2, bytes_of(expected))}
    task.feed("sales", Records([2], [0], [b"toys"], [msgspec.json.encode(sale(200, "toys"))]), 0)
    watch.checkpointed([task.checkpoint()], 0.25)  # the minute is closed
    assert sizes(watch, task)["revenue"][0] == 1
    assert (watch.told().checkpoints, watch.told().checkpoint_total_s) == (2, 0.5)


def sizes(watch: Watch, task: Task) -> dict[str, tuple[int, int]]:
    watch._next = 0.0
    watch.round([task], lambda _: None, 0)
    return {one.table: (one.keys, one.bytes) for one in watch.told().state}


def bytes_of(changes: list[Output]) -> int:
    prefix = len(b"revenue\0")
    return sum(len(one.key or b"") - prefix + len(one.value or b"") for one in changes)


def test_prometheus_reads_what_is_told() -> None:
    """Its own parser is the judge: of types, of names, and of what must be escaped."""
    watch, task = watched()
    fed(watch, task, msgspec.json.encode(sale(1)))
    watch.checkpointed([task.checkpoint()], 0.25)
    restoring = TaskState(task.stage, ("revenue-revenue-changelog", 1))
    restoring.began, restoring.position, restoring.end = 10, 35, 110
    watch.round([task], lambda _: 7, 0, [restoring])
    told = watch.told()
    told.steps[0].step = 'a "quoted"\\ step\nof two lines'
    families = {
        one.name: one for one in text_string_to_metric_families(as_text(Document("r", [told])))
    }
    counters = {"records", "errors", "late_records", "read_records", "unreadable_records"}
    assert {f"moldau_{one}" for one in counters} <= families.keys()
    for name, family in families.items():
        assert family.documentation.endswith("."), name
        assert family.type in ("counter", "gauge", "summary"), name
        labels = [tuple(sorted(one.labels.items())) for one in family.samples]
        assert len(set(labels)) == len(labels) or family.type == "summary", name
    steps = {one.labels["step"] for one in families["moldau_records"].samples}
    assert 'a "quoted"\\ step\nof two lines' in steps
    assert value(families, "moldau_restored_ratio") == 0.25
    assert value(families, "moldau_lag_records") == 7
    took = {one.name: one.value for one in families["moldau_checkpoint_seconds"].samples}
    assert took == {"moldau_checkpoint_seconds_sum": 0.25, "moldau_checkpoint_seconds_count": 1}
    assert families["moldau_processes"].samples[0].labels == {"app": "r", "status": "up"}


def value(families: dict[str, Any], name: str) -> float:
    (sample,) = families[name].samples
    assert sample.labels["process"] == "3"
    told: float = sample.value
    return told
