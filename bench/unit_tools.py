"""How long the command-line tools take to answer: ours and Apache's, each on its own broker."""

from __future__ import annotations

import subprocess
import time

from bench.rivals import TOOLS
from bench.unit import Effort, Figures, MeasureError, NotApplicable, Row, Target, Unit

COMMANDS = {
    "kafka-topics --list": ("kafka-topics", "--list"),
    "kafka-consumer-groups --list": ("kafka-consumer-groups", "--list"),
    "kafka-get-offsets": ("kafka-get-offsets",),
}


def _tool(title: str, words: tuple[str, ...]) -> Unit:
    name = "tool-" + title.replace(" --", "-")

    def measure(target: Target, _: Effort) -> Figures:
        prefix = TOOLS.get(target.broker.kind.name)
        if prefix is None:
            raise NotApplicable
        command = [*prefix(words[0]), *words[1:], "--bootstrap-server", target.broker.address]
        begin = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        seconds = time.perf_counter() - begin
        if done.returncode:
            raise MeasureError((done.stderr.strip().splitlines() or ["no word"])[-1])
        return {name: seconds * 1e3}

    return Unit(name, (Row(name, f"{title}, exec to exit", "ms", "less"),), measure)


UNITS = tuple(_tool(title, words) for title, words in COMMANDS.items())
