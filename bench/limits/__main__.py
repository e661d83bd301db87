"""`python -m bench.limits`: how large, how many, how long. Each part starts a broker of its own."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine
from bench.limits import clients, mixed, page, size, told
from bench.limits.measured import Scenario
from bench.unit import ROOT

LAST = ROOT / "bench" / "results" / "limits.json"
SCENARIOS = {
    scenario.name: scenario for scenario in (*size.SCENARIOS, *clients.SCENARIOS, told.SCENARIO)
} | {mixed.SCENARIO.name: mixed.SCENARIO}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.limits", description=__doc__)
    add = parser.add_argument
    add("--only", metavar="NAMES", help=f"some of {','.join(SCENARIOS)} (comma)")
    add("--json", type=Path, default=LAST, metavar="FILE", help="the result, added to what it has")
    add("--write-docs", action="store_true", help="write docs from --json, when all is measured")
    arguments = parser.parse_args(argv)
    names = arguments.only.split(",") if arguments.only else list(SCENARIOS)
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; there are {', '.join(SCENARIOS)}")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # stops the broker too
    if not arguments.write_docs or arguments.only:
        for name in names:
            _keep(arguments.json, name, _measured(SCENARIOS[name]))
    if arguments.write_docs:
        page.PAGE.write_text(page.page(json.loads(arguments.json.read_text()), SCENARIOS.values()))
        print(f"wrote {page.PAGE.relative_to(ROOT)}")
    return 0


def _measured(scenario: Scenario) -> dict[str, Any]:
    print(f"{scenario.title}:", flush=True)
    load, begin = os.getloadavg()[0], time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="moldau-limits-") as folder:
        result = scenario.measure(Path(folder) / "broker")
    for figure in result.figures:
        print(f"  {figure.what}: {page.shown(figure._asdict())}", flush=True)
    for limit, client, operator in result.told:
        print(f"  {limit}: client: {client} operator: {operator}", flush=True)
    about: dict[str, Any] = {"load_before": load, "load_after": os.getloadavg()[0]}
    about |= {"seconds": time.perf_counter() - begin, "date": datetime.now(UTC).isoformat()}
    return about | {"commit": machine.commit()} | result.json()


def _keep(file: Path, name: str, measured: dict[str, Any]) -> None:
    """Parts may be measured by different runs."""
    known = json.loads(file.read_text()) if file.exists() else {"parts": {}}
    known["machine"] = machine.facts()
    known["parts"][name] = measured
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
