"""docs/performance.md, written from the JSON of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench import table
from bench.records import CONSUMER, PRODUCER
from bench.requests import VALUE_SIZE
from bench.unit import FULL, IDLE_S, ROOT
from bench.unit_flows import MEMBERS, READERS
from bench.unit_restart import GIGABYTES

PAGE = ROOT / "docs" / "performance.md"


def page(result: dict[str, Any]) -> str:
    return "\n".join(_page(result)) + "\n"


def _page(result: dict[str, Any]) -> Iterator[str]:
    machine = result["machine"]
    yield "# Performance\n"
    yield "<!-- Written by `python -m bench --write-docs` from the JSON of a run. -->\n"
    yield (
        f"`make bench` measures this; {result['date'][:10]}, commit {result['commit']}, "
        f"{result['repeats']} repeats in {result['seconds'] // 60} minutes.\n"
    )
    yield (
        f"Machine: {machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB, "
        f"Linux {machine['kernel']}, Python {machine['python']}, confluent-kafka "
        f"{machine['confluent_kafka']} (librdkafka {machine['librdkafka']}). An fdatasync of 4 KiB "
        f"takes {machine['fdatasync_4_kib_ms']} ms (median). The clients run beside the broker on "
        f"the same cores. Load before the run: {machine['load_before']:.1f}.\n"
    )
    yield "## The brokers\n"
    yield "| broker | version | settings besides its defaults |"
    yield "| --- | --- | --- |"
    for about in result["brokers"].values():
        settings = "; ".join(f"`{k}={v}`" for k, v in about["settings"].items()) or "none"
        yield f"| {about['title']} | {about['version']} | {settings} |"
    yield ""
    for name, why in result["missing"].items():
        yield f"Left out: {name}, {why}.\n"
    yield PROMISES
    yield "## Results\n"
    yield table.LEGEND + "\n"
    for title, rows in _sections(result["rows"]):
        yield f"### {title}\n"
        yield table.markdown({**result, "rows": rows}) + "\n"
    for unit, failures in result["failures"].items():
        for name, why in failures.items():
            yield f"{unit} failed with {name}: {why}.\n"
    yield METHOD


def _sections(rows: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Rows of a kind together, in the order in which their first ones came."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        sections.setdefault(TITLES.get(row["unit"], row["unit"]), []).append(row)
    yield from sections.items()


TITLES = {
    "ms": "Time",
    "MB": "Memory",
    "records/s": "Records per second",
    "MB/s": "Megabytes per second",
    "broker s/GB in": "CPU seconds of the broker per GB in",
    "broker s/GB out": "CPU seconds of the broker per GB out",
    "client cores": "Cores that the client keeps busy",
    "requests/s": "Requests of one record",
    "broker µs each": "CPU time of the broker per request",
    "client µs each": "CPU time of the client per request",
}
PROMISES = """\
What an acknowledgement promises differs. Moldau by default answers acks=all when the record is on
disk (see [durability](durability.md)). Apache Kafka answers when the record is in the page cache,
as Moldau does with `moldau.sync=never`: that column compares like with like. kfake promises the
same as that, and with fsync what our default promises, at every acks. Tansu keeps records in memory
only, and promises least.
"""
METHOD = f"""\
## How it is measured

- Every broker is one process in a folder of its own on the same disk. All stay up during the run
  and are asked in turn, in the order ABCD, then DCBA; a round that is not counted warms them up
  first. Before each measurement the disk is given what is left to write (`sync`). A ratio is the
  median of those of the repeats.
- Records: confluent-kafka in a process of its own, {FULL.records:,} records of 100 bytes, a third
  of that of 1 KiB, random bytes without keys, uncompressed, into a new topic; every record is
  acknowledged within the time. Producer: {PRODUCER}; consumer: {CONSUMER}; else librdkafka's
  defaults. A GB is 10^9 bytes of values. With 100 bytes the client is near its own limit.
- Requests: a client over bare sockets in a process of its own sends Produce requests (version 10)
  of one record of {VALUE_SIZE} bytes, encoded beforehand, for {FULL.seconds} s, to up to six
  partitions. "16 deep": so many are under way on each connection. The CPU time of the client is
  shown, because it takes its share of the cores.
- Acknowledgements one at a time: the same client, one connection, up to {FULL.answers:,} records.
- End to end: one process produces at a rate, each record when it is due, and consumes; linger is 0,
  acks=1; from before produce() to the value in the consumer's hands.
- Compressed: hexadecimal digits, which a codec can halve. Readers behind: {READERS} topics, one
  consumer each, at once. Groups: {MEMBERS} consumers of confluent-kafka in one process.
- Restart: {GIGABYTES} GB in one partition, kill -9, and exec to the first answer; the end of the
  log must be there again. Once a run.
- Tools: from exec to exit, ours on our broker and Apache's (a JVM of 256 MB) on Apache Kafka.
- CPU seconds are user and system time of the broker's process with all its threads.
- Start-up is from exec to the first answer to ApiVersions, in an empty folder (Apache Kafka's has
  been formatted). Memory is the proportional set size: {IDLE_S:.0f} s after start-up, and after
  all the load of the run.
"""
