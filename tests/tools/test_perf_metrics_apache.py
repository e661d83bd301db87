"""--print-metrics of the perf tests: each metric is one of Java's, under the same name, and what is
counted exactly is the same number."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.apache_kafka import ApacheKafka, ToolServer

pytestmark = [pytest.mark.apache, pytest.mark.slow]
RECORDS = 2000
LINES = {
    "kafka-producer-perf-test": f"--num-records {RECORDS} --record-size 100 --throughput -1",
    "kafka-consumer-perf-test": f"--num-records {RECORDS} --group {{group}}",
}
# None: some. Whether a member joins once or twice hangs on what it knows of the topic by then.
EXACT: dict[str, dict[str, int | None]] = {
    "kafka-producer-perf-test": {
        "producer-metrics:record-send-total": RECORDS,
        "producer-metrics:record-error-total": 0,
        "producer-topic-metrics:record-send-total": RECORDS,
    },
    "kafka-consumer-perf-test": {
        "consumer-fetch-manager-metrics:records-consumed-total": RECORDS,
        "consumer-coordinator-metrics:join-total": None,
        "consumer-coordinator-metrics:assigned-partitions": 1,
    },
}


def metrics(stdout: str) -> dict[str, float]:
    """Their values, by names without what differs from run to run."""
    _, _, table = stdout.partition("Metric Name")
    found = {}
    for line in table.splitlines()[1:]:
        name, _, value = line.rpartition(" : ")
        if re.fullmatch(r"-?\d+(\.\d+)?|NaN", value):
            found[re.sub(r"node-\d+", "node-N", name.strip())] = float(value)
    return found


def run_ours(tool: str, *words: str) -> str:
    script = Path(sys.executable).parent / tool
    ran = subprocess.run([script, *words], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("tool", sorted(LINES, reverse=True))
def test_every_metric_is_one_of_javas(tool: str, apache_kafka: ApacheKafka) -> None:
    topic = f"perf-{uuid.uuid4().hex[:8]}"
    where = ["--bootstrap-server", apache_kafka.bootstrap_servers, "--topic", topic]
    produce = LINES["kafka-producer-perf-test"].split()
    run_ours("kafka-producer-perf-test", *where, *produce)
    with ToolServer() as java:
        said = []
        for group in ("java", "ours"):
            line = LINES[tool].replace("{group}", f"{topic}-{group}")
            words = [*where, *line.split(), "--print-metrics"]
            said.append(
                run_ours(tool, *words) if group == "ours" else java.run(tool, *words)[1].decode()
            )
    theirs, ours = map(metrics, said)
    assert sorted(set(ours) - set(theirs)) == []
    by_kind = {name.rpartition(":")[0]: value for name, value in ours.items()}
    for name, value in EXACT[tool].items():
        # Not what Java's says: it may print before it has counted.
        assert by_kind[name] == value or (value is None and by_kind[name] > 0), name
    assert all(value == value for value in ours.values())  # no NaN: all of it was counted
