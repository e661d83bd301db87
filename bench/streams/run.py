"""One run: every case, with every program in turn, on the same broker."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from bench import machine
from bench.brokers import StartError, Unavailable, start
from bench.rivals import KINDS
from bench.streams import sales
from bench.streams.cases import CASES, Case
from bench.streams.engines import ENGINES, Engine, Found
from bench.streams.measure import Measured, Size, measure
from bench.streams.topics import Topics
from bench.turns import in_turn, is_wanted, say
from bench.unit import MeasureError, Row

FULL = Size(2_400_000, 800_000, checkpoint_ms=1000)
QUICK = Size(150_000, 20_000, checkpoint_ms=20)
LEAST = 2 * sales.PER_WINDOW  # records for the slowest


class Options(NamedTuple):
    """`words`: a case runs when one of them is in its name; none: all run."""

    words: Sequence[str]
    engines: Sequence[str]
    repeats: int
    quick: bool


def names() -> list[str]:
    return [case.name for case in CASES]


def wanted(words: Sequence[str]) -> list[Case]:
    return [case for case in CASES if is_wanted(case.name, words)]


def rows(case: Case) -> tuple[Row, ...]:
    return (
        Row(f"{case.name}-cpu", case.title, "CPU µs/record", "less"),
        Row(f"{case.name}-rate", case.title, "records/s", "more"),
        Row(f"{case.name}-memory", case.title, "MB (PSS)", "less"),
    )


class StreamsRun:
    """Collects, for every row and program, one figure per repeat, and what was wrong."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._figures: dict[str, dict[str, list[float]]] = {}
        self._failures: dict[str, dict[str, str]] = {}
        self._verdicts: dict[str, dict[str, str]] = {}
        self._missing: dict[str, str] = {}
        self._found: dict[str, Found] = {}
        self._topics: dict[str, Topics] = {}

    def go(self) -> dict[str, Any]:
        """Does it all. Every process and file of it is gone afterwards."""
        begun, clock = datetime.now(UTC), time.monotonic()
        facts = machine.facts()
        self._find()
        scratch = Path(tempfile.mkdtemp(prefix="moldau-bench-"))
        with ExitStack() as ending:
            ending.callback(shutil.rmtree, scratch, ignore_errors=True)
            self._brokers(ending, scratch)
            for repeat in range(self._options.repeats):
                for case in wanted(self._options.words):
                    self._case(case, repeat, scratch)
        return {
            "of": "streams",
            "date": begun.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - clock),
            "quick": self._options.quick,
            "repeats": self._options.repeats,
            "commit": machine.commit(),
            "machine": facts,
            **self._result(),
        }

    def _find(self) -> None:
        for name in self._options.engines:
            try:
                self._found[name] = ENGINES[name].find()
            except Unavailable as error:
                self._missing[name] = str(error)
                say(f"{ENGINES[name].title} is left out: {error}")

    def _brokers(self, ending: ExitStack, scratch: Path) -> None:
        for name in dict.fromkeys(ENGINES[one].broker for one in self._found):
            kind = KINDS[name]
            try:
                broker = start(kind, kind.find(), scratch / f"broker-{name}")
            except (Unavailable, StartError) as error:
                for one in [one for one in self._found if ENGINES[one].broker == name]:
                    del self._found[one]
                    self._missing[one] = f"it runs on {kind.title}: {error}"
                continue
            ending.callback(broker.stop)
            self._topics[name] = Topics(broker.address)

    def _case(self, case: Case, repeat: int, scratch: Path) -> None:
        engines = [ENGINES[name] for name in self._found]
        for engine in in_turn(engines, repeat):
            if engine.cannot(case):
                continue
            topics = self._topics[engine.broker]
            try:
                measured = measure(
                    engine, case, self._size(engine), topics, scratch, is_verified=not repeat
                )
            except MeasureError as error:
                self._failures.setdefault(case.name, {})[engine.name] = str(error)
                say(f"{case.title}: {engine.title} failed: {error}")
            else:
                self._keep(case, engine, measured)

    def _size(self, engine: Engine) -> Size:
        most = QUICK if self._options.quick else FULL
        # Whole windows: the last closes as soon as the lateness allows.
        windows = round(most.records * engine.scale / sales.PER_WINDOW)
        records = max(LEAST, windows * sales.PER_WINDOW)
        return Size(records, records * most.warm // most.records, most.checkpoint_ms)

    def _keep(self, case: Case, engine: Engine, measured: Measured) -> None:
        for row in rows(case):
            figure = measured.figures[row.key.removeprefix(f"{case.name}-")]
            by_engine = self._figures.setdefault(row.key, {})
            by_engine.setdefault(engine.name, []).append(figure)
        if measured.verdict:
            self._verdicts.setdefault(case.name, {})[engine.name] = measured.verdict
        cpu, rate, memory = measured.figures.values()
        say(
            f"{case.title}: {engine.title} {cpu:.2f} µs, {rate:,.0f} records/s, {memory:.0f} MB"
            + (f"; {measured.verdict}" if measured.verdict else "")
        )

    def _result(self) -> dict[str, Any]:
        return {
            "brokers": {
                name: {
                    "title": ENGINES[name].title,
                    "label": ENGINES[name].label,
                    "version": found.version,
                    "settings": {},
                }
                for name, found in self._found.items()
            },
            "missing": self._missing,
            "failures": self._failures,
            "verdicts": self._verdicts,
            "rows": [
                row._asdict() | {"figures": self._figures[row.key]}
                for case in CASES
                for row in rows(case)
                if row.key in self._figures
            ],
        }


def merged(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Runs of parts as one: of a case and a program the latest counts."""
    whole = dict(results[-1])
    figures: dict[str, dict[str, Any]] = {}
    about: dict[str, dict[str, Any]] = {"brokers": {}, "missing": {}}
    said: dict[str, dict[str, dict[str, str]]] = {"failures": {}, "verdicts": {}}
    for result in results:
        for name, all_of in about.items():
            all_of |= result[name]
        for row in result["rows"]:
            figures.setdefault(row["key"], {**row, "figures": {}})["figures"] |= row["figures"]
            for cases in said.values():
                of_case = cases.get(row["key"].removesuffix("-cpu"), {})
                for engine in row["figures"]:
                    of_case.pop(engine, None)
        for name, cases in said.items():
            for case, by_engine in result[name].items():
                cases.setdefault(case, {}).update(by_engine)
    order = [row.key for case in CASES for row in rows(case)]
    return {
        **whole,
        **said,
        "brokers": {one: about["brokers"][one] for one in ENGINES if one in about["brokers"]},
        "missing": {k: v for k, v in about["missing"].items() if k not in about["brokers"]},
        "rivals": [one for one in ENGINES if one in about["brokers"] and ENGINES[one].is_rival],
        "rows": [figures[key] for key in order if key in figures],
        "parts": [
            {name: result[name] for name in ("date", "commit", "seconds", "repeats", "machine")}
            for result in results
        ],
    }
