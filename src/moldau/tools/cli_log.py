"""`moldau log`: what stands in the files of a log, and whether it is sound. No broker is asked."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moldau.tools.cli_bar import Bar
from moldau.tools.cli_frame import Failure, add_json, guarded, parser, print_json, show


def options() -> argparse.ArgumentParser:
    top = parser("log", "Segments of a log, read where they lie; no broker is asked.")
    actions = top.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, about in (
        ("dump", "print the records of segments"),
        ("verify", "check batches, records and indexes; exit code 1 when something is wrong"),
    ):
        action = actions.add_parser(name, help=about, description=about)
        action.add_argument("path", nargs="+", help="a segment, or a partition's folder")
        add_json(action)
    return top


def main(argv: list[str]) -> int:
    arguments = options().parse_args(argv)
    body = _dump if arguments.action == "dump" else _verify
    return guarded("log", lambda: body(arguments))


def _segments(paths: list[str]) -> list[Path]:
    """Raises Failure for what is no segment."""
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(path.rglob("*.log"))
            if not inside:
                raise Failure(f"{path} holds no segments (*.log): name a partition's folder.")
            found += inside
        elif path.suffix == ".log" and path.exists():
            found.append(path)
        else:
            raise Failure(f"{path} is no segment that is there: name DIR/TOPIC-0, or a .log in it.")
    return found


# --- dump


def _dump(arguments: argparse.Namespace) -> int:
    for path in _segments(arguments.path):
        for row in _records(path):
            if arguments.json:
                print_json(row)
            else:
                print(f"{row['offset']}\t{row['timestamp']}\t{row['key']}\t{row['value']}")
    return 0


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Raises Failure where the segment cannot be read further."""
    from moldau.protocol.records import CorruptBatch, batches, iterate
    from moldau.tools.dump_records import content_of

    try:
        for header, batch in batches(content_of(str(path))):
            if header.is_control:
                continue
            for record in iterate(batch):
                yield {
                    "file": str(path),
                    "offset": record.offset,
                    "timestamp": record.timestamp,
                    "headers": [[name, _text(value)] for name, value in record.headers],
                    "key": _text(record.key),
                    "value": _text(record.value),
                }
    except (CorruptBatch, OSError) as error:
        raise Failure(f"{path}: {error}. `moldau log verify` says what else is wrong.") from None


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "backslashreplace")


# --- verify


def _verify(arguments: argparse.Namespace) -> int:
    segments = _segments(arguments.path)
    bar = Bar(sum(path.stat().st_size for path in segments), "bytes")
    rows = [_check(path, bar) for path in segments]
    bar.end()
    show(rows, ["file", "batches", "records", "bytes", "problem"], arguments.json)
    return 1 if any(row["problem"] for row in rows) else 0


def _check(path: Path, bar: Bar) -> dict[str, object]:
    from moldau.protocol.records import CorruptBatch, batches, check_crc, iterate
    from moldau.tools.dump_records import content_of

    counts = {"batches": 0, "records": 0}
    good, problem, following = 0, "", -1
    content = content_of(str(path))
    try:
        for header, batch in batches(content):
            if not check_crc(batch):
                problem = f"the checksum of the batch at offset {header.base_offset} does not hold"
                break
            if header.base_offset < following:
                problem = f"offset {header.base_offset} comes again"
                break
            counts["records"] += sum(1 for _ in iterate(batch)) if header.count else 0
            counts["batches"] += 1
            following = header.next_offset
            good += header.size
            bar.step(header.size)
    except CorruptBatch as error:
        problem = str(error)
    if not problem and good < len(content):
        problem = f"{len(content) - good} bytes behind the last whole batch"
    problem = problem or _index_problem(path)
    return {"file": str(path), **counts, "bytes": len(content), "problem": problem or None}


def _index_problem(path: Path) -> str:
    """What kafka-dump-log --verify-index-only finds in the indexes beside a segment."""
    from moldau.tools.dump_findings import Findings
    from moldau.tools.dump_indexes import How, dump_offset_index, dump_time_index

    findings, how = Findings(), How(False, True)
    index, times = path.with_suffix(".index"), path.with_suffix(".timeindex")
    try:
        if index.exists() and index.stat().st_size:
            dump_offset_index(str(index), how, 2**31 - 1, findings)
        if index.exists() and times.exists():
            dump_time_index(str(times), how, findings)
    except (OSError, ValueError) as error:
        return f"an index beside it: {error}"
    return "; ".join(line.strip() for line in findings.lines())
