"""Writes the generated pages: python docs/generate.py, or --check to fail when one is stale."""

from __future__ import annotations

import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from moldau.protocol.config.broker import BROKER, DIFFERENCES, KAFKA
from moldau.protocol.config.definition import Definition
from moldau.protocol.config.documentation import broker_sentence, topic_sentence
from moldau.protocol.config.effects import EFFECTIVE, NO_EFFECT, REFUSED
from moldau.protocol.config.history import HISTORIC, PLUG_IN_PREFIXES
from moldau.protocol.config.topic import BROKER_SYNONYMS, TOPIC

HERE = Path(__file__).parent
DIFFERENCES_FILE = HERE.parent / "tests/conformance/differences.toml"


def main(arguments: list[str]) -> int:
    stale = [name for name, page in PAGES.items() if not _is_fresh(name, page())]
    if "--check" in arguments:
        for name in stale:
            print(f"docs/{name} is stale: run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        (HERE / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote docs/{name}")
    return 0


def _is_fresh(name: str, text: str) -> bool:
    path = HERE / name
    return path.exists() and path.read_text(encoding="utf-8") == text


def configuration() -> str:
    return "\n".join(_configuration())


def _configuration() -> Iterator[str]:
    yield _INTRODUCTION
    yield "## Where the defaults differ from Kafka's\n"
    rows = [
        (f"`{name}`", _default(KAFKA[name]), f"`{ours}`", why)
        for name, (ours, why) in DIFFERENCES.items()
    ]
    yield _table(("name", "Kafka", "Moldau", "why"), [*rows, *_OTHER_DIFFERENCES])
    yield "## Broker configs that count\n"
    yield _table(("name", "type", "default", "what it does"), _effective())
    yield "## Topic configs\n"
    yield "Checked, kept and described as Kafka does; a topic without one takes the broker's.\n"
    yield _table(("name", "type", "default", "from the broker's", "what it is for"), _topics())
    yield "## Refused\n"
    yield "Unless they ask for nothing: their default, or an empty value.\n"
    yield from _by_reason("refused", REFUSED)
    yield "## Accepted without effect\n"
    yield "Their values are checked, but a wrong one is only a warning.\n"
    yield from _by_reason("none", NO_EFFECT)
    yield "## Names of older Kafkas\n"
    yield "Accepted, with a line on what they mean today.\n"
    yield _table(("name", "until", "today"), [(f"`{n}`", *row) for n, row in HISTORIC.items()])
    yield "## Settings of plug-ins\n"
    yield "Names that begin so are accepted without effect, `listener.name.` ones too.\n"
    prefixes = [(f"`{prefix}`", whose) for prefix, whose in sorted(PLUG_IN_PREFIXES.items())]
    yield _table(("beginning", "whose"), prefixes)


_INTRODUCTION = """\
# Configuration

<!-- Written by docs/generate.py from src/moldau/protocol/config; change it there. -->

`moldau up` takes Kafka's broker configs, from strong to weak: the options `--host`, `--port`,
`--data` and `--temporary`; `-o name=value`; environment variables; `--config server.properties`;
defaults. A name that no Kafka ever knew is refused with the nearest known one; in the
environment it is a warning.

Environment variables are those of Kafka's containers: `KAFKA_LOG_DIRS` is `log.dirs`, two
underscores stand for one and three for a dash. `KAFKA_CFG_LOG_DIRS` means the same. The cluster
id may be `CLUSTER_ID`, `KAFKA_CLUSTER_ID` or `KAFKA_KRAFT_CLUSTER_ID`, and
`KAFKA_CREATE_TOPICS=orders:6:1,users:1:1:compact` creates topics at start. Empty variables
count as absent, and those that Kubernetes sets for a service named kafka are passed over.

Listeners: `listeners` says where to listen. Without it, each entry of `advertised.listeners` is
listened for on this machine, with its port; without both, `localhost:9092`. Listeners named in
`controller.listener.names`, or CONTROLLER, are skipped. `--host` replaces the host of every
listener, `--port` the port of the first, and an advertised port that was the same follows.
Clients are told the address that they dialled unless `advertised.listeners` has an entry of
that name. In both, port 0 is a free port.
"""
_OTHER_DIFFERENCES = [
    ("`log.dir`", "`/tmp/kafka-logs`", "your data folder", "it is still there after a reboot"),
    (
        "`default.replication.factor`, the replication factors and `min.isr` of internal topics",
        "as asked",
        "at most the number of brokers",
        "no group would work otherwise; a line says so when more was asked for",
    ),
]


def _effective() -> list[tuple[str, ...]]:
    return [
        (f"`{name}`", row.type.name.lower(), _default(row), str(broker_sentence(name)))
        for name, row in sorted(BROKER.items())
        if row.effect == EFFECTIVE
    ]


def _topics() -> list[tuple[str, ...]]:
    return [
        (
            f"`{name}`",
            row.type.name.lower(),
            _default(row),
            f"`{BROKER_SYNONYMS[name]}`" if name in BROKER_SYNONYMS else "",
            str(topic_sentence(name)),
        )
        for name, row in sorted(TOPIC.items())
        if row.mode != "internal"
    ]


def _by_reason(kind: str, reasons: Mapping[str, str]) -> Iterator[str]:
    for key, sentence in reasons.items():
        names = [name for name, row in sorted(BROKER.items()) if row.effect == f"{kind}: {key}"]
        listed = ", ".join(f"`{name}`" for name in names)
        yield f"**{sentence[0].upper()}{sentence[1:]}** {listed}\n"


def _default(row: Definition) -> str:
    if row is BROKER["log.dir"]:
        return "your data folder"
    if row.default is None:
        return "none"
    return f"`{row.default}`" if row.default else "empty"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def compatibility() -> str:
    """One sentence for each entry of the list that `make conformance` passes over."""
    sections = tomllib.loads(DIFFERENCES_FILE.read_text(encoding="utf-8"))["section"]
    return "\n".join([_OF_DIFFERENCES, *map(_section, sections)])


def _section(section: Mapping[str, Any]) -> str:
    texts = [" ".join(entry["says"].split()) for entry in section["difference"]]
    points = [
        textwrap.fill(
            f"- {text}", 100, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
        )
        for text in texts
    ]
    return "\n".join([f"## {section['title']}\n", *points, ""])


_OF_DIFFERENCES = """\
# Where Moldau differs from Apache Kafka 4.3.1

<!-- Written by docs/generate.py from tests/conformance/differences.toml; change it there. -->

What is not listed here is the same, as far as `make conformance` can see: it asks a real Apache
Kafka and Moldau the same questions, some thousands of fixed ones and random ones, and passes over
nothing but what stands here. Each line has a test that fails when it is no longer true.
Configs are on [a page of their own](configuration.md), durability on [another](durability.md).
"""

PAGES: dict[str, Callable[[], str]] = {
    "compatibility.md": compatibility,
    "configuration.md": configuration,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
