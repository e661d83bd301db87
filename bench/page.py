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
    yield WHERE_TIME_GOES
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
WHERE_TIME_GOES = """\
## Where the time goes

Not of that run: measured apart by CPU time, on a quiet machine on 2026-11-27 (2 cores of an AMD
EPYC, CPython 3.11), at the same promise as Apache Kafka.

- A Produce of one record costs the broker's thread 11.2 µs when 100 connections ask in a round:
  `send` 3.9 (TCP, through to the receiver), `recv` and `pwritev` 1.0 each; in Python 1.2 for
  sockets and frames, 1.8 for request and answer, 0.8 to check the batch (its CRC 0.1), 1.5 for log
  and indexes. That is some forty steps of 0.03 to 0.3 µs. Sixteen that come in one read: 6.4 each.
- The ceiling: a bare loop in Python that answers the same bytes without a look takes 6.0 µs, the
  client 7.5. So the client could ask 130,000 times a second from 100 connections, and our one
  thread bounds the row at 76,000. Apache Kafka's 24 µs, on the cores that the client leaves, give
  57,000.
- All batches of a round in one write per partition would save 1 µs at most, and answers would be
  made before a full disk is known of: not done.
- On a machine where Python took four times as long and Java two to three, an older version was
  behind Apache Kafka with 10 and 100 connections (0.68 to 0.92).
- 100 B: the producer keeps 0.95 cores busy, our broker 0.1, Apache Kafka 0.4 to 0.6 (6
  partitions): the row measures librdkafka and what the broker leaves to it.
- 1 KiB out: of our 0.6 to 0.8 s/GB the kernel's sendfile takes more than half, Python a third
  (0.2 ms per fetch of 1 MB, which reads one file and sends three parts). Apache Kafka's 0.4 to 0.5
  is the same sendfile with compiled code around it: that is the ceiling. The client keeps 1.3
  cores busy.
- Our default, acks=all: one fdatasync costs 60 µs of CPU. One connection pays it with each request
  (141 µs), 100 share it (32), and with 16 deep it is hardly seen (11).
- 1,000 new partitions: 15 ms of the processor until the answer leaves, a sixth of it for the first
  25 logs (a folder and two files each); the others are opened when somebody asks for them, or after
  a tenth of a second. The rest is Python that makes, encodes and applies 1,000 records. kfake and
  Tansu make no files then.
- Start-up: an empty interpreter takes 10 ms, with our modules 40: that is the ceiling. The rest
  makes a folder and syncs it. Idle, the interpreter alone has 5.4 MB. kfake and Tansu are compiled.
- Readers of 1 KiB in one partition once took 1.2 s where 0.3 is usual, with an idle client:
  librdkafka pauses for a second when its queue of 64 MB is full. The bench gives it a larger one
  since. A run of the rows of records alone after that, three repeats: never/Kafka 1.16 and 1.05 for
  readers of 1 KiB, 0.90 (±14%) and 1.04 for those of 100 B, 0.92 (±13%) to 1.62 for writers.
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
  defaults. A GB is 10^9 bytes of values. A client that keeps a core busy is at its own limit: its
  Python makes records in one thread.
- Requests: a client over bare sockets in a process of its own sends Produce requests (version 10)
  of one record of {VALUE_SIZE} bytes, encoded beforehand, for {FULL.seconds} s, to up to six
  partitions. "16 deep": so many are under way on each connection. The CPU time of the client is
  shown, because it takes its share of the cores.
- Acknowledgements one at a time: the same client, one connection, up to {FULL.answers:,} records.
- End to end: one process produces at a rate, each record when it is due, and consumes; linger is 0,
  acks=1; from before produce() to the value in the consumer's hands.
- Compressed: hexadecimal digits, which a codec can halve. Readers behind: {READERS} topics, one
  consumer each, at once. Groups: {MEMBERS} consumers of confluent-kafka in one process.
- Restart: {GIGABYTES} GB in one partition, kill -9, and from exec until a client is told where the
  log ends, which must be where it did. Once a run.
- Tools: from exec to exit, ours on our broker and Apache's (a JVM of 256 MB) on Apache Kafka.
- CPU seconds are user and system time of the broker's process with all its threads.
- Start-up is from exec to the first answer to ApiVersions, in an empty folder (Apache Kafka's has
  been formatted). Memory is the proportional set size: {IDLE_S:.0f} s after start-up, and after
  all the load of the run.
"""
