"""docs/streams/performance.md, written from the JSON of the runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench import table
from bench.streams import sales
from bench.streams.cases import CASES
from bench.streams.engines import ENGINES
from bench.streams.run import FULL, rows
from bench.unit import ROOT, count_text

PAGE = ROOT / "docs" / "streams" / "performance.md"


def page(result: Mapping[str, Any]) -> str:
    return "\n".join(_page(result)) + "\n"


def _page(result: Mapping[str, Any]) -> Iterator[str]:
    yield "# How fast streams are\n"
    yield "<!-- Written by `python -m bench --write-docs` from the JSON of the runs. -->\n"
    yield from _head(result)
    yield "| program | version |\n| --- | --- |"
    for about in result["brokers"].values():
        yield f"| {about['title']} | {about['version']} |"
    yield ""
    for name, why in result["missing"].items():
        yield f"Left out: {ENGINES[name].title}, {why}.\n"
    yield "## Results\n"
    yield table.LEGEND.split(" `never`")[0] + "\n"
    for number, title in enumerate(TITLES):
        keys = {rows(case)[number].key for case in CASES}
        part = [row for row in result["rows"] if row["key"] in keys]
        yield f"### {title}\n"
        yield table.markdown({**result, "rows": part}) + "\n"
    yield from _wrong(result)
    yield METHOD


def _head(result: Mapping[str, Any]) -> Iterator[str]:
    machine = result["machine"]
    runs = "; ".join(
        f"{part['date'][:10]}, commit {part['commit']}, {count_text(part['repeats'], 'repeat')}, "
        f"load before it {part['machine']['load_before']:.1f}"
        for part in result["parts"]
    )
    yield f"`make bench ARGS='--rows streams'` measures this: {runs}.\n"
    yield (
        f"Machine: {machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB, "
        f"Linux {machine['kernel']}, Python {machine['python']}, confluent-kafka "
        f"{machine['confluent_kafka']} (librdkafka {machine['librdkafka']}). The broker runs "
        "beside on the same cores. Where the load before a run is more than there are cores, "
        "others had their share of caches and cores: the ratios say more than the figures.\n"
    )


def _wrong(result: Mapping[str, Any]) -> Iterator[str]:
    """What was wrong with the results, and what failed."""
    titles = {case.name: case.title for case in CASES}
    yield "### Whose results are wrong\n"
    yield (
        "The results are compared with those of a plain computation over the same records. Who is "
        "not named here had all of them right.\n"
    )
    for case, by_engine in result["verdicts"].items():
        for name, said in by_engine.items():
            yield f"- {ENGINES[name].title}, {titles[case]}: {said}."
    for case, by_engine in result["failures"].items():
        for name, said in by_engine.items():
            yield f"- {ENGINES[name].title}, {titles[case]}: no figure, {said}."
    yield ""


TITLES = ("CPU time per record", "Records per second", "Memory")
METHOD = f"""\
## How it is measured

- The input is in its topic before a program is started: {FULL.records:,} sales of {sales.SIZE}
  bytes of JSON, {len(sales.CATEGORIES)} categories, {sales.PER_WINDOW:,} a minute of event time,
  up to two seconds out of order, so never late. The slower programs are given fewer of them.
- A program is one process with one thread for its work. Its CPU time is that of all its threads,
  user and system, and is taken between two points: when it has committed a third of the records,
  and when it has committed all and has nothing more to do. So starting up is not in it, nor most
  of what a JVM compiles. (Bytewax commits nothing: of it the results are counted.)
- "windowed sum": from JSON with an amount that is a Decimal and a time in ISO 8601 to the revenue
  and the number of orders of each minute and category, 10 s of lateness, told once, when a window
  closes; keyed: the sales are keyed by category already; repartitioned: they have no key.
  "map": one result for each record; "join": likewise, with a row of a table of
  {len(sales.CATEGORIES)}; "agent": an `async for` that sends one record for each.
- All commit every {FULL.checkpoint_ms / 1000:.0f} s (Kafka Streams: commit.interval.ms), and have
  their defaults else.
- Windows that never closed are those for which no later record came: where the input falls silent
  they stay open. {len(sales.CATEGORIES)} windows are a minute.
- Missing ones had not come 15 s after all was committed. Kafka Streams looks for closed windows
  once a second, and only when a record comes: one more record brought those of its keyed sums.
  Wrong ones lack records that a program took for late: behind a repartition, of which it reads six
  partitions at unequal speed, Kafka Streams goes by the newest record that it has seen. With a
  grace of seven days in place of ten seconds, none of its windows was wrong.
- Memory is the proportional set size at the second point.
"""
