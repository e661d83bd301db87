"""One run: starts the brokers, measures every unit with each in turn, gathers the figures."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from bench import machine
from bench.brokers import Kind, Recipe, StartError, Unavailable, start
from bench.rivals import KINDS
from bench.turns import in_turn, is_wanted, say
from bench.unit import (
    FULL,
    QUICK,
    WARMING,
    Effort,
    Figures,
    FreshUnit,
    MeasureError,
    NotApplicable,
    Target,
    Unit,
)
from bench.units import ALL_ROWS, FRESH_UNITS, UNITS


class Options(NamedTuple):
    """`words`: a unit runs when one of them is in its name; none: all run."""

    words: Sequence[str]
    brokers: Sequence[str]
    repeats: int
    quick: bool


class Run:
    """Collects, for every row and broker, one figure per repeat."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._figures: dict[str, dict[str, list[float]]] = {}
        self._failures: dict[str, dict[str, str]] = {}
        self._missing: dict[str, str] = {}
        self._recipes: dict[Kind, Recipe] = {}
        self._started = datetime.now(UTC)
        self._folders = 0

    def go(self) -> dict[str, Any]:
        """Does it all. Every process and file of it is gone afterwards."""
        begin = time.monotonic()
        facts = machine.facts()
        self._find()
        scratch = Path(tempfile.mkdtemp(prefix="moldau-bench-"))
        with ExitStack() as ending:
            ending.callback(shutil.rmtree, scratch, ignore_errors=True)
            self._fresh_units(scratch)
            units = [unit for unit in UNITS if self._wanted(unit)]
            if units:
                self._long_units(scratch, ending, units)
        return self._result(facts, time.monotonic() - begin)

    def _wanted(self, unit: Unit | FreshUnit) -> bool:
        return is_wanted(unit.name, self._options.words)

    def _find(self) -> None:
        for name in self._options.brokers:
            kind = KINDS[name]
            try:
                self._recipes[kind] = kind.find()
            except Unavailable as error:
                self._missing[name] = str(error)
                say(f"{kind.title} is left out: {error}")

    def _fresh_units(self, scratch: Path) -> None:
        """Before the others, so that no second process shares pages with the one measured."""
        for unit in FRESH_UNITS:
            if not self._wanted(unit) or (unit.once and self._options.quick):
                continue
            for repeat in range(1 if unit.once else self._options.repeats):
                for kind, recipe in in_turn(self._recipes.items(), repeat):
                    folder = self._folder(scratch, kind)
                    try:
                        self._keep(unit, kind, unit.measure(kind, recipe, folder))
                    except (StartError, MeasureError) as error:
                        self._fail(unit, kind, str(error))
                    except NotApplicable:
                        pass
                    shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, scratch: Path, kind: Kind) -> Path:
        self._folders += 1
        return scratch / f"{kind.name}-{self._folders}"

    def _long_units(self, scratch: Path, ending: ExitStack, units: list[Unit]) -> None:
        """All brokers stay up, and take their turn at every unit."""
        targets: dict[Kind, Target] = {}
        for kind, recipe in self._recipes.items():
            try:
                broker = start(kind, recipe, self._folder(scratch, kind))
            except StartError as error:
                self._missing[kind.name] = str(error)
                say(str(error))
                continue
            ending.callback(broker.stop)
            targets[kind] = Target(broker)
        effort = QUICK if self._options.quick else FULL
        if not self._options.quick:
            say("warming up")
            for unit in units:
                self._unit(unit, targets, 0, WARMING, kept=False)
        for repeat in range(self._options.repeats):
            for unit in units:
                self._unit(unit, targets, repeat, effort, kept=True)

    def _unit(
        self, unit: Unit, targets: dict[Kind, Target], repeat: int, effort: Effort, *, kept: bool
    ) -> None:
        for kind, target in in_turn(targets.items(), repeat):
            os.sync()  # what one broker left to write is not another's burden
            try:
                figures = unit.measure(target, effort)
            except (MeasureError, OSError) as error:
                self._fail(unit, kind, str(error))
                continue
            except NotApplicable:
                continue
            if kept:
                self._keep(unit, kind, figures)

    def _keep(self, unit: Unit | FreshUnit, kind: Kind, figures: Figures) -> None:
        for row in unit.rows:
            row_figures = self._figures.setdefault(row.key, {})
            row_figures.setdefault(kind.name, []).append(figures[row.key])
        first = unit.rows[0]
        say(f"{first.title}: {kind.title} {figures[first.key]:,.4g} {first.unit}")

    def _fail(self, unit: Unit | FreshUnit, kind: Kind, why: str) -> None:
        self._failures.setdefault(unit.name, {})[kind.name] = why
        say(f"{unit.name}: {kind.title} failed: {why}")

    def _result(self, facts: dict[str, Any], seconds: float) -> dict[str, Any]:
        rows = [
            row._asdict() | {"figures": self._figures[row.key]}
            for row in ALL_ROWS
            if row.key in self._figures
        ]
        return {
            "date": self._started.isoformat(timespec="seconds"),
            "seconds": round(seconds),
            "quick": self._options.quick,
            "repeats": self._options.repeats,
            "commit": machine.commit(),
            "machine": facts,
            "brokers": {
                kind.name: {
                    "title": kind.title,
                    "label": kind.label,
                    "version": recipe.version,
                    "settings": dict(recipe.settings),
                }
                for kind, recipe in self._recipes.items()
            },
            "missing": self._missing,
            "failures": self._failures,
            "rows": rows,
        }
